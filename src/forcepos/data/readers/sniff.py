"""Text tables: how they are written is guessed from the first lines; then they are read as training does."""

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
from forcepos.data.readers.text import Part, parse_options
from forcepos.runtime.errors import InputError

_START = 1 << 17  # bytes that are looked at
_LOOKED_AT = 100  # lines that tell how a text is written
_DELIMITERS = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "blanks"}


@dataclass(frozen=True)
class Text:
    """How a text is written; a blank as delimiter stands for any number of blanks and tabs."""

    path: Path
    layout: Layout
    delimiter: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names, or numbers where there are none."""
        return tuple(self.layout.names or map(str, range(self.layout.width)))

    def told(self) -> str:
        """The same in words."""
        comma = ", decimal commas" if self.layout.decimal == "," else ""
        header = "header" if self.layout.names else "no header"
        return f"{header}, {_DELIMITERS[self.delimiter]} between fields{comma}"

    def parts(self, faults: list[str]) -> Iterator[pa.Table]:
        """The rows; of lines with too few or too many fields it is noted what is wrong."""
        number = self.layout.line - 1
        with Part(self.path, self.layout) as part:
            for block in part.blocks():
                yield self._parsed(block, number, faults)
                number += block.count(b"\n")
        if self.layout.cut:
            faults.append(f"{self.path}: {self.layout.cut}")

    def _parsed(self, block: bytes, before: int, faults: list[str]) -> pa.Table:
        note = partial(_note, f"{self.path}, ", before, faults)
        shown = decoded(block).encode()  # Arrow hands over bad rows of UTF-8 only
        return csv.read_csv(
            pa.BufferReader(shown),
            csv.ReadOptions(column_names=list(self.columns), block_size=len(shown) + 1, use_threads=False),
            parse_options(self.layout, invalid_row_handler=note),
            csv.ConvertOptions(decimal_point=self.layout.decimal, check_utf8=False, strings_can_be_null=True),
        )


def open_text(path: Path) -> Text:
    """How a text is written, told from its first lines.

    Raises:
        InputError: it is no text, or no table.
    """
    with path.open("rb") as file:
        start = file.read(_START)
    if not is_text(start):
        raise InputError(f"{path} is neither Feather, Parquet nor text")
    rows = _first_lines(path, start)
    delimiter, mark = _written(rows[1:] or rows)
    blanks = delimiter == " "
    layout = find_layout(path, Written("text" if blanks else "csv", None if blanks else delimiter, mark, None))
    _refuse_prose(path, rows, delimiter, layout)
    return Text(path, layout, delimiter)


def _first_lines(path: Path, start: bytes) -> list[str]:
    """Some lines that are not empty, notes left out, none that may have been cut."""
    try:
        found = [line.decode("latin-1") for _, _, line in lines(start)]
    except InputError as error:
        raise InputError(f"{path} {error}") from error
    whole = found[:-1] if len(start) == _START and len(found) > 1 else found
    rows = [line for line in whole if not line.startswith(("%", "#"))][:_LOOKED_AT]
    if not rows:
        raise InputError(f"{path} has {'a header and no' if found else 'no'} rows")
    return rows


def _fields(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        return [field.strip() for field in next(reader([line], delimiter=delimiter))]
    except Error:  # a field that is too long
        return [field.strip() for field in line.split(delimiter)]


def _note(where: str, before: int, faults: list[str], row: Any) -> str:
    number = before + (row.number or 0)
    faults.append(
        f"{where}line {number} has {row.actual_columns} fields, not {row.expected_columns}, and is left out here"
    )
    return "skip"


def _written(rows: Sequence[str]) -> tuple[str, str]:
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
        raise InputError(f"{path} is no table: most lines have no numbers, or each another number of fields")
    if width != layout.width:
        what = "the header names" if layout.names else "the first row has"
        raise InputError(f"{path}: {what} {layout.width} columns, and most lines have {width} fields")
