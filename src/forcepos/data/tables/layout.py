"""How a text's lines are to be read: found out from its beginning and its end."""

from __future__ import annotations

import csv
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from forcepos.config import TableConfig
from forcepos.errors import InputError

log = logging.getLogger(__name__)

_LONGEST = 1 << 20  # bytes of a line
_BLANKS = re.compile(rb"[ \t]+")
_MARKS = (b"%", b"#")
_BOM = b"\xef\xbb\xbf"
# What counts as no value, as Arrow has it.
MISSING = {
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL",
    "NaN", "n/a", "nan", "null",
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|inf(?:inity)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """Where a text's rows are and how they are cut.

    Attributes:
        separator: between fields; None for blanks and tabs, however many.
        decimal: the decimal mark.
        names: of the columns, None where there is no header.
        width: fields of a row.
        first, line: byte at which the first row begins, and its number in the file, from 1 on.
        end: one past the last byte of the last whole row.
    """

    separator: bytes | None
    decimal: str
    names: list[str] | None
    width: int
    first: int
    line: int
    end: int

    def fields(self, line: bytes) -> list[str]:
        """The fields of a line."""
        return _fields(line, self.separator)

    def is_number(self, field: str) -> bool:
        """Whether a field holds a number, or says that none is there."""
        return _is_number(field, self.decimal) or field.strip() in MISSING


def find_layout(path: Path, kind: str, config: TableConfig) -> Layout:
    """Look at a text of the kind `csv` or `text`; a last line that is cut short is left out, with a warning.

    Raises:
        InputError: it cannot be read, is no text, or has no rows.
    """
    try:
        with path.open("rb") as file:
            head = file.read(2 * _LONGEST)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LONGEST))
            tail = file.read()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if b"\0" in head or b"\0" in tail:
        raise InputError(f"{path} is not text: data.format={kind} cannot read it")
    separator, names, first, line = _begin(path, head, kind, config)
    row = head[first:].lstrip(b"\r\n").splitlines()[0]
    width = len(names) if names else len(_fields(row, separator))
    whole = Layout(separator, config.decimal, names, width, first, line, size)
    end = size - _cut_short(path, tail, size, whole)
    if end <= first:
        raise InputError(f"{path} has no rows")
    return Layout(separator, config.decimal, names, width, first, line, end)


def _begin(
    path: Path, head: bytes, kind: str, config: TableConfig
) -> tuple[bytes | None, list[str] | None, int, int]:
    """Separator, names, first byte and number of the first row.

    A header is all lines that a % or # marks, and one more if it is no row.
    """
    first = len(_BOM) if head.startswith(_BOM) else 0
    number, marked, names = 1, None, None
    separator = config.separator.encode() if config.separator else None
    for raw in head[first:].splitlines(keepends=True):
        text = raw.rstrip(b"\r\n")
        if len(text) > _LONGEST:
            raise InputError(f"{path}: line {number} has more than {_LONGEST:,} characters, too many for a row")
        if text.strip():
            separator = separator or _usual_separator(text, kind, config.decimal)
            separator = None if separator == b" " else separator
            is_marked = text.startswith(_MARKS)
            if not is_marked and (names or not _is_header(_fields(text, separator), config)):
                return separator, names or _of_mark(marked, text, separator), first, number
            marked, names = (text, None) if is_marked else (marked, _fields(text, separator))
        first += len(raw)
        number += 1
    raise InputError(f"{path} has no rows")


def _is_header(fields: list[str], config: TableConfig) -> bool:
    if config.header is not None:
        return config.header
    return not any(_is_number(field, config.decimal) for field in fields)


def _of_mark(marked: bytes | None, row: bytes, separator: bytes | None) -> list[str] | None:
    """Names from the last marked line, if it has one for each field of a row."""
    names = _fields(marked.lstrip(b"%# "), separator) if marked else []
    return names if len(names) == len(_fields(row, separator)) else None


def _usual_separator(line: bytes, kind: str, decimal: str) -> bytes:
    if kind == "text":
        return b" "
    found = [mark for mark in (b",", b";", b"\t") if mark != decimal.encode()]
    return max(found, key=line.count)


def _fields(line: bytes, separator: bytes | None) -> list[str]:
    line = line.rstrip(b"\r\n")
    if separator is None:
        return [_text(field) for field in _BLANKS.split(line.strip(b" \t"))]
    if b'"' not in line:
        return [_text(field).strip() for field in line.split(separator)]
    try:
        return [field.strip() for field in next(csv.reader([_text(line)], delimiter=_text(separator)))]
    except csv.Error:
        return [_text(field) for field in line.split(separator)]


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _is_number(field: str, decimal: str) -> bool:
    field = field.strip()
    if decimal == ",":
        if "." in field:
            return False
        field = field.replace(",", ".", 1)
    return _NUMBER.fullmatch(field) is not None


def _cut_short(path: Path, tail: bytes, size: int, layout: Layout) -> int:
    """Bytes of a last line that has no end, and too few fields or half a number; 0 for one that is whole."""
    if tail.endswith((b"\n", b"\r")):
        return 0
    last = tail.replace(b"\r", b"\n").rpartition(b"\n")[2]
    fields = layout.fields(last)
    if not last.strip() or size - len(last) < layout.first:
        return 0
    if len(fields) > layout.width or (len(fields) == layout.width and _ends_whole(fields[-1], layout)):
        return 0
    shown = (
        f"{len(fields)} of {layout.width} fields" if len(fields) < layout.width else f"{fields[-1]!r} at its end"
    )
    log.warning("%s: the last line is cut short, %s, and left out", path, shown)
    return len(last)


def _ends_whole(field: str, layout: Layout) -> bool:
    """Whether a line could end so: not with the beginning of a number, such as 1.2e-."""
    return layout.is_number(field) or not layout.is_number(f"{field}1")
