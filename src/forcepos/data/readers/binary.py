"""Feather and Parquet files, read a chunk at a time and only the columns that are needed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from forcepos.data.readers.elements import Element, FirstRows, find_elements, take
from forcepos.data.readers.table import WORDS, Chunk, Table, Wanted, check_kinds, explained

ROWS = 8192
_ROWS_OF_ALL = 65_536  # of a chunk of all columns
_LONG = 1 << 18  # rows of a batch, from which its columns are read one by one
_BUFFER = 1 << 16  # bytes: the columns of a row group are streamed through it, not loaded whole
PROBED = 1000  # rows that tell how long lists are


class ArrowTable(Table):
    """A table of columns that Arrow holds; elements of lists and fields of structures are columns too."""

    def __init__(self, path: Path, schema: pa.Schema, first_rows: FirstRows) -> None:
        self.path, self._columns = path, schema.names
        self._elements = find_elements(schema, first_rows)
        super().__init__(path, [element.name for element in self._elements], len(self._elements))

    def _wanted(self, columns: Sequence[Wanted] | None) -> list[Element]:
        """Return the elements that are wanted, all without any, if they suit their roles."""
        wanted = columns or self.everything
        elements = [self._elements[one.place] for one in wanted]
        check_kinds(self.title, wanted, [element.kind for element in elements])
        return elements

    def _batches(self, columns: Sequence[str] | None, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield some columns, all without any, this many rows at once."""
        raise NotImplementedError

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:  # noqa: ARG002  # has no lines
        parts = {number: (self._columns[one.parent], one) for number, one in enumerate(self._wanted(columns))}
        names, rows = (sorted({key for key, _ in parts.values()}), ROWS) if columns else (None, _ROWS_OF_ALL)
        first = 0
        with explained(self.path, self.kind):
            for batch in self._batches(names, rows):
                yield from self._pieces(batch, parts, first, rows)
                first += batch.num_rows

    def _pieces(
        self, batch: pa.RecordBatch, parts: Mapping[int, tuple[int | str, Element]], first: int, rows: int
    ) -> Iterator[Chunk]:
        """Yield chunks of a batch, once it is known that it can be read.

        `parts`: the column of the batch, and what is wanted of it; `first`: the number of the first row.
        """
        batch.validate(full=True)
        for row in range(0, batch.num_rows, rows):
            piece = batch.slice(row, rows)
            yield {number: take(piece.column(key), one, first + row) for number, (key, one) in parts.items()}


class FeatherTable(ArrowTable):
    """A Feather file."""

    kind = "Feather"

    def __init__(self, path: Path) -> None:
        with explained(path, self.kind), pa.OSFile(str(path)) as file:
            super().__init__(path, pa.ipc.open_file(file).schema, self._first_rows)

    def _first_rows(self, names: Sequence[str]) -> pa.RecordBatch | None:
        with self._reader([self._columns.index(name) for name in names]) as reader:
            batch = reader.get_batch(0) if reader.num_record_batches else None
        if batch:
            batch.validate(full=True)
        return batch

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
        elements = dict(enumerate(self._wanted(columns)))
        places = sorted({one.parent for one in elements.values()})
        parts = {number: (places.index(one.parent), one) for number, one in elements.items()}
        # Words first, while the arrays are empty; the time, which takes the most memory of all, last.
        roles = [one.role for one in columns or ()]
        apart = sorted(elements, key=lambda number: bool(roles) and roles[number] not in WORDS)
        first = 0
        with self._reader(places) as whole:
            for number, length in enumerate(self._lengths):
                if columns is None or length <= _LONG:
                    rows = (
                        ROWS if columns else _ROWS_OF_ALL
                    )  # the batch has no name here: it would outlive its use
                    yield from self._pieces(whole.get_batch(number), parts, first, rows)
                else:
                    for parent in dict.fromkeys(elements[one].parent for one in apart):
                        with self._reader([parent]) as reader:
                            batch = reader.get_batch(number)
                        pa.default_memory_pool().release_unused()  # it would keep what was decompressed
                        its = {one: (0, elements[one]) for one in apart if elements[one].parent == parent}
                        yield from self._pieces(batch, its, first, ROWS)
                        del batch
                first += length

    @contextmanager
    def _reader(self, places: Sequence[int]) -> Iterator[Any]:
        options = pa.ipc.IpcReadOptions(included_fields=list(places), use_threads=False)
        with explained(self.path, self.kind), pa.OSFile(str(self.path)) as file:
            yield pa.ipc.open_file(file, options=options)


class ParquetTable(ArrowTable):
    """A Parquet file."""

    kind = "Parquet"

    def __init__(self, path: Path) -> None:
        with explained(path, self.kind), pq.ParquetFile(path) as file:
            self._rows = file.metadata.num_rows

            def first_rows(names: Sequence[str]) -> pa.RecordBatch | None:
                return next(file.iter_batches(PROBED, columns=names, use_threads=False), None)

            super().__init__(path, file.schema_arrow, first_rows)

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # the same for every table
        return int(self._rows)

    def _batches(self, columns: Sequence[str] | None, rows: int) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file:
            yield from file.iter_batches(rows, columns=columns, use_threads=False)
