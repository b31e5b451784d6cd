"""Text tables whose format is guessed from the first lines; then they are read as for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from csv import Error, reader
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from forcepos.data.readers.layout import Layout, Written, find_layout
from forcepos.data.readers.lines import decoded, is_number, is_text, lines
from forcepos.data.readers.text import RowStream, parse_options
from forcepos.runtime.errors import InputError

_START = 1 << 17  # bytes from which the format is guessed
_LOOKED_AT = 100  # lines, likewise
_DELIMITERS = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "whitespace"}


@dataclass(frozen=True)
class Text:
    """The format of a text; a space as delimiter stands for any amount of whitespace."""

    path: Path
    layout: Layout
    delimiter: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, or their numbers where there is no header."""
        return tuple(self.layout.names or map(str, range(self.layout.width)))

    def style(self) -> str:
        """Describe the format in words."""
        comma = ", decimal commas" if self.layout.decimal == "," else ""
        header = "header" if self.layout.names else "no header"
        return f"{header}, {_DELIMITERS[self.delimiter]} between fields{comma}"

    def chunks(self, row_errors: list[str]) -> Iterator[pa.Table]:
        """Yield the rows, dropping lines with too few or too many fields, which are noted in `row_errors`."""
        number = self.layout.line - 1
        with RowStream(self.path, self.layout) as stream:
            for lines_at_once in stream.whole_lines():
                yield self._parsed(lines_at_once, number, row_errors)
                number += lines_at_once.count(b"\n")
        if self.layout.cut:
            row_errors.append(f"{self.path}: {self.layout.cut}")

    def _parsed(self, text: bytes, before: int, row_errors: list[str]) -> pa.Table:
        note = partial(_note, f"{self.path}, ", before, row_errors)
        shown = decoded(text).encode()  # Arrow hands over bad rows of UTF-8 only
        return csv.read_csv(
            pa.BufferReader(shown),
            csv.ReadOptions(column_names=list(self.columns), block_size=len(shown) + 1, use_threads=False),
            parse_options(self.layout, invalid_row_handler=note),
            csv.ConvertOptions(decimal_point=self.layout.decimal, check_utf8=False, strings_can_be_null=True),
        )


def open_text(path: Path) -> Text:
    """Guess the format of a text from its first lines.

    Raises:
        InputError: it is not text, or not a table.
    """
    with path.open("rb") as file:
        start = file.read(_START)
    if not is_text(start):
        raise InputError(f"{path} is not a Feather, Parquet or text file")
    rows = _first_lines(path, start)
    delimiter, mark = _guess_format(rows[1:] or rows)
    spaced = delimiter == " "
    layout = find_layout(path, Written("text" if spaced else "csv", None if spaced else delimiter, mark, None))
    _refuse_prose(path, rows, delimiter, layout)
    return Text(path, layout, delimiter)


def _first_lines(path: Path, start: bytes) -> list[str]:
    """Take some lines that are not blank: no notes, and none that may have been cut."""
    try:
        found = [line.decode("latin-1") for _, _, line in lines(start)]
    except InputError as error:
        raise InputError(f"{path} {error}") from error
    whole = found[:-1] if len(start) == _START and len(found) > 1 else found
    rows = [line for line in whole if not line.startswith(("%", "#"))][:_LOOKED_AT]
    if not rows:
        raise InputError(f"{path} has {'a header but no' if found else 'no'} rows")
    return rows


def _fields(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        return [field.strip() for field in next(reader([line], delimiter=delimiter))]
    except Error:  # a field that is too long
        return [field.strip() for field in line.split(delimiter)]


def _note(where: str, before: int, row_errors: list[str], row: Any) -> str:
    number = before + (row.number or 0)
    row_errors.append(
        f"{where}line {number} has {row.actual_columns} fields, not {row.expected_columns}, and is dropped here"
    )
    return "skip"


def _guess_format(rows: Sequence[str]) -> tuple[str, str]:
    """Delimiter and decimal mark under which most fields are numbers and lines are alike."""
    best: tuple[tuple[float, float], str, str] = ((0.0, 0.0), ",", ".")
    for delimiter in _DELIMITERS:
        for mark in ".," if delimiter != "," else ".":
            split = [_fields(row, delimiter) for row in rows]
            count, alike = Counter(map(len, split)).most_common(1)[0]
            flat = [field for fields in split for field in fields]
            numbers = sum(is_number(field, mark) or not field for field in flat) / max(1, len(flat))
            score = (round(numbers * alike / len(rows), 3) if count > 1 else 0.001 * numbers, count)
            if score > best[0]:
                best = score, delimiter, mark
    return best[1], best[2]


def _refuse_prose(path: Path, rows: Sequence[str], delimiter: str, layout: Layout) -> None:
    split = [_fields(row, delimiter) for row in rows]
    width, alike = Counter(map(len, split)).most_common(1)[0]
    numbers = any(is_number(field, layout.decimal) for fields in split if len(fields) == width for field in fields)
    if not numbers or 2 * alike < len(rows):
        raise InputError(f"{path} is not a table: most lines have no numbers, or differ in their number of fields")
    if width != layout.width:
        what = "the header names" if layout.names else "the first row has"
        raise InputError(f"{path}: {what} {layout.width} columns, but most lines have {width} fields")
