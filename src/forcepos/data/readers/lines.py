"""The bytes of a text file, and its lines, fields, numbers and times."""

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions

from forcepos.runtime.errors import InputError

SPACE = b" "  # as a separator: any amount of whitespace
LONGEST = 1 << 20  # bytes of a line
MARKS = (b"%", b"#", b"//")  # begin a line that is a note or names the columns
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}  # by the first bytes
_BINARY = (b"ARROW1", b"FEA1", b"PAR1")  # files that cannot be read from the beginning on
_SEPARATOR_NOTE = re.compile(rb'"?sep=.?"?\s*', re.IGNORECASE)  # of Excel
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
# The numbers that Arrow parses, by their decimal mark.
_DIGITS = r"(?:[0-9]+(?:[{0}][0-9]*)?|[{0}][0-9]+)(?:e[+-]?[0-9]+)?"
_NUMBER = rf"(?i:[+-]?(?:{_DIGITS}|nan(?:\([a-z0-9_]*\))?|inf(?:inity)?))"
_NUMBERS = {mark: re.compile(_NUMBER.format(mark), re.ASCII) for mark in ".,"}
MISSING = frozenset(ConvertOptions().null_values)  # fields that count as a missing value
# A date with a time of day, if need be with its zone, or a time of day.
_CLOCK = "[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
TIME = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ]{_CLOCK}(?: ?(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?))?)?|{_CLOCK}"
_KINDS = {"number": "|".join(map(_NUMBER.format, ".,")), "time": TIME, "truth": "(?i:true|false)"}
_VALUE = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()), re.ASCII)


class Content:
    """A text file's bytes, decompressed and as UTF-8, which are never whole in memory.

    Attributes:
        head, tail: its first and last bytes, of some lines at least.
        size: its length in bytes, without `nuls` NULs at its end, as where a logger lost power.
        ends: how often a line ends, and at least as many lines as there are.
    """

    def __init__(self, path: Path, content: bytes | None) -> None:
        self._source = str(path) if content is None else pa.py_buffer(content)
        self._compression = self._encoding = None
        start = next(self.blocks(), b"")
        self._compression = next((kind for magic, kind in _COMPRESSED.items() if start.startswith(magic)), None)
        if self._compression and (start := next(self.blocks(), b"")).startswith(_BINARY):
            raise InputError(f"is a Feather or Parquet file inside a {self._compression} one: decompress it first")
        self._encoding = _encoding(start)
        self.head, self.tail, self.size, self.ends, whole = b"", b"", 0, 1, 0
        for block in self.blocks():
            self.head += block[: 2 * LONGEST - len(self.head)]
            self.ends += block.count(b"\n") + block.count(b"\r")
            whole += len(block)
            if text := block.rstrip(b"\0"):
                self.tail, self.size = (self.tail + text)[-LONGEST:], whole - len(block) + len(text)
        self.nuls = whole - self.size

    def blocks(self, first: int = 0, end: int | None = None, size: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `first` to `end`, about `size` or a mebibyte at once."""
        stream, at = pa.input_stream(self._source, self._compression), 0
        if self._encoding:
            stream = pa.transcoding_input_stream(stream, self._encoding, "utf-8")
        with stream:
            while block := stream.read(max(size, 1 << 20)):
                if part := block[max(0, first - at) : None if end is None else max(0, end - at)]:
                    yield part
                at += len(block)


def _encoding(start: bytes) -> str | None:
    """Return the encoding of a text that is marked, or in which a character takes two bytes."""
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    if mark := next(filter(start.startswith, marks), None):
        return marks[mark]
    # Every other byte is 0 where letters are Latin.
    zeros = [half.count(0) / max(1, len(half)) for half in (start[:1000:2], start[1:1000:2])]
    return ("utf-16-be" if zeros[0] else "utf-16-le") if min(zeros) == 0 and max(zeros) > 0.8 else None


def lines(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the first byte, the number from 1 on, and the text of each line but blank ones and Excel's `sep=;`."""
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
    """Return number, of whatever decimal mark, time, truth or missing; empty for words, and for an empty field."""
    found = _VALUE.fullmatch(field)
    return str(found.lastgroup) if found else "missing" * (field != "" and field in MISSING)


def decoded(content: bytes) -> str:
    """Decode UTF-8, or Latin-1 as older programs wrote it."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def single_spaced(text: bytes) -> bytes:
    """Leave one space between fields and none around a line, and end each line with a line feed."""
    text = text.replace(b"\t", b" ").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.replace(b" \n", b"\n").replace(b"\n ", b"\n").strip(b" ")


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
    """Return timestamps in ns, of a time of day as on the first day of 1970; not strict: others as null."""
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
