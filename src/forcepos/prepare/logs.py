"""One text log: from bytes to a table of numbers, or to a sentence that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyarrow import csv

from forcepos.errors import InputError
from forcepos.prepare.header import Layout, layout

_BLANKS = bytes.maketrans(b"\t\x0b\x0c;", b"    ")
_ENDS = b" \t\x0b\x0c;\r\n"
_CONTROL = bytes(sorted({*range(32)} - {*b"\t\n\x0b\x0c\r"})) + b"\x7f"
_LONGEST = 10**6  # bytes of a line
_SHOWN = 30  # characters of a value in a message
_LINE = re.compile(rb"[^\n]+")
_NUMBER = rb"[+-]?(?:(?:[0-9]+[%b]?[0-9]*|[%b][0-9]+)(?:e[+-]?[0-9]+)?|nan(?:\([a-z0-9_]*\))?|inf(?:inity)?)"
_NUMBERS = {mark: re.compile(_NUMBER % (mark, mark), re.IGNORECASE) for mark in (b".", b",")}  # what Arrow reads


@dataclass(frozen=True)
class Log:
    """What was read of a log.

    Attributes:
        rows: (rows, columns) of float64, the values as written.
        cut_line: number of the last line, from 1 on, if it is cut short and was left out.
    """

    rows: pa.Table
    cut_line: int | None


def parse_log(content: bytes, columns: Sequence[str]) -> Log:
    """The numbers of a log: fields between blanks, tabs or semicolons, with decimal points or decimal commas.

    Raises:
        InputError: it is empty, no text, has other columns, or a line that is broken; names the line.
    """
    names, rows, first = _split_header(_tidied(content))
    shape = layout(names, columns)
    mark = b"," if b"," in rows and rows.count(b",") > rows.count(b".") else b"."
    begin = rows.rfind(b"\n") + 1
    last = first + rows.count(b"\n", 0, begin)
    cut = _is_cut(rows[begin:], last, shape, mark, ended=content[-1:] in _ENDS)
    rows = rows[:begin].rstrip(b"\n") if cut else rows
    if not rows:
        raise InputError("has no complete row")
    return Log(_read(rows, first, shape, mark), last if cut else None)


def _tidied(content: bytes) -> bytes:
    """One blank between fields, one line feed after a line, and as many lines as there were."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip(_ENDS):
        raise InputError("is empty")
    text = content.translate(_BLANKS, _CONTROL)
    if len(text) != len(content):
        raise InputError("is not text")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    characters = np.frombuffer(text, np.uint8)
    kept = characters != ord(" ")
    kept[:-1] |= characters[1:] > ord(" ")  # one blank before each field
    text = bytes(characters[kept])
    if b"\n " in text:
        text = text.replace(b"\n ", b"\n")
    return text.lstrip(b" ").rstrip(b" \n")


def _lines(text: bytes, number: int = 1) -> Iterator[tuple[int, int, bytes]]:
    """Where each line that is not empty begins, its number, and the line."""
    before = 0
    for found in _LINE.finditer(text):
        number += text.count(b"\n", before, found.start())
        before = found.start()
        if len(found[0]) > _LONGEST:
            raise InputError(f"line {number} has {len(found[0]):,} characters, too many for a row")
        yield before, number, found[0]


def _split_header(text: bytes) -> tuple[list[str] | None, bytes, int]:
    """Names of the last header line, if there is one; the rows; the number of their first line.

    A header is all lines that a % marks, and then one more if none of its fields is a number.
    """
    names = None
    named = False
    for begin, number, line in _lines(text):
        marked = line.startswith((b"%", b"#"))
        if not marked and (named or any(_is_number(field) for field in line.split(b" "))):
            return names, text[begin:], number
        named = not marked
        names = line.lstrip(b"%# ").decode("latin-1").split(" ")
    raise InputError("has a header and no rows")


def _is_number(field: bytes) -> bool:
    return any(number.fullmatch(field) for number in _NUMBERS.values())


def _is_cut(row: bytes, number: int, shape: Layout, mark: bytes, *, ended: bool) -> bool:
    """Whether the last line is cut short: it lacks fields, or nothing follows its last number."""
    ((_, _, line),) = _lines(row, number)
    fields = line.split(b" ")
    whole = [fields[place] for place in shape.places if place < len(fields) - 1]
    short = len(fields) < shape.width or (len(fields) == shape.width and not ended)
    return short and all(_NUMBERS[mark].fullmatch(field) for field in whole)


def _read(rows: bytes, first: int, shape: Layout, mark: bytes) -> pa.Table:
    """The table; where Arrow cannot read it, we look for the line that is to blame."""
    names = [str(place) for place in range(shape.width)]
    taken = [names[place] for place in shape.places]
    try:
        table = csv.read_csv(
            pa.BufferReader(rows),
            csv.ReadOptions(column_names=names, block_size=len(rows) + 1),
            csv.ParseOptions(delimiter=" ", quote_char=False),
            csv.ConvertOptions(
                column_types=dict.fromkeys(taken, pa.float64()),
                include_columns=taken,
                null_values=[],
                decimal_point=mark.decode(),
            ),
        )
    except pa.ArrowInvalid as error:
        problems = [
            problem for _, number, line in _lines(rows, first) for problem in _broken(line, number, shape, mark)
        ]
        more = f"; {len(problems)} lines are broken" if len(problems) > 1 else ""
        raise InputError(f"{problems[0]}{more}" if problems else f"cannot be read: {error}") from error
    return table.rename_columns(list(shape.columns))


def _broken(line: bytes, number: int, shape: Layout, mark: bytes) -> Iterator[str]:
    """What is wrong with a line, if anything is."""
    fields = line.split(b" ")
    if len(fields) != shape.width:
        yield f"line {number} has {len(fields)} field{'s'[: len(fields) > 1]}, not {shape.width}"
        return
    for column, place in zip(shape.columns, shape.places, strict=True):
        if not _NUMBERS[mark].fullmatch(fields[place]):
            value = fields[place].decode("utf-8", "replace")[:_SHOWN]
            yield f"line {number}: {column} is {value!r}, not a number"
            return
