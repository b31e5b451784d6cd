"""Feather and Parquet files, read a chunk at a time and only the columns that are needed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from forcepos.data.readers.table import WORDS, Chunk, Table, Wanted, check_kinds, explained

_ROWS = 8192
_ROWS_OF_ALL = 65_536  # of a chunk of all columns
_LONG = 1 << 18  # rows of a batch, from which its columns are read one by one
_BUFFER = 1 << 16  # bytes: the columns of a row group are streamed through it, not loaded whole


class FeatherTable(Table):
    """A Feather file."""

    kind = "Feather"

    def __init__(self, path: Path) -> None:
        with explained(path, self.kind), pa.OSFile(str(path)) as file:
            self._schema = pa.ipc.open_file(file).schema
            super().__init__(path, self._schema.names, len(self._schema))

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # the same for every table
        return sum(self._lengths)

    @cached_property
    def _lengths(self) -> list[int]:
        """(batches,) rows of each batch."""
        with self._reader([0]) as reader:
            lengths = [reader.get_batch(number).num_rows for number in range(reader.num_record_batches)]
        pa.default_memory_pool().release_unused()  # it would keep what was decompressed
        return lengths

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:  # noqa: ARG002  # has no lines
        """Yield chunks of some or all of the wanted columns.

        The columns of a long batch (some programs write a whole file as one) come one after the other: a batch
        is decompressed whole, so all columns at once would take several times the memory of the result.
        """
        wanted = columns or self.everything
        check_kinds(self.title, wanted, [self._schema.field(one.place).type for one in wanted])
        places = sorted({one.place for one in wanted})
        keys = {number: places.index(one.place) for number, one in enumerate(wanted)}
        # Words first, while the arrays are empty; the time, which takes the most memory of all, last.
        apart = sorted(keys, key=lambda number: wanted[number].role not in WORDS)
        with self._reader(places) as whole:
            for number, length in enumerate(self._lengths):
                if columns is None or length <= _LONG:
                    yield from _pieces(whole.get_batch(number), keys, _ROWS if columns else _ROWS_OF_ALL)
                    continue
                for one in apart:
                    with self._reader([wanted[one].place]) as reader:
                        batch = reader.get_batch(number)
                    pa.default_memory_pool().release_unused()  # it would keep what was decompressed
                    yield from _pieces(batch, {one: 0}, _ROWS)
                    del batch

    @contextmanager
    def _reader(self, places: Sequence[int]) -> Iterator[Any]:
        options = pa.ipc.IpcReadOptions(included_fields=list(places), use_threads=False)
        with explained(self.path, self.kind), pa.OSFile(str(self.path)) as file:
            yield pa.ipc.open_file(file, options=options)


class ParquetTable(Table):
    """A Parquet file."""

    kind = "Parquet"

    def __init__(self, path: Path) -> None:
        with explained(path, self.kind), pq.ParquetFile(path) as file:
            self._schema, self._rows = file.schema_arrow, file.metadata.num_rows
            super().__init__(path, self._schema.names, len(self._schema))

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # the same for every table
        return int(self._rows)

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:  # noqa: ARG002  # has no lines
        wanted = columns or self.everything
        check_kinds(self.title, wanted, [self._schema.field(one.place).type for one in wanted])
        keys = {number: self._schema.names[one.place] for number, one in enumerate(wanted)}
        names, rows = (sorted({*keys.values()}), _ROWS) if columns else (None, _ROWS_OF_ALL)
        with (
            explained(self.path, self.kind),
            pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file,
        ):
            for batch in file.iter_batches(rows, columns=names, use_threads=False):
                yield from _pieces(batch, keys, rows)


def _pieces(batch: pa.RecordBatch, keys: Mapping[int, int | str], rows: int) -> Iterator[Chunk]:
    """Yield chunks of a batch, once it is known that it can be read; `keys`: of the wanted columns in it."""
    batch.validate(full=True)
    for first in range(0, batch.num_rows, rows):
        yield {number: batch.column(key).slice(first, rows) for number, key in keys.items()}
