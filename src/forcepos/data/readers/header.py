"""Finds where the rows of a text begin and which line above them names the columns."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from forcepos.data.readers.lines import KINDS, MISSING, is_value
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_UNITS = re.compile(
    r"[\[(<{].*[\])>}]|[-_]*|1|%|°C?|[num]?s|sec|[mkM]?N|([mk]?N)[ ·*.]?m?m|[cmµ]?m|[mµ]?(A|V)|g|deg|rad"
    r"|(deg|rad|m|mm)/s|bool|float|float32|float64|int|int32|double"
)
_FEW = 5  # rows of each end


class Line(NamedTuple):
    """A line that is not blank: its first byte, its number from 1 on, its fields, and whether it is a note."""

    begin: int
    number: int
    fields: list[str]
    marked: bool


class Body(NamedTuple):
    """What rows look like: some of them, their fields, and how many at their end are empty in each row."""

    rows: Sequence[Sequence[str]]
    width: int
    spare: int
    kinds: dict[int, str]  # number, time or truth, of columns that hold no words

    def fits(self, fields: Sequence[str]) -> bool:
        """Return whether fields may name the columns: all of them, or all but spare ones, or but the first."""
        least = self.width - max(self.spare, int(self._has_row_names()))
        return least <= len(fields) and not any(fields[self.width :]) and 2 * sum(map(bool, fields)) >= self.width

    def _has_row_names(self) -> bool:
        """Return whether the first column holds words or counts rows, so that R gives it no name."""
        first = [row[0].strip('"') for row in self.rows if not self.spare and self.width > 1]
        return bool(first) and (0 not in self.kinds or _are_counted(first))

    def names(self, fields: Sequence[str]) -> list[str]:
        """Return a name for each column, empty for one that has none."""
        names, least = list(fields[: self.width]), self.width - self.spare
        while len(names) > least and not names[-1]:
            names.pop()
        return names if len(names) >= least else ["", *names]


class Header(NamedTuple):
    """The names of columns, if there are any, whether they are marked, what is doubtful, and the first row."""

    names: list[str] | None
    marked: bool
    doubt: str | None
    row: Line


def find_body(lines: Sequence[list[str]]) -> Body:
    """Tell what most lines with values have in common."""
    weights: Counter[int] = Counter()
    for fields in lines:
        weights[len(fields)] += sum(map(is_value, fields))
    width = weights.most_common(1)[0][0] if weights else 0
    rows = [fields for fields in lines if len(fields) == width and any(map(is_value, fields))]
    spare = min((next((n for n, field in enumerate(reversed(row)) if field), 0) for row in rows), default=0)
    kinds = {place: _kind([row[place] for row in rows if row[place]]) for place in range(width)}
    return Body(rows, width, spare, {place: kind for place, kind in kinds.items() if kind})


def _kind(column: list[str]) -> str:
    ends = column[:_FEW] + column[-_FEW:]  # most columns hold numbers, which these show
    likely = {
        "time": any(":" in field or "-" in field[1:] for field in ends),
        "truth": any(field.lower() in {"true", "false"} for field in ends),
    }
    for kind in filter(likely.get, KINDS):
        if 2 * sum(KINDS[kind].fullmatch(field) is not None for field in column) > len(column):
            return kind
    return "number" if 2 * sum(map(is_value, column)) > len(column) else ""


def find_header(lines: Iterator[Line], body: Body, header: bool | None) -> Header:
    """Find the first row and what names the columns above it; `header`: whether a line does, None to guess.

    Raises:
        InputError: there are no rows, or as many names as no row has fields.
    """
    notes, named, title, line = list[Line](), list[list[str]](), None, None
    for line in lines:
        if line.marked:
            notes.append(line)
        elif _is_row(line.fields, body, bool(named), header):
            break
        elif body.fits(line.fields):
            named.append(line.fields)
        else:
            title = line
    else:
        raise InputError("has a header but no rows" if line else "has no rows")
    marked = [note.fields for note in notes if len(note.fields) == body.width]
    if marked and notes[-1].fields == marked[-1] and (not named or all(map(_are_units, named))):
        units = len(marked) > 1 and _are_units(marked[-1])
        return Header(body.names(marked[-2 if units else -1]), True, None, line)
    if not named:
        _refuse_other_names(title, body, header)
        doubt = (
            "a row: data.header=true reads it as names" if header is None and _may_be_names(line.fields) else ""
        )
        first = f"its first line, {name_some(line.fields, 3)}, is read as {doubt}"
        return Header(None, False, first if doubt else None, line)
    names = _names(named)
    doubt = "its header has a name less than its rows have fields: the first column is read as without a name"
    return Header(body.names(names), False, doubt if len(names) < body.width - body.spare else None, line)


def _refuse_other_names(title: Line | None, body: Body, header: bool | None) -> None:
    names = [field for field in title.fields if field] if title else []
    if title and header is not False and len(names) > 1 and not any(map(is_value, names)):
        raise InputError(
            f"has {len(names)} names in line {title.number}, but {body.width} fields in most lines: "
            "data.separator and data.header say how to read it"
        )


def _is_row(fields: list[str], body: Body, named: bool, header: bool | None) -> bool:
    fits, begins = body.fits(fields), is_value(fields[0])
    if header is False:
        return len(fields) == body.width or begins
    if named:
        return not _is_below_names(fields, body)
    if header:
        return not fits and begins
    if not any(map(is_value, fields)) or (fits and _are_labels(fields, body)):
        return False
    return begins or (len(fields) == body.width and 0 not in body.kinds)


def _is_below_names(fields: Sequence[str], body: Body) -> bool:
    """Return whether a line below the names is no row but units, or more names: words above numbers."""
    values = [field for field in fields if is_value(field) and field != "1" and field not in MISSING]
    words = {place for place, field in enumerate(fields) if field and not is_value(field)}
    return body.fits(fields) and not values and not words.isdisjoint(body.kinds)


def _are_labels(fields: Sequence[str], body: Body) -> bool:
    """Return whether numbers name columns: 0, 1, 2 or those of joints, maybe among words, above other values."""
    labels = [place for place, field in enumerate(fields) if re.fullmatch("[0-9]{1,4}", field)]
    words = [place for place, field in enumerate(fields) if field and place not in labels]
    numbers = [fields[place] for place in labels]
    rising = len(numbers) > 3 and all(int(one) < int(two) for one, two in pairwise(numbers))
    if any(is_value(fields[place]) or place not in body.kinds for place in words):
        return False
    below = [row for row in body.rows if row != fields and len(row) == len(fields)]
    whole = sum(all(re.fullmatch("[+-]?[0-9]*", row[place]) for row in below) for place in labels)
    return len(numbers) > 2 and (_are_counted(numbers) or rising) and 2 * whole < len(labels)


def _may_be_names(fields: Sequence[str]) -> bool:
    return len(fields) > 1 and fields[0] in {"0", "1"} and _are_counted(fields)


def _are_counted(fields: Sequence[str]) -> bool:
    """Return whether each field is a whole number, and one more than the one before."""
    numbers = [int(field) for field in fields if re.fullmatch("[0-9]{1,9}", field)]
    return len(numbers) == len(fields) and all(one + 1 == two for one, two in pairwise(numbers))


def _names(rows: Sequence[list[str]]) -> list[str]:
    """Choose from the rows above the first one with values: the last, unless it holds units; or the first two."""
    for fields in reversed(rows):
        if len(rows) == 1 or not _are_units(fields):
            return fields
    return [f"{one} {two}".strip() for one, two in zip(rows[0], rows[1], strict=False)]


def _are_units(fields: Sequence[str]) -> bool:
    return all(map(_UNITS.fullmatch, fields)) or len({*fields}) < len(fields)
