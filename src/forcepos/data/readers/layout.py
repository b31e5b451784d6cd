"""Detects the layout of a text table from its beginning and its end."""

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from forcepos.data.readers.lines import BOM, LONGEST, MARKS, MISSING, decoded, is_number, is_text, lines
from forcepos.runtime.errors import InputError

SPACE = b" "  # as a separator: any amount of whitespace
_WHITESPACE = re.compile(rb"[ \t]+")
_SEPARATORS = {b";": "semicolons", b"\t": "tabs", b",": "commas", SPACE: "whitespace"}  # those that are guessed
_START = 1 << 17  # bytes from which a layout is guessed
_LOOKED_AT = 100  # lines, likewise
_SHOWN = 30  # characters of a value


@dataclass(frozen=True)
class Written:
    """What is known of a text before it is looked at.

    Attributes:
        kind: csv or text; the fields of a text are separated by whitespace unless a separator is named.
        separator, header: None to detect it.
        ended: whether each row has an end, so that a last line without one is cut short, however it looks.
    """

    kind: str
    separator: str | None = None
    decimal: str = "."
    header: bool | None = None
    ended: bool = False


@dataclass(frozen=True)
class Layout:
    """Where the rows of a text are and how their fields are separated.

    Attributes:
        separator: between fields; SPACE for any amount of whitespace.
        decimal: the decimal mark.
        names: of the columns, None where there is no header.
        marked: whether the header begins with % or #.
        width: fields of a row.
        first, line: byte at which the first row begins, and its line number, from 1 on.
        end: one past the last byte of the last complete row.
        cut: what is wrong with a last line that is cut short and dropped, None where none is.
        missing: fields that stand for a missing number.
    """

    separator: bytes
    decimal: str
    names: list[str] | None
    marked: bool
    width: int
    first: int
    line: int
    end: int
    cut: str | None = None
    missing: frozenset[str] = frozenset(MISSING)

    def __str__(self) -> str:
        """Describe the layout in words."""
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


def find_layout(file: BinaryIO, written: Written) -> Layout:
    """Detect the layout from a text's beginning and end.

    Raises:
        InputError: it is not text, or has no rows.
    """
    head = file.read(2 * LONGEST)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LONGEST))
    tail = file.read()
    if not (is_text(head) and is_text(tail)):
        raise InputError("is not text")
    whole = _without_end(head, written, size)
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
        if not is_marked and (not marked or not _is_header(fields, written)):
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


def _is_header(fields: Sequence[str], written: Written) -> bool:
    guessed = not any(is_number(field.strip(), written.decimal) for field in fields)
    return guessed if written.header is None else written.header


def split_fields(line: bytes, separator: bytes) -> list[str]:
    """Split a line into its fields, without whitespace around them."""
    line = line.rstrip(b"\r\n")
    if separator == SPACE:
        return [decoded(field) for field in _WHITESPACE.split(line.strip(b" \t"))]
    if b'"' not in line:
        return [decoded(field).strip() for field in line.split(separator)]
    try:
        return [field.strip() for field in next(csv.reader([decoded(line)], delimiter=decoded(separator)))]
    except csv.Error:
        return [decoded(field) for field in line.split(separator)]


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
