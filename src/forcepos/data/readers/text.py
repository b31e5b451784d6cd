"""CSV files and text separated by whitespace, read a chunk at a time and only the columns that are needed."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from forcepos.data.readers.layout import MISSING, SPACE, Layout, Written, find_layout
from forcepos.data.readers.lines import LONGEST, decoded, row_error, with_single_spaces
from forcepos.data.readers.table import LENIENT_ROWS, WORDS, Chunk, Table, Wanted, explained, numbers
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)

_BLOCK = 1 << 20  # bytes
_PER_COLUMN = 1 << 10  # bytes, at least: thousands of columns take as long a chunk, however few its rows
_SHOWN = 10


class TextTable(Table):
    """A CSV file, or a text with columns separated by whitespace."""

    kind = "text"

    def __init__(self, path: Path, written: Written) -> None:
        self.layout: Layout = find_layout(path, written)
        super().__init__(path, self.layout.names, self.layout.width)

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # the same for every table
        """Count the lines: at least as many as rows."""
        return 1 + sum(block.count(b"\n") + block.count(b"\r") for block in self._blocks())

    def chunks(self, columns: Sequence[Wanted]) -> Iterator[Chunk]:
        """Yield chunks of the wanted columns.

        Raises:
            InputError: lines are broken; names file and lines.
        """
        if self.layout.cut:
            log.warning("%s: %s", self.path, self.layout.cut)
        # In reverse, for a column that is both a number and a word is read as a number; a word has any encoding.
        kinds = {str(one.place): pa.binary() if one.role in WORDS else pa.float64() for one in reversed(columns)}
        options = csv.ConvertOptions(
            check_utf8=False, column_types=kinds, include_columns=list(kinds), null_values=sorted(MISSING),
            decimal_point=self.layout.decimal,
        )  # fmt: skip
        try:
            spaced = self.layout.separator == SPACE
            texts = (text for _, text in self._whole_lines()) if spaced else self._blocks()
            for chunk in csv.open_csv(_Stream(texts), *self._options(_BLOCK), options):
                yield {n: chunk.column(str(one.place)) for n, one in enumerate(columns)}
        except (pa.ArrowException, OSError) as error:
            raise InputError(self._explained(error, columns)) from error

    def lenient_chunks(self) -> Iterator[pa.RecordBatch]:
        """Yield chunks of all columns, dropping lines with too few or too many fields."""
        self.row_errors.clear()
        options = csv.ConvertOptions(decimal_point=self.layout.decimal, check_utf8=False, strings_can_be_null=True)
        with explained(self.path, self.kind):
            for first, text in self._whole_lines():
                shown = decoded(text).encode()  # Arrow hands over bad rows of UTF-8 only
                as_read = self._options(len(shown) + 1, invalid_row_handler=partial(self._note, first))
                chunk = csv.read_csv(pa.BufferReader(shown), *as_read, options)
                yield from chunk.rename_columns(self.columns).to_batches(max_chunksize=LENIENT_ROWS)
        if self.layout.cut:
            self.row_errors.append(f"{self.path}: {self.layout.cut}")

    def _note(self, first: int, row: Any) -> str:
        fields = f"{row.actual_columns} fields, not {row.expected_columns}"
        number = first - 1 + (row.number or 0)
        self.row_errors.append(f"{self.path}, line {number} has {fields}, and is dropped here")
        return "skip"

    def _options(self, block: int, **handler: Any) -> tuple[csv.ReadOptions, csv.ParseOptions]:
        """Return Arrow's options; columns are named by their index."""
        separator, quote = self.layout.separator.decode(), False if self.layout.separator == SPACE else '"'
        names = [str(place) for place in range(self.width)]
        return (
            csv.ReadOptions(column_names=names, use_threads=False, block_size=block),
            csv.ParseOptions(delimiter=separator, quote_char=quote, **handler),
        )

    def _blocks(self) -> Iterator[bytes]:
        """Yield the bytes of all rows."""
        left = self.layout.end - self.layout.first
        with self.path.open("rb") as file:
            file.seek(self.layout.first)
            while block := file.read(min(max(_BLOCK, _PER_COLUMN * self.width), left)):
                left -= len(block)
                yield block

    def _whole_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield many lines at once and the number of the first, with one space for any amount of whitespace."""
        number, rest = self.layout.line, b""
        for block in self._blocks():
            rest = rest + block if rest else block
            end = b"\n" if b"\n" in rest else b"\r"
            size = rest.rfind(end) + 1
            if size:
                yield number, self._tidied(rest[:size])
                number += rest.count(end, 0, size)
                rest = rest[size:]
            if len(rest) > LONGEST:
                raise InputError(
                    f"{self.path} has more than {LONGEST:,} characters in line {number}, too many for a row"
                )
        if rest:
            yield number, self._tidied(rest)

    def _tidied(self, text: bytes) -> bytes:
        if self.layout.separator != SPACE:
            return text
        return with_single_spaces(text.replace(b"\t", b" ").replace(b"\r\n", b"\n").replace(b"\r", b"\n"))

    def _explained(self, error: Exception, columns: Sequence[Wanted]) -> str:
        lines = list(self._errors(columns))
        if not any(line.startswith("line ") for line in lines):
            return f"{self.path} cannot be read: {error}"
        if len(lines) == 1:
            return f"{self.path}: {lines[0]}"
        more = ["…"] if len(lines) > _SHOWN else []
        return "\n  ".join([f"{self.path} cannot be read:", *lines[:_SHOWN], *more])

    def _errors(self, columns: Sequence[Wanted]) -> Iterator[str]:
        """Describe broken lines, up to one more than is shown, and values missing in the others."""
        wanted = [(column.place, column.name) for column in numbers(columns)]
        found, missing = 0, dict[str, tuple[int, int]]()  # of a column: how many values, and the first line
        for number, fields in self._fields():
            wrong = row_error(fields, self.width, wanted, self.layout.is_number)
            if wrong:
                found += 1
                yield f"line {number} {wrong}"
            if found > _SHOWN:
                return
            for place, name in () if wrong else wanted:
                if not self.layout.is_finite(fields[place]):
                    count, first = missing.get(name, (0, number))
                    missing[name] = count + 1, first
        for name, (count, first) in missing.items():
            yield f"column {name}: {count} values missing or not finite, the first in line {first}"

    def _fields(self) -> Iterator[tuple[int, list[str]]]:
        """Yield number and fields of each line that is not blank."""
        for first, text in self._whole_lines():
            yield from (
                (number, self.layout.fields(line)) for number, line in enumerate(text.splitlines(), first) if line
            )


class _Stream(io.RawIOBase):
    """Texts as a file for Arrow, which takes as much as it gets."""

    def __init__(self, texts: Iterator[bytes]) -> None:
        super().__init__()
        self._texts = filter(None, texts)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002  # as much as there is
        return next(self._texts, b"")
