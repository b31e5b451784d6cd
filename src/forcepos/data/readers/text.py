"""CSV files and text separated by whitespace, read a chunk at a time and only the columns that are needed."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from forcepos.config.schema import TableConfig
from forcepos.data.readers.columns import Columns
from forcepos.data.readers.layout import MISSING, Layout, Written, find_layout
from forcepos.data.readers.lines import row_error, with_single_spaces
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)

_BLOCK = 1 << 20  # bytes
_SHOWN = 10


class TextTable:
    """A CSV file, or a text with columns separated by whitespace."""

    def __init__(self, path: Path, kind: str, config: TableConfig) -> None:
        self.path = path
        self._layout = find_layout(path, Written(kind, config.separator, config.decimal, config.header))
        if self._layout.cut:
            log.warning("%s: %s", path, self._layout.cut)
        self.names = self._layout.names
        self.width = self._layout.width

    def rows(self, columns: Columns) -> int:  # noqa: ARG002  # the same for every table
        """Count the lines: at least as many as rows."""
        lines = 1
        with RowStream(self.path, self._layout) as stream:
            while block := stream.read_plain():
                lines += block.count(b"\n") + block.count(b"\r")
        return lines

    def chunks(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """Yield chunks of the wanted columns, in their order.

        Raises:
            InputError: lines are broken; names file and lines.
        """
        try:
            with RowStream(self.path, self._layout) as stream:
                yield from _parsed(stream, self._layout, columns)
        except (pa.ArrowException, OSError) as error:
            raise InputError(self._explained(error, columns)) from error

    def _explained(self, error: Exception, columns: Columns) -> str:
        lines = list(_errors(self.path, self._layout, columns))
        if not any(line.startswith("line ") for line in lines):
            return f"{self.path} cannot be read: {error}"
        if len(lines) == 1:
            return f"{self.path}: {lines[0]}"
        more = ["…"] if len(lines) > _SHOWN else []
        return "\n  ".join([f"{self.path} cannot be read:", *lines[:_SHOWN], *more])


class RowStream(io.RawIOBase):
    """The rows of a file as Arrow takes them: as they are, or with one space for any amount of whitespace."""

    def __init__(self, path: Path, layout: Layout) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._file.seek(layout.first)
        self._left = layout.end - layout.first
        self._spaced = layout.separator is None
        self._whole_lines = self.whole_lines()

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def read_plain(self) -> bytes:
        """Read the next bytes of the file."""
        block = self._file.read(min(_BLOCK, self._left))
        self._left -= len(block)
        return block

    def whole_lines(self) -> Iterator[bytes]:
        """Yield whole lines, many at once, with one space between fields that whitespace separates."""
        rest = b""
        while block := self.read_plain():
            whole, end, rest = (rest + block).rpartition(b"\n")
            if end:
                yield self._tidied(whole + end)
        if rest:
            yield self._tidied(rest)

    def _tidied(self, text: bytes) -> bytes:
        return with_single_spaces(text.replace(b"\t", b" ").replace(b"\r", b"\n")) if self._spaced else text

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002  # Arrow takes what it gets
        if not self._spaced:
            return self.read_plain()
        return next(filter(None, self._whole_lines), b"")


def parse_options(layout: Layout, **more: Any) -> csv.ParseOptions:
    """Return the options with which Arrow parses such a text."""
    separator, quote = (layout.separator or b" ").decode(), '"' if layout.separator else False
    return csv.ParseOptions(delimiter=separator, quote_char=quote, **more)


def _parsed(stream: RowStream, layout: Layout, columns: Columns) -> Iterator[pa.RecordBatch]:
    names = [str(place) for place in range(layout.width)]
    kinds = {names[place]: pa.float64() for place in columns.numbers}
    for place in columns.words:
        kinds.setdefault(names[place], pa.binary())  # whatever its encoding
    reader = csv.open_csv(
        stream,
        csv.ReadOptions(column_names=names, use_threads=False, block_size=_BLOCK),
        parse_options(layout),
        csv.ConvertOptions(
            check_utf8=False, column_types=kinds, include_columns=list(kinds), null_values=sorted(MISSING),
            decimal_point=layout.decimal,
        ),
    )  # fmt: skip
    for chunk in reader:
        yield pa.RecordBatch.from_arrays(
            [chunk.column(names[place]) for place in columns.places],
            names=[str(number) for number in range(len(columns.places))],
        )


def _errors(path: Path, layout: Layout, columns: Columns) -> Iterator[str]:
    """Describe broken lines, up to one more than is shown, and values missing in the others."""
    found, wanted = 0, list(zip(columns.numbers, columns.names, strict=False))
    missing: dict[str, tuple[int, int]] = {}  # of a column: how many values, and the first line
    for number, fields in _rows(path, layout):
        wrong = row_error(fields, layout.width, wanted, layout.is_number)
        if wrong:
            found += 1
            yield f"line {number} {wrong}"
        if found > _SHOWN:
            return
        for place, name in () if wrong else wanted:
            if not layout.is_finite(fields[place]):
                count, first = missing.get(name, (0, number))
                missing[name] = count + 1, first
    for name, (count, first) in missing.items():
        yield f"column {name}: {count} values missing or not finite, the first in line {first}"


def _rows(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of each line that is not blank."""
    read = layout.first
    with path.open("rb") as file:
        file.seek(layout.first)
        for number, line in enumerate(file, layout.line):
            read += len(line)
            if read > layout.end:
                return
            if line.strip() if layout.separator is None else line.strip(b"\r\n"):
                yield number, layout.fields(line)
