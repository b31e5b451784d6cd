"""Detects the layout of a text table from its beginning and its end: separator, names, and where rows begin."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import NamedTuple

from forcepos.data.readers.lines import MARKS, MISSING, SPACE, Content, is_number, kind_of, lines, split_fields
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_SEPARATORS = {b",": "commas", b";": "semicolons", b"\t": "tabs", SPACE: "whitespace"}  # those that are guessed
_LOOKED_AT = 10  # lines of each end, from which the format is guessed
_SHOWN = 30  # characters of a value
_CONTROL = bytes({*range(1, 32)} - {*b"\t\n\x0b\x0c\r"}) + b"\x7f"  # in no text, as NULs, which a logger may leave
# Why a field is no number, and what helps.
_CAUSES = {
    r".*\0.*": "NUL bytes, as where a logger lost power: delete the line",
    r"[+-]?[0-9]*,[0-9]+(e[+-]?[0-9]+)?": "a decimal comma: set data.decimal=','",
    r"[+-]?[0-9]*\.[0-9]+(e[+-]?[0-9]+)?": "a decimal point: set data.decimal='.'",
    r"[+-]?[0-9]{1,3}([.,' ][0-9]{3})+([.,][0-9]*)?": "separators of thousands: export the table without them",
    r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{2,4}.*|.*[0-9]:[0-9]{2}.*":
    "a time: data.time reads 2024-05-31T12:00:00.010 and 12:00:00.010",
    r"[+-]?[0-9.,]+ ?[^0-9.,]{1,6}": "a unit: export the table without it",
}  # fmt: skip
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


@dataclass(frozen=True)
class Written:
    """What is known of a text before it is looked at."""

    kind: str  # csv or text; the fields of a text are separated by whitespace unless a separator is named
    separator: str | None = None  # to detect it
    decimal: str = "."
    header: bool | None = None  # to detect it
    ended: bool = False  # each row has an end: a last line without one is cut short, however it looks


@dataclass(frozen=True)
class Layout:
    """Where the rows of a text are and how their fields are separated."""

    separator: bytes  # between fields; SPACE for any amount of whitespace
    decimal: str
    names: list[str] | None  # of the columns, None where there is no header
    marked: bool  # the header begins with % or #
    width: int  # fields of a row
    columns: int  # without empty fields at the end of all rows
    first: Line  # row
    end: int  # one past the last byte of the last complete row
    doubt: str | None = None  # how a first line was read that could be read otherwise
    cut: str | None = None  # what is wrong with a last line that is cut short and dropped
    missing: frozenset[str] = MISSING  # fields that stand for a missing number
    explained: bool = True  # errors give a cause, and the key that helps
    kinds: Mapping[int, str] = field(default_factory=dict)  # number, time or truth; of columns of no words

    def __str__(self) -> str:
        comma = ", decimal commas" if self.decimal == "," else ""
        header = "header" if self.names else "no header"
        header += " of numbers" * bool(self.names and all(map(str.isdigit, filter(None, self.names))))
        return f"{header}, {_SEPARATORS.get(self.separator, 'other characters')} between fields{comma}"

    def is_number(self, field: str) -> bool:
        """Return whether a field holds a number or counts as a missing one."""
        return is_number(field.strip(), self.decimal) or field.strip() in self.missing

    def row_error(self, line: bytes, wanted: Sequence[tuple[int, str, str]]) -> str | None:
        """Describe what is wrong with a row, if anything; `wanted`: index, name and kind of fields."""
        fields = split_fields(line, self.separator)
        if len(fields) != self.width:
            return f"has {len(fields)} field{'s'[: len(fields) != 1]}, not {self.width}"
        for place, name, kind in wanted:
            field = fields[place]
            if not (self.is_number(field) or (kind in {"time", "truth"} and kind_of(field) == kind)):
                fitting = (cause for regular, cause in _CAUSES.items() if re.fullmatch(regular, field, re.DOTALL))
                cause = f": {next(fitting, '')}".rstrip(": ") if self.explained else ""
                return f"has {field[:_SHOWN]!r} for {name}, not a number{cause}"
        return None


def find_layout(content: Content, written: Written | None) -> Layout:
    """Detect the layout from a text's beginning and end; without `written`, guess the format as well."""
    head, tail, ended = content.head[: content.size], content.tail, written is not None and written.ended
    if any(len(part.translate(None, _CONTROL)) < len(part) for part in (head, tail)):
        raise InputError("is not text" if written else "is not a Feather, Parquet or text file")
    if b"\0" in head:
        number = head.count(b"\n", 0, head.index(b"\0")) + 1
        raise InputError(f"has NUL bytes in line {number}, as where a logger lost power: delete that line")
    rows = _some_rows(head, tail)
    separator, decimal = _notation(rows, written)
    split = [split_fields(row, separator) for row in rows]
    body = _find_body(split[:1] if ended else split)  # a controller's log has its names first
    alike = 2 * len(body.rows) >= sum(any(map(kind_of, fields)) for fields in split)
    if not written and len(split) > 1 and not (alike and "number" in body.kinds.values()):
        raise InputError("is not a table: most lines have no numbers, or differ in their number of fields")
    first, named, doubt = _find_header(_all_lines(head, separator), body, written.header if written else None)
    # None for spare columns without a name; R writes quotes with any separator.
    names = named and [name.strip('"') for name in named.fields]
    while names and not names[-1] and len(names) > body.width - body.spare:
        names.pop()
    whole = Layout(
        separator, decimal, names, bool(named and named.marked), width=body.width or len(first.fields),
        columns=len(names or ()) or body.width - body.spare, first=first, end=content.size, doubt=doubt,
        explained=not ended, kinds=body.kinds,
    )  # fmt: skip
    last = tail.replace(b"\r", b"\n").rpartition(b"\n")[2]
    begin = content.size - len(last)
    cut = _cut_short(last, whole, ended or content.nuls > 0) if last.strip() and begin >= first.begin else None
    if cut and begin <= first.begin:
        raise InputError("has no complete row")
    return replace(whole, end=begin, cut=cut) if cut else whole


def _all_lines(head: bytes, separator: bytes) -> Iterator[Line]:
    marks = MARKS if separator == b";" else (*MARKS, b";")
    for begin, number, line in lines(head):
        marked = line.startswith(marks)
        yield Line(begin, number, split_fields(line.lstrip(b"%#/; ") if marked else line, separator), marked)


def _cut_short(last: bytes, layout: Layout, ended: bool) -> str | None:
    """Return the error of a last line that has no end and too few fields or half a number."""
    fields = split_fields(last, layout.separator)
    faults = {
        f"{len(fields)} of {layout.width} fields": len(fields) < layout.width,
        "it has no end": ended and not last.endswith((b" ", b"\t")),
        # A complete line cannot end with the beginning of a number, such as 1.2e-.
        f"{fields[-1]!r} at its end": layout.is_number(f"{fields[-1]}1") and not layout.is_number(fields[-1]),
    }
    found = [fault for fault, there in faults.items() if there]
    if not found or (len(fields) > layout.width and not ended):
        return None
    return f"the last line is cut short ({found[0]}) and was dropped"


def _some_rows(head: bytes, tail: bytes) -> list[bytes]:
    """Take some lines that are not blank from both ends: no notes, and none that may have been cut."""
    first = list(islice((line for _, _, line in lines(head) if not line.startswith(MARKS)), _LOOKED_AT))
    first = first[:-1] if 1 < len(first) < _LOOKED_AT and not head.endswith((b"\n", b"\r")) else first
    last = [line for line in tail[-(1 << 16) :].splitlines()[1:-1] if line.strip()][-_LOOKED_AT:]
    return list(dict.fromkeys(first + last))  # titles and notes above the rows may be many


def _notation(rows: Sequence[bytes], written: Written | None) -> tuple[bytes, str]:
    """Return the separator and decimal mark: what is written, else those there are that split best."""
    if written and written.separator:
        return written.separator.encode(), written.decimal
    first = [SPACE] if written and written.kind == "text" else []
    usual = [*first, *[*_SEPARATORS][: 3 if written else 4]]  # whitespace separates nothing in CSV
    there = [mark for mark in usual if any(mark in row for row in rows)]
    quoted = any(b'"' in row for row in rows)
    if written and written.decimal == "," and not quoted:
        if there == [b","]:
            raise InputError("seems to have commas between fields, not in numbers: set data.decimal='.'")
        there = [mark for mark in there if mark != b","]
    there = there or [usual[0], SPACE]
    if written and len(there) == 1:
        return there[0], written.decimal
    split = {one: [split_fields(row, one) for row in rows] for one in there}
    pairs = [(one, mark) for one in there for mark in ".,"[: 1 + (one != b"," or quoted)]]
    separator, decimal = max(pairs, key=lambda pair: _score(split[pair[0]], pair[1]))
    return separator, written.decimal if written else decimal


def _score(split: Sequence[list[str]], mark: str) -> tuple[float, bool, int, int]:
    """Return the share of numbers in lines alike, whether as many names are there, and the fields in use."""
    weights: Counter[int] = Counter()
    for fields in split[1:] or split:
        weights[len(fields)] += sum(is_number(field, mark) or not field for field in fields)
    ((count, numbers),) = weights.most_common(1) or [(0, 0)]
    share = numbers / max(1, sum(map(len, split[1:] or split)))
    names = [len(fields) for fields in split[:_LOOKED_AT] if not any(map(kind_of, fields))]
    # A mark that ends rows, or stands beside another one, leaves fields empty.
    spare = min((fields.count("") for fields in split), default=0)
    return (round(share, 3) if count > 1 else 0.001 * share, not names or count in names, count - spare, -spare)


def _find_body(lines: Sequence[list[str]]) -> Body:
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


def _find_header(lines: Iterator[Line], body: Body, header: bool | None) -> tuple[Line, Line | None, str | None]:
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
        fields = f"{body.width} fields in most lines: data.separator and data.header say how to read it"
        raise InputError(f"has {len(words)} names in line {title.number}, but {fields}")
    doubt = f"its first line, {name_some(line.fields, 3)}, is read as a row: data.header=true reads it as names"
    counted = [[str(first + place) for place in range(len(line.fields))] for first in (0, 1)]
    return line, None, doubt if header is not False and len(line.fields) > 1 and line.fields in counted else None


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
