"""Parses one text log: from bytes to a table of numbers, or to an error that names what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import csv

from forcepos.commands.prepare.header import read_fields
from forcepos.data.readers.lines import (
    BOM,
    CONTROL,
    decoded,
    find_rows,
    is_number,
    lines,
    row_error,
    with_single_spaces,
)
from forcepos.runtime.errors import InputError

_TO_SPACES = bytes.maketrans(b"\t\x0b\x0c;", b"    ")
_ENDS = b" \t\x0b\x0c;\r\n"


@dataclass(frozen=True)
class Log:
    """The content of a log.

    Attributes:
        rows: (rows, columns) of float64, the values as written.
        cut_line: number of the last line, from 1 on, if it is cut short and was dropped.
    """

    rows: pa.Table
    cut_line: int | None


def parse_log(content: bytes, columns: Sequence[str]) -> Log:
    """Parse a log: fields separated by spaces, tabs or semicolons, with decimal points or decimal commas.

    Raises:
        InputError: it is empty, not text, has other columns, or has a broken line; names the line.
    """
    text = _tidied(content)
    top = find_rows(
        text, _fields, lambda fields: not any(is_number(field, mark) for field in fields for mark in ".,")
    )
    rows, first = text[top.begin :], top.number
    names = read_fields(top.names, columns)
    mark = "," if b"," in rows and rows.count(b",") > rows.count(b".") else "."
    begin = rows.rfind(b"\n") + 1
    last = first + rows.count(b"\n", 0, begin)
    cut = _is_cut(rows[begin:], names, mark, ended=content[-1:] in _ENDS)
    rows = rows[:begin].rstrip(b"\n") if cut else rows
    if not rows:
        raise InputError("has no complete row")
    try:
        return Log(_read(rows, names, columns, mark), last if cut else None)
    except pa.ArrowInvalid as error:
        problems = list(_row_errors(rows, first, names, mark))
        more = f"; {len(problems)} lines are broken" if len(problems) > 1 else ""
        raise InputError(f"{problems[0]}{more}" if problems else f"cannot be read: {error}") from error


def _tidied(content: bytes) -> bytes:
    """Leave one space between fields and one line feed after a line; the number of lines stays the same."""
    content = content.removeprefix(BOM)
    if not content.strip(_ENDS):
        raise InputError("is empty")
    text = content.translate(_TO_SPACES, CONTROL)
    if len(text) != len(content):
        raise InputError("is not text")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return with_single_spaces(text).rstrip(b" \n")


def _fields(line: bytes) -> list[str]:
    return decoded(line).split(" ")


def _is_cut(row: bytes, names: Sequence[str], mark: str, *, ended: bool) -> bool:
    """Return whether the last line is cut short: it lacks fields, or nothing follows its last number."""
    fields = _fields(row)
    whole = [field for field, name in zip(fields[:-1], names, strict=False) if name]
    short = len(fields) < len(names) or (len(fields) == len(names) and not ended)
    return short and all(is_number(field, mark) for field in whole)


def _read(rows: bytes, names: Sequence[str], columns: Sequence[str], mark: str) -> pa.Table:
    """Read the columns among the fields of these names."""
    return csv.read_csv(
        pa.BufferReader(rows),
        csv.ReadOptions(column_names=names, block_size=len(rows) + 1),
        csv.ParseOptions(delimiter=" ", quote_char=False),
        csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.float64()),
            include_columns=columns,
            null_values=[],
            decimal_point=mark,
        ),
    )


def _row_errors(rows: bytes, first: int, names: Sequence[str], mark: str) -> Iterator[str]:
    """Describe each broken line."""
    wanted = [(place, name) for place, name in enumerate(names) if name]
    for _, number, line in lines(rows, first):
        wrong = row_error(_fields(line), len(names), wanted, lambda field: is_number(field, mark))
        if wrong:
            yield f"line {number} {wrong}"
