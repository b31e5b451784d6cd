"""Lines, fields and numbers of text files."""

import csv
import re
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions

from forcepos.runtime.errors import InputError

SPACE = b" "  # as a separator: any amount of whitespace
LONGEST = 1 << 20  # bytes of a line
MARKS = (b"%", b"#", b"//")  # begin a line that is a note or names the columns
_CONTROL = bytes({*range(1, 32)} - {*b"\t\n\x0b\x0c\r"}) + b"\x7f"  # in no text, as NULs, which a logger may leave
_SEPARATOR_NOTE = re.compile(rb'"?sep=.?"?\s*', re.IGNORECASE)  # of Excel
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
# The numbers that Arrow parses.
_NUMBERS = {
    mark: re.compile(
        rf"[+-]?(?:(?:[0-9]+(?:[{mark}][0-9]*)?|[{mark}][0-9]+)(?:e[+-]?[0-9]+)?|nan(?:\([a-z0-9_]*\))?|inf(?:inity)?)",
        re.IGNORECASE | re.ASCII,
    )
    for mark in (".", ",")
}
MISSING = frozenset(ConvertOptions().null_values)  # fields that count as a missing value
# A date with a time of day, if need be with its zone, or a time of day.
_CLOCK = "[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
TIME = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ]{_CLOCK}(?: ?(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?))?)?|{_CLOCK}"
_NUMBER = "|".join(number.pattern for number in _NUMBERS.values())
_VALUE = re.compile(f"(?P<number>(?i:{_NUMBER}))|(?P<time>{TIME})|(?P<truth>(?i:true|false))", re.ASCII)


def lines(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the first byte, the number from 1 on, and the text of each line but blank ones and Excel's `sep=;`.

    Raises:
        InputError: a line is too long to be a row.
    """
    for number, found in enumerate(_LINE.finditer(text), start=1):
        line = found[1]
        if len(line) > LONGEST:
            raise InputError(too_long(number))
        if line.strip() and not _SEPARATOR_NOTE.fullmatch(line):
            yield found.start(), number, line


def too_long(number: int) -> str:
    return f"has more than {LONGEST:,} characters in line {number}, too many for a row"


def is_number(field: str, decimal: str) -> bool:
    """Return whether a field is a number with this decimal mark, if it has one."""
    return _NUMBERS[decimal].fullmatch(field) is not None


def kind_of(field: str) -> str:
    """Return whether a field holds a number, of whatever decimal mark, a time, a truth or none that is missing.

    Empty for words, such as the name of a column, and for an empty field.
    """
    found = _VALUE.fullmatch(field)
    return str(found.lastgroup) if found else "missing" * (field != "" and field in MISSING)


def is_text(content: bytes) -> bool:
    """Return whether there are no control characters that only binary files have."""
    return len(content.translate(None, _CONTROL)) == len(content)


def decoded(content: bytes) -> str:
    """Decode UTF-8, or Latin-1 as older programs wrote it."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def with_single_spaces(text: bytes) -> bytes:
    """Leave one space between fields and none around a line, and end each line with a line feed."""
    text = text.replace(b"\t", b" ").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    characters = np.frombuffer(text, np.uint8)
    kept = characters != ord(" ")
    kept[:-1] |= characters[1:] > ord(" ")  # one space before each field
    return bytes(characters[kept]).replace(b"\n ", b"\n").removeprefix(b" ")


def split_fields(line: bytes, separator: bytes) -> list[str]:
    """Split a line into its fields, without whitespace around them."""
    text, mark = decoded(line.rstrip(b"\r\n")), decoded(separator)
    if separator == SPACE:
        return re.split(r"[ \t]+", text.strip(" \t"))
    fields = text.split(mark)
    if '"' in text:
        with suppress(csv.Error):
            fields = next(csv.reader([text], delimiter=mark))
    return [field.strip() for field in fields]


def read_times(values: pa.Array, strict: bool) -> pa.Array:
    """Return timestamps in ns, of a time of day as on the first day of 1970, missing ones as null.

    Raises:
        pa.ArrowInvalid: a value is no time; not strict: it is missing.
    """
    texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
    texts = pc.if_else(pc.is_in(texts, pa.array(sorted(MISSING))), None, texts)
    if not strict:
        texts = pc.if_else(pc.match_substring_regex(texts, f"^(?:{TIME})$"), texts, None)
    # As Arrow reads them: a point before fractions, two digits of hours, no blank before a zone, a date.
    of_arrow = {",": ".", "(^|[T ])([0-9]:)": r"\10\2", " ([Z+-])": r"\1", "^([0-9]{2}:)": r"1970-01-01 \1"}
    for other, right in of_arrow.items():
        texts = pc.replace_substring_regex(texts, other, right)
    zone = "UTC" if pc.any(pc.match_substring_regex(texts, "Z|:.*[+-]")).as_py() else None
    return texts.cast(pa.timestamp("ns", zone))
