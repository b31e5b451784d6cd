"""Text tables: fields between commas, semicolons, tabs or blanks, a header or none, decimal points or commas."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from csv import reader
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from forcepos.errors import InputError

_BLOCK = 1 << 23  # bytes that are read at once
_LOOKED_AT = 100  # lines that tell how a text is written
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_BLANKS = re.compile(rb"[ \t]+")
_NUMBER = {
    mark: re.compile(rf"[+-]?(\d+[{mark}]?\d*|[{mark}]\d+)(e[+-]?\d+)?|nan|[+-]?inf", re.IGNORECASE)
    for mark in (".", ",")
}
_DELIMITERS = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "blanks"}


@dataclass(frozen=True)
class Text:
    """How a text is written; blanks stand for any number of blanks and tabs."""

    path: Path
    columns: tuple[str, ...]
    header: bool
    delimiter: str
    mark: str
    skip: int  # lines before the first row
    marked: bool  # whether the header is a line with % or #

    @property
    def layout(self) -> str:
        comma = ", decimal commas" if self.mark == "," else ""
        return f"{'header' if self.header else 'no header'}, {_DELIMITERS[self.delimiter]} between fields{comma}"

    def parts(self, faults: list[str]) -> Iterator[pa.Table]:
        """The rows; of lines with too few or too many fields it is noted what is wrong."""
        number = self.skip
        for block in _blocks(self.path, self.skip):
            yield self._parsed(block, number, faults)
            number += block.count(b"\n")

    def _parsed(self, block: bytes, before: int, faults: list[str]) -> pa.Table:
        unended = 0 if block.endswith(b"\n") else before + block.count(b"\n") + 1
        if self.delimiter == " ":
            block = b"\n".join(_BLANKS.sub(b" ", line).strip(b" ") for line in block.split(b"\n"))
        return csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(column_names=list(self.columns), block_size=len(block) + 1, use_threads=False),
            csv.ParseOptions(
                delimiter=self.delimiter,
                invalid_row_handler=partial(_note, before=before, faults=faults, unended=unended),
            ),
            csv.ConvertOptions(decimal_point=self.mark, check_utf8=False, strings_can_be_null=True),
        )


def open_text(path: Path) -> Text:
    """How a text is written, told from its first lines.

    Raises:
        InputError: it is no text, or no table.
    """
    with path.open("rb") as file:
        start = file.read(1 << 17).removeprefix(b"\xef\xbb\xbf")
    if _CONTROL.search(start):
        raise InputError(f"{path} is neither Feather, Parquet nor text")
    lines = start.decode("latin-1").replace("\r\n", "\n").split("\n")
    lines = lines[:-1] if len(start) == 1 << 17 else lines
    names, skip = _comments(lines)
    rows = [line for line in lines[skip:] if line.strip()][:_LOOKED_AT]
    if not rows:
        raise InputError(f"{path} has {'a header and no' if names else 'no'} rows")
    delimiter, mark = _written(rows[1:] or rows)
    marked = True
    first = fields_of(rows[0], delimiter)
    if len(rows) == 1 and len(first) > 1 and not any(_is_number(field, mark) for field in first):
        raise InputError(f"{path} has a header and no rows")
    if not any(_is_number(field, mark) for field in first) and len(rows) > 1:
        names, rows, marked = first, rows[1:], False
        skip = next(place for place, line in enumerate(lines) if place >= skip and line.strip()) + 1
    width = Counter(len(fields_of(row, delimiter)) for row in rows).most_common(1)[0][0]
    _refuse_prose(path, rows, delimiter, mark, width)
    header = names is not None and len(names) == width
    marked = marked and header
    columns = tuple(names) if names and header else tuple(map(str, range(width)))
    return Text(path, columns, header, delimiter, mark, skip, marked)


def fields_of(line: str, delimiter: str) -> list[str]:
    """The fields of a line."""
    if delimiter == " ":
        return line.split()
    return [field.strip() for field in next(reader([line], delimiter=delimiter))]


def _blocks(path: Path, skip: int) -> Iterator[bytes]:
    """Whole lines, many at once."""
    with path.open("rb") as file:
        for _ in range(skip):
            file.readline()
        while block := file.read(_BLOCK):
            block += file.readline()
            if block.strip():
                yield block.replace(b"\r\n", b"\n")


def _note(row: Any, before: int, faults: list[str], unended: int) -> str:
    number = before + (row.number or 0)
    cut = ", cut short" if number == unended else ""
    faults.append(f"line {number} has {row.actual_columns} fields, not {row.expected_columns}{cut}")
    return "skip"


def _comments(lines: Sequence[str]) -> tuple[list[str] | None, int]:
    """Names in the last line that a % or # marks, and how many lines to skip."""
    names, skip = None, 0
    for number, line in enumerate(lines, start=1):
        if not line.lstrip().startswith(("%", "#")):
            if line.strip():
                break
            continue
        names, skip = [name for name in re.split(r"[\s;,]+", line.lstrip("%# \t").strip()) if name], number
    return names, skip


def _written(rows: Sequence[str]) -> tuple[str, str]:
    """Delimiter and decimal mark under which most fields are numbers and lines are alike."""
    best: tuple[tuple[float, float], str, str] = ((0.0, 0.0), ",", ".")
    for delimiter in _DELIMITERS:
        for mark in ".," if delimiter != "," else ".":
            split = [fields_of(row, delimiter) for row in rows]
            count, alike = Counter(map(len, split)).most_common(1)[0]
            flat = [field for fields in split for field in fields]
            numbers = sum(_is_number(field, mark) or not field for field in flat) / max(1, len(flat))
            score = (round(numbers * alike / len(rows), 3) if count > 1 else 0.001 * numbers, count)
            if score > best[0]:
                best = score, delimiter, mark
    return best[1], best[2]


def _is_number(field: str, mark: str) -> bool:
    return bool(_NUMBER[mark].fullmatch(field))


def _refuse_prose(path: Path, rows: Sequence[str], delimiter: str, mark: str, width: int) -> None:
    split = [fields_of(row, delimiter) for row in rows]
    alike = sum(len(fields) == width for fields in split)
    numbers = any(_is_number(field, mark) for fields in split if len(fields) == width for field in fields)
    if not numbers or 2 * alike < len(rows):
        raise InputError(f"{path} is no table: most lines have no numbers, or each another number of fields")
