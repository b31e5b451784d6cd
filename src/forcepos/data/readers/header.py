"""Finds where the rows of a text begin and which line above them names the columns."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from forcepos.data.readers.lines import MISSING, TIME, TRUTH, is_value
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_UNITS = re.compile(
    r"[\[(<{].*[\])>}]|[-–—_]*|1|%|°C?|([numkM]?(s|sec|N|m|A|V|Hz|g|rad|W|Pa|counts?)|deg|deg/s|rad/s²?|m?m/s²?)"
    r"|(m?N|k?N)[ ·*.]?m?m|Bool|float|int|double"
)
_FEW = 5  # rows: too few whole numbers to tell a header of numbers from a row


class Line(NamedTuple):
    """A line that is not blank: its first byte, its number from 1 on, its fields; a marked one begins with % or #."""

    begin: int
    number: int
    fields: list[str]
    marked: bool


@dataclass(frozen=True)
class Body:
    """What rows look like, from some of the first lines.

    Attributes:
        width: fields of a row.
        spare: fields at its end that are empty in each row, for rows end with separators.
        kinds: number, time or truth, of columns that hold no words.
    """

    rows: Sequence[Sequence[str]]
    width: int
    spare: int
    kinds: dict[int, str]

    def fits(self, fields: Sequence[str]) -> bool:
        """Return whether fields may name the columns: all, or all but those at the end, or of R's row names."""
        count = len(fields)
        while count > self.width and not fields[count - 1]:
            count -= 1
        return self.width - max(self.spare, int(self.has_row_names)) <= count <= self.width

    @property
    def has_row_names(self) -> bool:
        """Return whether the first column may be without a name: it counts rows, or holds words."""
        first = [row[0].strip('"') for row in self.rows]
        counts = all(re.fullmatch("[0-9]{1,9}", one) for one in first) and are_counted([*map(int, first)])
        return bool(first) and not self.spare and self.width > 1 and (counts or 0 not in self.kinds)

    def named(self, fields: Sequence[str]) -> list[str]:
        """Return a name for each column, empty for one that has none."""
        names = list(fields[: self.width])
        while len(names) > self.width - self.spare and not names[-1]:
            names.pop()
        return names if len(names) >= self.width - self.spare else ["", *names]


def are_counted(numbers: Sequence[int]) -> bool:
    """Return whether each number is one more than the one before."""
    return [*numbers] == [*range(numbers[0], numbers[0] + len(numbers))] if numbers else False


def find_body(lines: Sequence[list[str]]) -> Body:
    """Tell what most lines with values have in common."""
    weights: Counter[int] = Counter()
    for fields in lines:
        weights[len(fields)] += sum(map(is_value, fields))
    width = weights.most_common(1)[0][0] if weights else 0
    rows = [fields for fields in lines if len(fields) == width and any(map(is_value, fields))]
    ends = (next((n for n, field in enumerate(reversed(row)) if field), width - 1) for row in rows)
    kinds = {place: _kind([row[place] for row in rows if row[place]]) for place in range(width)}
    return Body(rows, width, min(ends, default=0), {place: kind for place, kind in kinds.items() if kind})


def _kind(column: Sequence[str]) -> str:
    if any(field.isalpha() for field in column) and 2 * sum(map(bool, map(TRUTH.fullmatch, column))) > len(column):
        return "truth"
    if 2 * sum(map(bool, map(TIME.fullmatch, column))) > len(column):
        return "time"
    return "number" if 2 * sum(map(is_value, column)) > len(column) else ""


class Header(NamedTuple):
    """The names of columns, if there are any, what is doubtful about them, and the first row."""

    names: list[str] | None
    marked: bool
    doubt: str | None
    row: Line


def find_header(lines: Iterator[Line], body: Body, header: bool | None) -> Header:
    """Find the first row and what names the columns above it; `header`: whether a line does, None to guess.

    Raises:
        InputError: there are no rows, or as many names as no row has fields.
    """
    above: list[Line] = []
    doubt = None
    for line in lines:
        if not line.marked:
            is_row, doubt = _is_row(line.fields, body, above, header)
            if is_row:
                break
        above.append(line)
    else:
        raise InputError("has a header but no rows" if above else "has no rows")
    unmarked = [one for one in above if not one.marked and any(one.fields)] if header is not False else []
    named = [one.fields for one in unmarked if body.fits(one.fields)]
    notes = [one.fields for one in above if one.marked and len(one.fields) == body.width]
    if named and not (notes and all(map(_are_units, named))):
        names = _names(named)
        shorter = len(names) < body.width - body.spare
        doubt = "its header lacks one name, of the first column as it seems" if shorter else doubt
        return Header(body.named(names), False, doubt, line)
    if unmarked and not named and len(unmarked[-1].fields) > 1 and not any(map(is_value, unmarked[-1].fields)):
        raise InputError(
            f"has {len(unmarked[-1].fields)} names in line {unmarked[-1].number}, but {body.width} fields in most "
            "lines: data.separator and data.header say how to read it"
        )
    if notes and (named or notes[-1] == above[-1].fields):
        names = notes[-2] if len(notes) > 1 and _are_units(notes[-1]) else notes[-1]
        return Header(body.named(names), True, None, line)
    return Header(None, False, doubt, line)


def _is_row(fields: list[str], body: Body, above: Sequence[Line], header: bool | None) -> tuple[bool, str | None]:
    """Return whether a line is the first row, and what is doubtful about that."""
    fits, begins = body.fits(fields), is_value(fields[0])
    if header is False:
        return len(fields) == body.width or begins, None
    if any(body.fits(one.fields) and any(one.fields) for one in above if not one.marked):
        return not _is_below_names(fields, body), None
    if header:
        return not fits and begins, None
    if not any(map(is_value, fields)):
        return False, None
    if fits:
        labels, doubt = _are_labels(fields, body)
        if labels or doubt:
            return not labels, doubt
    return begins or (fits and body.kinds.get(0) is None), None


def _is_below_names(fields: Sequence[str], body: Body) -> bool:
    """Return whether a line below the names holds no row but units, or names again."""
    values = [field for field in fields if is_value(field) and field != "1" and field not in MISSING]
    words = [bool(field) and not is_value(field) for field in fields]
    return body.fits(fields) and not values and any(words[place] for place in body.kinds if place < len(words))


def _are_labels(fields: Sequence[str], body: Body) -> tuple[bool, str | None]:
    """Return whether numbers in the first line name columns: 0, 1, 2 or joints; and what is doubtful about that."""
    labels = {place: int(field) for place, field in enumerate(fields) if re.fullmatch("[0-9]{1,4}", field)}
    others = [place for place, field in enumerate(fields) if place not in labels and (field or place)]
    numbers = [*labels.values()]
    counted = are_counted(numbers)
    if len({*numbers}) != len(numbers) or len(numbers) < 2 or (not counted and (others or len(numbers) < 4)):
        return False, None
    if any(is_value(fields[place]) or place not in body.kinds for place in others):
        return False, None
    below = [row for row in body.rows if row != list(fields)]
    whole = all(re.fullmatch("[+-]?[0-9]*", row[place]) for row in below for place in labels if place < len(row))
    if not below or (not whole and len(numbers) < 3):
        return False, None
    far = sum(_is_far(label, [row[place] for row in below]) for place, label in labels.items())
    are_labels = bool(others) or (2 * far > len(labels) and (not whole or len(below) >= _FEW))
    if not (whole and counted and numbers[0] in (0, 1) and len(below) >= _FEW) or others:
        return are_labels, None
    line = f"its first line, {name_some(fields, 3)}, is read as "
    names, row = (
        "the names of columns: data.header=false reads it as a row",
        "a row: data.header=true reads it as names",
    )
    return are_labels, line + (names if are_labels else row)


def _is_far(label: int, column: Sequence[str]) -> bool:
    """Return whether a number is none of a column's: that holds fractions or words, or others far from it."""
    numbers = [int(field) for field in column if re.fullmatch("[+-]?[0-9]{1,18}", field)]
    if 2 * len(numbers) < len(column):
        return True
    low, high = min(numbers, default=label), max(numbers, default=label)
    return max(low - label, label - high) > high - low + 1


def _names(rows: Sequence[list[str]]) -> list[str]:
    """Choose from the rows above the first one with values: the last, unless it holds units; or the first two."""
    for fields in reversed(rows):
        if len({*fields}) == len(fields) and not (_are_units(fields) and len(rows) > 1):
            return fields
    if len(rows) == 1:
        return rows[0]
    return [f"{one} {two}".strip() for one, two in zip(rows[0], rows[1], strict=False)]


def _are_units(fields: Sequence[str]) -> bool:
    return all(map(_UNITS.fullmatch, fields)) or len({*fields}) < len(fields)
