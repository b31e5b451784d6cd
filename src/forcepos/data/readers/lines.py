"""Lines, headers, numbers and row errors of text files, be they logs or tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forcepos.runtime.errors import InputError

BOM = b"\xef\xbb\xbf"
CONTROL = bytes(sorted({*range(32)} - {*b"\t\n\x0b\x0c\r"})) + b"\x7f"  # in no text
LONGEST = 1 << 20  # bytes of a line
_MARKS = (b"%", b"#")  # begin a line that is a note or names the columns
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_SHOWN = 30  # characters of a value
# The numbers that Arrow parses.
_NUMBERS = {
    mark: re.compile(
        rf"[+-]?(?:(?:[0-9]+(?:[{mark}][0-9]*)?|[{mark}][0-9]+)(?:e[+-]?[0-9]+)?|nan(?:\([a-z0-9_]*\))?|inf(?:inity)?)",
        re.IGNORECASE | re.ASCII,
    )
    for mark in (".", ",")
}


@dataclass(frozen=True)
class Top:
    """Where the rows of a text begin.

    Attributes:
        names: fields of the last line of the header, None where there is no header.
        marked: whether that line begins with % or #.
        row: the first row.
        begin, number: its first byte, and its line number, from 1 on.
    """

    names: list[str] | None
    marked: bool
    row: bytes
    begin: int
    number: int


def find_rows(text: bytes, fields: Callable[[bytes], list[str]], is_header: Callable[[list[str]], bool]) -> Top:
    """Find where the rows begin: the header is all lines that begin with % or #, and one more if it is no row.

    Raises:
        InputError: there is no row, or a line is too long to be one.
    """
    names, marked = None, True
    for begin, number, line in lines(text):
        is_marked = line.startswith(_MARKS)
        found = fields(line.lstrip(b"%# ") if is_marked else line)
        if not is_marked and (not marked or not is_header(found)):
            return Top(names, marked and names is not None, line, begin, number)
        names, marked = found, is_marked
    raise InputError("has a header but no rows" if names else "has no rows")


def lines(text: bytes, number: int = 1) -> Iterator[tuple[int, int, bytes]]:
    """Yield the first byte, the number and the text of each line that is not blank.

    Raises:
        InputError: a line is too long to be a row.
    """
    first = len(BOM) if text.startswith(BOM) else 0
    for found in _LINE.finditer(text, first):
        line = found[1]
        if len(line) > LONGEST:
            raise InputError(f"has more than {LONGEST:,} characters in line {number}, too many for a row")
        if line.strip():
            yield found.start(), number, line
        number += 1


def is_number(field: str, decimal: str) -> bool:
    """Return whether a field is a number with this decimal mark, if it has one."""
    return _NUMBERS[decimal].fullmatch(field) is not None


def is_text(content: bytes) -> bool:
    """Return whether there are no control characters that only binary files have."""
    return len(content.translate(None, CONTROL)) == len(content)


def decoded(content: bytes) -> str:
    """Decode UTF-8, or Latin-1 as older programs wrote it."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def with_single_spaces(text: bytes) -> bytes:
    """Leave one space between fields, and none around a line."""
    characters = np.frombuffer(text, np.uint8)
    kept = characters != ord(" ")
    kept[:-1] |= characters[1:] > ord(" ")  # one space before each field
    return bytes(characters[kept]).replace(b"\n ", b"\n").removeprefix(b" ")


def row_error(
    fields: Sequence[str], width: int, wanted: Iterable[tuple[int, str]], is_value: Callable[[str], bool]
) -> str | None:
    """Describe what is wrong with a row, if anything; `wanted`: index and name of fields that must be numbers."""
    if len(fields) != width:
        return f"has {len(fields)} field{'s'[: len(fields) != 1]}, not {width}"
    for place, name in wanted:
        if not is_value(fields[place]):
            return f"has {fields[place][:_SHOWN]!r} for {name}, not a number"
    return None
