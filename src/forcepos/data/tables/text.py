"""CSV and text between blanks, a piece at a time and only the columns that are needed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from forcepos.config import TableConfig
from forcepos.data.tables.columns import Columns
from forcepos.data.tables.layout import MISSING, Layout, find_layout
from forcepos.errors import InputError

_BLOCK = 1 << 20  # bytes
_SHOWN = 10
_VALUE_SHOWN = 30  # characters


class TextTable:
    """A CSV file, or a text with columns between blanks."""

    def __init__(self, path: Path, kind: str, config: TableConfig) -> None:
        self.path = path
        self._layout = find_layout(path, kind, config)
        self.names = self._layout.names
        self.width = self._layout.width

    def rows(self, columns: Columns) -> int:  # noqa: ARG002  # the same for every table
        """How many lines there are: at least as many as rows."""
        lines = 1
        with _Part(self.path, self._layout) as part:
            while block := part.read_plain():
                lines += block.count(b"\n") + block.count(b"\r")
        return lines

    def pieces(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """The wanted columns, in their order.

        Raises:
            InputError: lines are broken; names file and lines.
        """
        try:
            with _Part(self.path, self._layout) as part:
                yield from _parsed(part, self._layout, columns)
        except (pa.ArrowException, OSError) as error:
            raise InputError(self._told(error, columns)) from error

    def _told(self, error: Exception, columns: Columns) -> str:
        lines = list(_faults(self.path, self._layout, columns))
        if not lines:
            return f"{self.path} cannot be read: {error}"
        if len(lines) == 1:
            return f"{self.path}: {lines[0]}"
        more = ["…"] if len(lines) > _SHOWN else []
        return "\n  ".join([f"{self.path} has lines that cannot be read:", *lines[:_SHOWN], *more])


class _Part(io.RawIOBase):
    """The rows of a file as Arrow wants them: as they are, or with one separator for any number of blanks."""

    def __init__(self, path: Path, layout: Layout) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._file.seek(layout.first)
        self._left = layout.end - layout.first
        self._blanks = layout.separator is None
        self._rest = b""  # of a line that goes on in the next block

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def read_plain(self) -> bytes:
        """The next bytes of the file."""
        block = self._file.read(min(_BLOCK, self._left))
        self._left -= len(block)
        return block

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002  # Arrow takes what it gets
        if not self._blanks:
            return self.read_plain()
        while block := self.read_plain():
            lines, end, rest = (self._rest + block).rpartition(b"\n")
            self._rest = rest
            if tidied := _tidied(lines + end):
                return tidied
        last, self._rest = self._rest, b""
        return _tidied(last)


def _tidied(text: bytes) -> bytes:
    """One blank between fields, none around a line."""
    if not text:
        return text
    text = text.replace(b"\t", b" ").replace(b"\r", b"\n")
    characters = np.frombuffer(text, np.uint8)
    kept = characters != ord(" ")
    kept[:-1] |= characters[1:] > ord(" ")  # one blank before each field
    return bytes(characters[kept]).replace(b"\n ", b"\n").removeprefix(b" ")


def _parsed(part: _Part, layout: Layout, columns: Columns) -> Iterator[pa.RecordBatch]:
    names = [str(place) for place in range(layout.width)]
    kinds = {names[place]: pa.float64() for place in columns.numbers}
    for place in columns.words:
        kinds.setdefault(names[place], pa.binary())  # whatever its encoding
    separator, quote = (layout.separator or b" ").decode(), '"' if layout.separator else False
    reader = csv.open_csv(
        part,
        csv.ReadOptions(column_names=names, use_threads=False, block_size=_BLOCK),
        csv.ParseOptions(delimiter=separator, quote_char=quote),
        csv.ConvertOptions(
            check_utf8=False, column_types=kinds, include_columns=list(kinds), null_values=sorted(MISSING),
            decimal_point=layout.decimal,
        ),
    )  # fmt: skip
    for piece in reader:
        yield pa.RecordBatch.from_arrays(
            [piece.column(names[place]) for place in columns.places],
            names=[str(number) for number in range(len(columns.places))],
        )


def _faults(path: Path, layout: Layout, columns: Columns) -> Iterator[str]:
    """What is wrong with the lines that are broken, up to one more than is shown."""
    found, read = 0, layout.first
    with path.open("rb") as file:
        file.seek(layout.first)
        for number, line in enumerate(file, layout.line):
            read += len(line)
            if read > layout.end or found > _SHOWN:
                return
            fault = _fault(line, layout, columns) if line.strip(b"\r\n") else None
            if fault:
                found += 1
                yield f"line {number} {fault}"


def _fault(line: bytes, layout: Layout, columns: Columns) -> str | None:
    fields = layout.fields(line)
    if len(fields) != layout.width:
        return f"has {len(fields)} field{'s'[: len(fields) != 1]}, not {layout.width}"
    for place, name in zip(columns.numbers, columns.names, strict=False):
        if not layout.is_number(fields[place]):
            return f"has {fields[place][:_VALUE_SHOWN]!r} for {name}, not a number"
    return None
