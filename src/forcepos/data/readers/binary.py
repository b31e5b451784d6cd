"""Feather and Parquet files, read a chunk at a time and only the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from forcepos.data.readers.columns import Columns
from forcepos.runtime.errors import InputError

_ROWS = 8192
_LONG = 1 << 18  # rows of a batch, from which its columns are read one by one
_BUFFER = 1 << 16  # bytes: the columns of a row group are streamed through it, not loaded whole


@contextmanager
def _explained(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a {kind} file: {error}") from error


class FeatherTable:
    """A Feather file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _explained(path, "Feather"), pa.OSFile(str(path)) as file:
            reader = pa.ipc.open_file(file)
            self._schema = reader.schema
            self.names: list[str] | None = list(reader.schema.names)
            self.width = len(self.names)

    def rows(self, columns: Columns) -> int:
        """Count the rows; reads one column."""
        return sum(self._lengths(columns))

    def _lengths(self, columns: Columns) -> list[int]:
        """(batches,) rows of each batch."""
        with self._reader(columns.places[:1]) as reader:
            lengths = [reader.get_batch(number).num_rows for number in range(reader.num_record_batches)]
        pa.default_memory_pool().release_unused()  # it would keep what was decompressed
        return lengths

    def chunks(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """Yield chunks with some or all of the wanted columns, named by their index among these.

        The columns of a long batch (some programs write a whole file as one) come one after the other: a batch
        is decompressed whole, so all columns at once would take several times the memory of the result.
        """
        _check_types(self.path, self._schema, columns)
        together = range(len(columns.places))
        short: list[int] = []
        for number, length in enumerate(self._lengths(columns)):
            if length <= _LONG:
                short.append(number)
                continue
            yield from self._read(short, columns, together)
            short = []
            # Words first, while the arrays are empty; the time, which takes the most memory of all, last.
            for one in [*together[len(columns.numbers) :], *together[: len(columns.numbers)]]:
                yield from self._read([number], columns, [one])
                pa.default_memory_pool().release_unused()
        yield from self._read(short, columns, together)

    def _read(self, batches: Sequence[int], columns: Columns, wanted: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """Yield chunks of these batches with these of the wanted columns."""
        if not batches:
            return
        places = [columns.places[one] for one in wanted]
        read = sorted(set(places))
        with self._reader(places) as reader:
            for number in batches:
                batch = reader.get_batch(number)
                if batch.num_rows > _LONG:
                    pa.default_memory_pool().release_unused()  # it would keep what was decompressed
                batch.validate(full=True)
                for first in range(0, batch.num_rows, _ROWS):
                    chunk = batch.slice(first, _ROWS)
                    yield pa.RecordBatch.from_arrays(
                        [chunk.column(read.index(place)) for place in places], names=[str(one) for one in wanted]
                    )

    @contextmanager
    def _reader(self, places: Sequence[int]) -> Iterator[Any]:
        """Open the file for reading these columns only."""
        options = pa.ipc.IpcReadOptions(included_fields=sorted(set(places)), use_threads=False)
        with _explained(self.path, "Feather"), pa.OSFile(str(self.path)) as file:
            yield pa.ipc.open_file(file, options=options)


class ParquetTable:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _explained(path, "Parquet"), pq.ParquetFile(path) as file:
            self._schema = file.schema_arrow
            self._rows = file.metadata.num_rows
            self.names: list[str] | None = list(file.schema_arrow.names)
            self.width = len(self.names)

    def rows(self, columns: Columns) -> int:  # noqa: ARG002  # the same for every table
        """Return the number of rows."""
        return int(self._rows)

    def chunks(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """Yield chunks of the wanted columns, in their order."""
        _check_types(self.path, self._schema, columns)
        names = [self._schema.names[place] for place in columns.places]
        with (
            _explained(self.path, "Parquet"),
            pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file,
        ):
            for chunk in file.iter_batches(_ROWS, columns=sorted(set(names)), use_threads=False):
                chunk.validate(full=True)
                yield pa.RecordBatch.from_arrays(
                    [chunk.column(name) for name in names], names=[str(n) for n in range(len(names))]
                )


def _check_types(path: Path, schema: pa.Schema, columns: Columns) -> None:
    wrong = [
        f"{name} holds {schema.field(place).type}"
        for place, name in zip(columns.numbers, columns.names, strict=False)
        if not _is_numeric(schema.field(place).type)
    ]
    if wrong:
        raise InputError(f"{path}: {', '.join(dict.fromkeys(wrong))}, not numbers")


def _is_numeric(kind: pa.DataType) -> bool:
    """Whether a column of this type can be read as float64; timestamps and durations are read as seconds."""
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null,
            pa.types.is_timestamp, pa.types.is_duration,
        )
    )  # fmt: skip
