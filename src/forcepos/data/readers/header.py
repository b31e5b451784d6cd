"""Finds where the rows of a text begin and which line above them names the columns."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from forcepos.data.readers.lines import MISSING, kind_of
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_UNITS = re.compile(
    r"[\[(<{].*[\])>}]|[-_]*|1|%|°C?|[num]?s|sec|[mkM]?N|([mk]?N)[ ·*.]?m?m|[cmµ]?m|[mµ]?(A|V)|g|deg|rad"
    r"|(deg|rad|m|mm)/s|bool|float|float32|float64|int|int32|double"
)


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
        """Return whether fields may name the columns: all of them, or all but spare ones."""
        few = len(fields) < self.width - self.spare or 2 * sum(map(bool, fields)) < self.width
        return not few and not any(fields[self.width :])


def find_body(lines: Sequence[list[str]]) -> Body:
    """Tell what most lines with values have in common."""
    kinds, weights = [[kind_of(field) for field in fields] for fields in lines], Counter[int]()
    for line in kinds:
        weights[len(line)] += sum(map(bool, line))
    width = max(weights, key=weights.__getitem__, default=0)
    rows = [(fields, line) for fields, line in zip(lines, kinds, strict=True) if len(line) == width and any(line)]
    spare = min((next((n for n, field in enumerate(reversed(row)) if field), 0) for row, _ in rows), default=0)
    known = [Counter(line[n] for fields, line in rows if fields[n] not in MISSING) for n in range(width)]
    most = ((place, *one, count.total()) for place, count in enumerate(known) for one in count.most_common(1))
    common = {place: kind for place, kind, count, total in most if kind and 2 * count > total}
    return Body([fields for fields, _ in rows], width, spare, common)


def find_header(lines: Iterator[Line], body: Body, header: bool | None) -> tuple[Line, Line | None, str | None]:
    """Find the first row, the line above it that names the columns (`header`: whether one does), and a doubt."""
    notes, named, title, line = list[Line](), list[Line](), None, None
    for line in lines:
        if line.marked:
            notes.append(line)
        elif _is_row(line.fields, body, bool(named), header):
            break
        elif body.fits(line.fields):
            named.append(line)
        else:
            title = line
    else:
        raise InputError("has a header but no rows" if line else "has no rows")
    if above := [*(note for note in notes[-2:] if len(note.fields) == body.width), *named]:
        # The last that holds no units or types: they stand below the names.
        return line, next((one for one in reversed(above) if not _are_units(one.fields)), above[0]), None
    words = [field for field in title.fields if field] if title and header is not False else []
    if title and len(words) > 1 and not any(map(kind_of, words)):
        raise InputError(
            f"has {len(words)} names in line {title.number}, but {body.width} fields in most lines: "
            "data.separator and data.header say how to read it"
        )
    doubt = f"its first line, {name_some(line.fields, 3)}, is read as a row: data.header=true reads it as names"
    counted = [[str(first + place) for place in range(len(line.fields))] for first in (0, 1)]
    doubtful = header is not False and len(line.fields) > 1 and line.fields in counted
    return line, None, doubt if doubtful else None


def _is_row(fields: list[str], body: Body, named: bool, header: bool | None) -> bool:
    fits, kinds = body.fits(fields), [kind_of(field) for field in fields]
    begins = bool(kinds[0]) or (len(fields) == body.width and 0 not in body.kinds)
    if header is False:
        return len(fields) == body.width or begins
    if named:  # a line below the names is a row unless it holds units, or more names: words above numbers
        values = any(of and of != "missing" and field != "1" for of, field in zip(kinds, fields, strict=True))
        return values or not fits or all(kinds[n] or not fields[n] for n in body.kinds if n < len(fields))
    if header:
        return begins and not fits
    return begins and any(kinds) and not (fits and _are_labels(fields, body))


def _are_labels(fields: Sequence[str], body: Body) -> bool:
    """Return whether numbers name columns: 0, 1, 2 or those of joints, maybe among words, above other values."""
    labels = {place: int(field) for place, field in enumerate(fields) if re.fullmatch("[0-9]{1,4}", field)}
    words = [place for place, field in enumerate(fields) if field and place not in labels]
    steps = {two - one for one, two in pairwise(labels.values())}
    odd = any(kind_of(fields[place]) or place not in body.kinds for place in words)
    if odd or len(labels) < 3 or min(steps) < 1 or (steps != {1} and len(labels) == 3):
        return False
    below = [row for row in body.rows if row != fields]
    whole = [place for place in labels if all(re.fullmatch("[+-]?[0-9]*", row[place]) for row in below)]
    return 2 * len(whole) < len(labels)


def _are_units(fields: Sequence[str]) -> bool:
    return all(map(_UNITS.fullmatch, fields)) or len({*fields}) < len(fields)
