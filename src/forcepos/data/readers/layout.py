"""Detects the layout of a text table from its beginning and its end."""

from __future__ import annotations

import csv
import math
import os
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from forcepos.data.readers.lines import LONGEST, decoded, find_rows, is_number, is_text, lines
from forcepos.runtime.errors import InputError

_WHITESPACE = re.compile(rb"[ \t]+")
# Fields that count as a missing value, as in Arrow.
MISSING = {
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL",
    "NaN", "n/a", "nan", "null",
}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """What the config says about a text before it is looked at.

    Attributes:
        kind: csv or text; the fields of a text are separated by whitespace unless a separator is named.
        separator, header: None to detect it.
    """

    kind: str
    separator: str | None
    decimal: str
    header: bool | None


@dataclass(frozen=True)
class Layout:
    """Where the rows of a text are and how their fields are separated.

    Attributes:
        separator: between fields; None for any amount of whitespace.
        decimal: the decimal mark.
        names: of the columns, None where there is no header.
        marked: whether the header begins with % or #.
        width: fields of a row.
        first, line: byte at which the first row begins, and its line number, from 1 on.
        end: one past the last byte of the last complete row.
        cut: what is wrong with a last line that is cut short and dropped, None where none is.
    """

    separator: bytes | None
    decimal: str
    names: list[str] | None
    marked: bool
    width: int
    first: int
    line: int
    end: int
    cut: str | None = None

    def fields(self, line: bytes) -> list[str]:
        """Split a line into its fields."""
        return _fields(line, self.separator)

    def is_number(self, field: str) -> bool:
        """Return whether a field holds a number or counts as a missing one."""
        return is_number(field.strip(), self.decimal) or field.strip() in MISSING

    def is_finite(self, field: str) -> bool:
        """Return whether a field holds a finite number."""
        try:
            return math.isfinite(float(field.strip().replace(self.decimal, ".")))
        except ValueError:
            return False


def find_layout(path: Path, written: Written) -> Layout:
    """Detect the layout from a text's beginning and end.

    Raises:
        InputError: the file cannot be read, is not text, or has no rows.
    """
    try:
        with path.open("rb") as file:
            head = file.read(2 * LONGEST)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LONGEST))
            tail = file.read()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not (is_text(head) and is_text(tail)):
        raise InputError(f"{path} is not text: data.format={written.kind} cannot read it")
    try:
        whole = _without_end(head, written, size)
    except InputError as error:
        raise InputError(f"{path} {error}") from error
    bytes_cut, cut = _cut_short(tail, size, whole)
    if size - bytes_cut <= whole.first:
        raise InputError(f"{path} has no complete row")
    return replace(whole, end=size - bytes_cut, cut=cut)


def _without_end(head: bytes, written: Written, size: int) -> Layout:
    """Detect what the beginning shows; `end` and `cut` as if the last line were complete."""
    line = next(lines(head), (0, 1, b""))[2]
    separator = (written.separator or _usual_separator(line, written)).encode()
    split = partial(_fields, separator=None if separator == b" " else separator)

    def is_header(fields: list[str]) -> bool:
        guessed = not any(is_number(field.strip(), written.decimal) for field in fields)
        return guessed if written.header is None else written.header

    top = find_rows(head, split, is_header)
    width = len(split(top.row))
    # A line that begins with a mark may be any note: it names the columns if it has a name for each field.
    names = None if top.marked and len(top.names or []) != width else top.names
    return Layout(
        split.keywords["separator"], written.decimal, names, top.marked and names is not None,
        len(names) if names else width, top.begin, top.number, size,
    )  # fmt: skip


def _usual_separator(line: bytes, written: Written) -> str:
    if written.kind == "text":
        return " "
    return max((mark for mark in ",;\t" if mark != written.decimal), key=decoded(line).count)


def _fields(line: bytes, separator: bytes | None) -> list[str]:
    line = line.rstrip(b"\r\n")
    if separator is None:
        return [decoded(field) for field in _WHITESPACE.split(line.strip(b" \t"))]
    if b'"' not in line:
        return [decoded(field).strip() for field in line.split(separator)]
    try:
        return [field.strip() for field in next(csv.reader([decoded(line)], delimiter=decoded(separator)))]
    except csv.Error:
        return [decoded(field) for field in line.split(separator)]


def _cut_short(tail: bytes, size: int, layout: Layout) -> tuple[int, str | None]:
    """Bytes and error of a last line that has no end and too few fields or half a number, else 0 and None."""
    if tail.endswith((b"\n", b"\r")):
        return 0, None
    last = tail.replace(b"\r", b"\n").rpartition(b"\n")[2]
    fields = layout.fields(last)
    if not last.strip() or size - len(last) < layout.first:
        return 0, None
    if len(fields) > layout.width or (len(fields) == layout.width and _ends_whole(fields[-1], layout)):
        return 0, None
    shown = (
        f"{len(fields)} of {layout.width} fields" if len(fields) < layout.width else f"{fields[-1]!r} at its end"
    )
    return len(last), f"the last line is cut short ({shown}) and was dropped"


def _ends_whole(field: str, layout: Layout) -> bool:
    """Whether a complete line could end with this field: not with the beginning of a number, such as 1.2e-."""
    return layout.is_number(field) or not layout.is_number(f"{field}1")
