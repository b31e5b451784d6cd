"""Feather and Parquet files; elements of lists and fields of structures are columns: `observation.state[3]`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from forcepos.data.readers.table import WORDS, Chunk, Table, Wanted, check_kinds, explained
from forcepos.runtime.wording import visible_name

ROWS = 8192
_ROWS_OF_ALL = 65_536  # of a chunk of all columns
_LONG = 1 << 18  # rows of a batch, from which its columns are read one by one
_BUFFER = 1 << 16  # bytes: the columns of a row group are streamed through it, not loaded whole
PROBED = 1000  # rows that tell how long lists are
MOST = 1024  # elements of a list or an array that are signals; pictures and point clouds have more
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)

Step = str | tuple[int, int]  # to a field, or to an element: its place, and how many elements every list has
# Some columns, and where each is in it by its place in the file.
Batch = tuple[pa.RecordBatch, Mapping[int, int | str]]


class Element(NamedTuple):
    """A column of numbers or words: a column of the file, or what these steps lead to in each of its rows."""

    name: str
    parent: int
    kind: pa.DataType
    steps: tuple[Step, ...] = ()


def _parts(whole: Element, first_rows: pa.Array) -> Iterator[Element]:
    """Yield all elements; lists whose length differs in the first rows, or is more than of signals, stay whole."""
    steps: list[tuple[str, Step, pa.DataType]] = []
    if pa.types.is_struct(whole.kind):
        steps = [(f".{field.name}", field.name, field.type) for field in whole.kind]
    elif any(one(whole.kind) for one in _LISTS):
        fixed = pa.types.is_fixed_size_list(whole.kind)
        sizes = (
            [whole.kind.list_size] if fixed else pc.list_value_length(first_rows).drop_null().unique().to_pylist()
        )
        size = sizes[0] if len(sizes) == 1 and sizes[0] <= MOST else 0
        steps = [(f"[{index}]", (index, size), whole.kind.value_type) for index in range(size)]
    for name, step, kind in steps:
        part = Element(whole.name + name, whole.parent, kind, (*whole.steps, step))
        yield from _parts(part, _step(first_rows, step))
    if not steps:
        yield whole


def _step(values: pa.Array, step: Step) -> pa.Array:
    return pc.struct_field(values, [step]) if isinstance(step, str) else pc.list_element(values, step[0])


def take(values: pa.Array, element: Element, row: int) -> pa.Array:
    """Return an element of each row, from `row` on, null where its list is; ValueError if lengths differ."""
    for step in element.steps:
        if not isinstance(step, str):
            lengths = pc.list_value_length(values)
            odd = pc.index(pc.not_equal(lengths, step[1]), True).as_py()
            if odd >= 0:
                found = f"has {lengths[odd]} elements, not {step[1]}"
                raise ValueError(f"{visible_name(element.name)}: the list in row {row + odd} {found}")
        values = _step(values, step)
    return values


class ArrowTable(Table):
    """A table of columns that Arrow holds; elements of lists and fields of structures are columns too."""

    _lengths: list[int]  # rows of each part

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self._columns = path, schema.names
        columns = [Element(field.name, place, field.type) for place, field in enumerate(schema)]
        self._elements = [part for one in columns for part in _parts(one, self._first_rows(one))]
        super().__init__(path, [element.name for element in self._elements], len(self._elements))

    def _first_rows(self, column: Element) -> pa.Array:
        """Return the first rows of a nested column; none of others."""
        if pa.types.is_nested(column.kind):
            for batch, keys in self._batches([column.parent], PROBED):
                batch.validate(full=True)
                return batch.column(keys[column.parent])
        return pa.nulls(0, column.kind)

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # the same for every table
        return sum(self._lengths)

    def _batches(self, places: Sequence[int], rows: int) -> Iterator[Batch]:
        """Yield some columns, this many rows at once; or some of them after the other."""
        raise NotImplementedError

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:  # noqa: ARG002  # has no lines
        wanted = columns or self.everything
        elements = {number: self._elements[one.place] for number, one in enumerate(wanted)}
        check_kinds(self.title, wanted, [one.kind for one in elements.values()])
        # Words first, while the arrays are empty; the time, which takes the most memory of all, last.
        apart = sorted(elements, key=lambda number: wanted[number].role not in WORDS)
        places = [*dict.fromkeys(elements[number].parent for number in apart)]
        rows = ROWS if columns else _ROWS_OF_ALL
        seen = Counter[int]()  # rows of each column
        with explained(self.path, self.kind):
            for batch, keys in self._batches(places, rows):
                its = {number: elements[number] for number in apart if elements[number].parent in keys}
                batch.validate(full=True)  # before anything reads it
                first = seen[next(iter(keys))]
                for row in range(0, batch.num_rows, rows):
                    piece = batch.slice(row, rows)
                    yield {n: take(piece.column(keys[one.parent]), one, first + row) for n, one in its.items()}
                    del piece
                seen.update(dict.fromkeys(keys, batch.num_rows))
                del batch  # it would be held until the next one is there


class FeatherTable(ArrowTable):
    """A Feather file; a long batch is decompressed a column at a time: all at once would take too much memory."""

    kind = "Feather"

    def __init__(self, path: Path) -> None:
        with explained(path, self.kind), pa.OSFile(str(path)) as file:
            super().__init__(path, pa.ipc.open_file(file).schema)

    @cached_property
    def _lengths(self) -> list[int]:  # type: ignore[override]
        with self._reader([0]) as reader:
            lengths = [reader.get_batch(number).num_rows for number in range(reader.num_record_batches)]
        pa.default_memory_pool().release_unused()  # it would keep what was decompressed
        return lengths

    def _batches(self, places: Sequence[int], rows: int) -> Iterator[Batch]:
        for number, length in enumerate(self._lengths):
            apart = length > _LONG and rows <= ROWS
            for some in [[place] for place in places] if apart else [sorted(places)]:
                with self._reader(some) as reader:
                    batch = reader.get_batch(number)
                pa.default_memory_pool().release_unused()  # it would keep what was decompressed
                yield batch, {place: key for key, place in enumerate(some)}
                del batch

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
            self._lengths = [file.metadata.num_rows]
            super().__init__(path, file.schema_arrow)

    def _batches(self, places: Sequence[int], rows: int) -> Iterator[Batch]:
        names = {place: self._columns[place] for place in places}
        with pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(rows, columns=[*names.values()], use_threads=False):
                yield batch, names
                del batch
