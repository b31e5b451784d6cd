"""Feather and Parquet files, read a chunk at a time and only the columns that are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from forcepos.data.readers.table import LENIENT_ROWS, WORDS, Chunk, Table, Wanted, explained, numbers
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import shortened

_ROWS = 8192
_LONG = 1 << 18  # rows of a batch, from which its columns are read one by one
_LONGEST = 60  # characters of a type in a message
_BUFFER = 1 << 16  # bytes: the columns of a row group are streamed through it, not loaded whole


class FeatherTable(Table):
    """A Feather file."""

    kind = "Feather"

    def __init__(self, path: Path) -> None:
        with explained(path, self.kind), pa.OSFile(str(path)) as file:
            self._schema = pa.ipc.open_file(file).schema
            super().__init__(path, self._schema.names, len(self._schema))

    def rows(self, columns: Sequence[Wanted]) -> int:
        """Count the rows; reads one column."""
        return sum(self._lengths(columns))

    def _lengths(self, columns: Sequence[Wanted]) -> list[int]:
        """(batches,) rows of each batch."""
        with self._reader([columns[0].place]) as reader:
            lengths = [reader.get_batch(number).num_rows for number in range(reader.num_record_batches)]
        pa.default_memory_pool().release_unused()  # it would keep what was decompressed
        return lengths

    def chunks(self, columns: Sequence[Wanted]) -> Iterator[Chunk]:
        """Yield chunks of some or all of the wanted columns.

        The columns of a long batch (some programs write a whole file as one) come one after the other: a batch
        is decompressed whole, so all columns at once would take several times the memory of the result.
        """
        _check_types(self.path, self._schema, columns)
        together = range(len(columns))
        count = len(numbers(columns))
        short: list[int] = []
        for number, length in enumerate(self._lengths(columns)):
            if length <= _LONG:
                short.append(number)
                continue
            yield from self._read(short, columns, together)
            short = []
            # Words first, while the arrays are empty; the time, which takes the most memory of all, last.
            for one in [*together[count:], *together[:count]]:
                yield from self._read([number], columns, [one])
                pa.default_memory_pool().release_unused()
        yield from self._read(short, columns, together)

    def _read(self, batches: Sequence[int], columns: Sequence[Wanted], wanted: Sequence[int]) -> Iterator[Chunk]:
        """Yield chunks of these batches with these of the wanted columns."""
        if not batches:
            return
        read = sorted({columns[one].place for one in wanted})
        with self._reader(read) as reader:
            for number in batches:
                batch = reader.get_batch(number)
                if batch.num_rows > _LONG:
                    pa.default_memory_pool().release_unused()  # it would keep what was decompressed
                for chunk in _sliced(batch, _ROWS):
                    yield {one: chunk.column(read.index(columns[one].place)) for one in wanted}

    def lenient_chunks(self) -> Iterator[pa.RecordBatch]:
        """Yield chunks of all columns."""
        with self._reader(range(self.width), pa.memory_map) as reader:
            for number in range(reader.num_record_batches):
                yield from _sliced(reader.get_batch(number), LENIENT_ROWS)

    @contextmanager
    def _reader(self, places: Sequence[int], open_file: Callable[[str], Any] = pa.OSFile) -> Iterator[Any]:
        """Open the file for reading these columns only, in ascending order."""
        options = pa.ipc.IpcReadOptions(included_fields=list(places), use_threads=False)
        with explained(self.path, self.kind), open_file(str(self.path)) as file:
            yield pa.ipc.open_file(file, options=options)


class ParquetTable(Table):
    """A Parquet file."""

    kind = "Parquet"

    def __init__(self, path: Path) -> None:
        with explained(path, self.kind), pq.ParquetFile(path) as file:
            self._schema, self._rows = file.schema_arrow, file.metadata.num_rows
            super().__init__(path, self._schema.names, len(self._schema))

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # the same for every table
        """Return the number of rows."""
        return int(self._rows)

    def chunks(self, columns: Sequence[Wanted]) -> Iterator[Chunk]:
        """Yield chunks of the wanted columns."""
        _check_types(self.path, self._schema, columns)
        names = [self._schema.names[column.place] for column in columns]
        with explained(self.path, self.kind):
            for chunk in self._batches(_ROWS, sorted(set(names))):
                yield {number: chunk.column(name) for number, name in enumerate(names)}

    def lenient_chunks(self) -> Iterator[pa.RecordBatch]:
        """Yield chunks of all columns."""
        with explained(self.path, self.kind):
            yield from self._batches(LENIENT_ROWS)

    def _batches(self, rows: int, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(rows, columns=names, use_threads=False):
                yield from _sliced(batch, rows)


def _sliced(batch: pa.RecordBatch, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield chunks of a batch, once it is known that they can be read."""
    batch.validate(full=True)
    yield from (batch.slice(first, rows) for first in range(0, batch.num_rows, rows))


def _check_types(path: Path, schema: pa.Schema, columns: Sequence[Wanted]) -> None:
    wrong: dict[str, list[str]] = {"numbers": [], "words": []}
    for column in columns:
        wanted, kind = "words" if column.role in WORDS else "numbers", schema.field(column.place).type
        if not any(is_kind(kind) for is_kind in _KINDS[wanted]):
            wrong[wanted].append(f"{column.name} holds {shortened(str(kind), _LONGEST)}")
    lines = [f"{', '.join(dict.fromkeys(names))}, not {wanted}" for wanted, names in wrong.items() if names]
    if lines:
        raise InputError(f"{path}: {'; '.join(lines)}")


_NUMBERS = (
    pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null,
    pa.types.is_timestamp, pa.types.is_duration,
)  # fmt: skip
_KINDS = {
    "numbers": _NUMBERS,  # can be read as float64; timestamps and durations are read as seconds
    "words": (
        *_NUMBERS, pa.types.is_dictionary, pa.types.is_date, pa.types.is_time,
        pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
        pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
    ),
}  # fmt: skip
