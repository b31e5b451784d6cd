"""Detects the layout of a text table from its beginning and its end."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from forcepos.data.readers.lines import (
    BOM,
    LONGEST,
    MARKS,
    SPACE,
    decoded,
    is_number,
    is_text,
    lines,
    split_fields,
)
from forcepos.runtime.errors import InputError

_SEPARATORS = {b";": "semicolons", b"\t": "tabs", b",": "commas", SPACE: "whitespace"}  # those that are guessed
# Fields that count as a missing value, as in Arrow.
_MISSING = {
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL",
    "NaN", "n/a", "nan", "null",
}  # fmt: skip
_LOOKED_AT = 100  # lines from which the format is guessed
_SHOWN = 30  # characters of a value


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
    first: int  # byte at which the first row begins
    line: int  # number of the first row, from 1 on
    end: int  # one past the last byte of the last complete row
    cut: str | None = None  # what is wrong with a last line that is cut short and dropped
    missing: frozenset[str] = frozenset(_MISSING)  # fields that stand for a missing number

    def __str__(self) -> str:
        comma = ", decimal commas" if self.decimal == "," else ""
        return f"{'header' if self.names else 'no header'}, {_SEPARATORS[self.separator]} between fields{comma}"

    def is_number(self, field: str) -> bool:
        """Return whether a field holds a number or counts as a missing one."""
        return is_number(field.strip(), self.decimal) or field.strip() in self.missing

    def row_error(self, fields: Sequence[str], wanted: Sequence[tuple[int, str]]) -> str | None:
        """Describe what is wrong with a row, if anything; `wanted`: index and name of fields with numbers."""
        if len(fields) != self.width:
            return f"has {len(fields)} field{'s'[: len(fields) != 1]}, not {self.width}"
        wrong = (f"has {fields[n][:_SHOWN]!r} for {name}, not a number" for n, name in wanted
                 if not self.is_number(fields[n]))  # fmt: skip
        return next(wrong, None)


def find_layout(file: BinaryIO, written: Written | None) -> Layout:
    """Detect the layout from a text's beginning and end; without `written`, guess the format as well.

    Raises:
        InputError: it is not text, has no rows, or is no table as far as can be guessed.
    """
    head = file.read(2 * LONGEST)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LONGEST))
    tail = file.read()
    if not (is_text(head) and is_text(tail)):
        raise InputError("is not text" if written else "is not a Feather, Parquet or text file")
    rows = [] if written else _first_rows(head)
    written = written or _guess(rows[1:] or rows)
    whole = _without_end(head, written, size)
    if rows:
        _refuse_prose(rows, whole)
    bytes_cut, cut = _cut_short(tail, size, whole, written)
    if size - bytes_cut <= whole.first:
        raise InputError("has no complete row")
    return replace(whole, end=size - bytes_cut, cut=cut)


def _without_end(head: bytes, written: Written, size: int) -> Layout:
    """Detect what the beginning shows; `end` and `cut` as if the last line were complete.

    The header is all lines that begin with % or #, and one more if it is no row.
    """
    separator, names, marked = b"", None, True
    for begin, number, line in lines(head):
        separator = separator or (written.separator or _usual_separator(line, written)).encode()
        is_marked = line.startswith(MARKS)
        fields = split_fields(line.lstrip(b"%# ") if is_marked else line, separator)
        has_number = any(is_number(field.strip(), written.decimal) for field in fields)
        is_header = not has_number if written.header is None else written.header
        if not is_marked and (not marked or not is_header):
            # A line that begins with a mark may be any note: it names the columns if it has a name for each field.
            names = None if marked and len(names or []) != len(fields) else names
            width = len(names or fields)
            return Layout(separator, written.decimal, names, marked and bool(names), width, begin, number, size)
        names, marked = fields, is_marked
    raise InputError("has a header but no rows" if names else "has no rows")


def _usual_separator(line: bytes, written: Written) -> str:
    if written.kind == "text":
        return " "
    return max((mark for mark in ",;\t" if mark != written.decimal), key=decoded(line).count)


def _cut_short(tail: bytes, size: int, layout: Layout, written: Written) -> tuple[int, str | None]:
    """Bytes and error of a last line that has no end and too few fields or half a number, else 0 and None."""
    last = tail.removeprefix(BOM).replace(b"\r", b"\n").rpartition(b"\n")[2]
    fields = split_fields(last, layout.separator)
    if not last.strip() or size - len(last) < layout.first or (len(fields) > layout.width and not written.ended):
        return 0, None
    if len(fields) < layout.width:
        shown = f"{len(fields)} of {layout.width} fields"
    elif written.ended and not last.endswith((b" ", b"\t")):
        shown = "it has no end"
    # A complete line cannot end with the beginning of a number, such as 1.2e-.
    elif layout.is_number(f"{fields[-1]}1") and not layout.is_number(fields[-1]):
        shown = f"{fields[-1]!r} at its end"
    else:
        return 0, None
    return len(last), f"the last line is cut short ({shown}) and was dropped"


def _first_rows(head: bytes) -> list[bytes]:
    """Take some lines that are not blank: no notes, and none that may have been cut."""
    rows = list(islice((line for _, _, line in lines(head) if not line.startswith(MARKS)), _LOOKED_AT))
    return rows[:-1] if 1 < len(rows) < _LOOKED_AT and len(head) == 2 * LONGEST else rows


def _guess(rows: Sequence[bytes]) -> Written:
    """Choose the separator and decimal mark under which most fields are numbers and lines are alike."""
    best, chosen = (0.0, 0), Written("csv", ",")
    for separator in _SEPARATORS if rows else ():
        split = [split_fields(row, separator) for row in rows]
        count, alike = Counter(map(len, split)).most_common(1)[0]
        flat = [field for fields in split for field in fields]
        for mark in ".," if separator != b"," else ".":
            numbers = sum(is_number(field, mark) or not field for field in flat) / len(flat)
            score = (round(numbers * alike / len(rows), 3) if count > 1 else 0.001 * numbers, count)
            if score > best:
                best = score
                chosen = Written("text" if separator == SPACE else "csv", separator.decode(), mark)
    return chosen


def _refuse_prose(rows: Sequence[bytes], layout: Layout) -> None:
    split = [split_fields(row, layout.separator) for row in rows]
    width, alike = Counter(map(len, split)).most_common(1)[0]
    usual = (field for fields in split if len(fields) == width for field in fields)
    if 2 * alike < len(split) or not any(is_number(field, layout.decimal) for field in usual):
        raise InputError("is not a table: most lines have no numbers, or differ in their number of fields")
    if width != layout.width:
        where = "header" if layout.names else "first row"
        raise InputError(f"has {layout.width} columns in its {where}, but most lines have {width} fields")
