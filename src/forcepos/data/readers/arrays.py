"""Arrays in memory as a table's columns: `.npy` and `.npz` files, and what other formats are turned into."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.binary import PROBED, ArrowTable
from forcepos.data.readers.elements import MOST
from forcepos.data.readers.table import Wanted, explained
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

Loaded = tuple[pa.Table, dict[str, str]]  # the columns, and what is left out: why, by its name
_SHOWN = 10
_FEW = 16  # values that need not be one for each row: a target, a rate, a name


class LoadedTable(ArrowTable):
    """A file that can only be loaded whole, and is each time that it is read: several files do not add up."""

    def __init__(self, path: Path, kind: str, load: Callable[[Path], Loaded]) -> None:
        self.kind, self._load = kind, load
        with explained(path, kind, Exception):  # on a damaged file, libraries raise whatever they do
            table, left_out = load(path)
        if not table.num_columns:
            raise InputError(f"{path} holds no columns; {name_some([*left_out.values()], _SHOWN)}")
        self._rows = len(table)
        super().__init__(path, table.schema, lambda names: table.slice(0, PROBED).select(names).to_batches()[0])
        self.left_out = [*left_out.values()]

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # the same for every table
        return self._rows

    def _batches(self, columns: Sequence[str] | None, rows: int) -> Iterator[pa.RecordBatch]:
        with explained(self.path, self.kind, Exception):
            table = self._load(self.path)[0]
        yield from table.select(columns or table.column_names).to_batches(rows)


def load_numpy(path: Path) -> Loaded:
    """Load a `.npy` file, or the arrays of an `.npz` file side by side; nothing is unpickled."""
    loaded = np.load(path, mmap_mode="r", allow_pickle=False)  # .npz files are not mapped
    if isinstance(loaded, np.ndarray):
        return side_by_side({name: loaded[name] for name in loaded.dtype.names or ()} or {"array": loaded})
    arrays, pickled = {}, {}
    for name in loaded.files:
        try:
            arrays[name] = loaded[name]
        except ValueError as error:
            pickled[name] = f"{name} ({error})"
    table, left_out = side_by_side(arrays)
    return table, pickled | left_out


def side_by_side(arrays: Mapping[str, NDArray[Any]]) -> Loaded:
    """Make columns of arrays; rows are the axis, first or last, whose length most arrays share.

    A few values, whatever their number, are the same in each row.
    """
    # The length that most share, but for those of a few values; of several the largest.
    long = [one for one in arrays.values() if one.size > _FEW] or [*arrays.values()]
    lengths = Counter(length for one in long for length in {*one.shape})
    rows = max(lengths, key=lambda length: (lengths[length], length), default=1)
    columns, left_out = {}, {}
    for name, values in arrays.items():
        same = values.size <= _FEW and rows not in values.shape
        whole = np.broadcast_to(np.squeeze(values), (rows, *np.squeeze(values).shape)) if same else values
        if not whole.size or rows not in {whole.shape[0], whole.shape[-1]}:
            left_out[name] = f"{name} (shape {values.shape}, not {rows} rows)"
        elif whole.size > MOST * rows or whole.dtype.hasobject or whole.dtype.kind == "c":
            left_out[name] = f"{name} ({whole.size // rows} of {whole.dtype} in each row)"
        else:
            columns[name] = _arrow(whole if whole.shape[0] == rows else np.moveaxis(whole, -1, 0))
    return pa.table(columns), left_out


def _arrow(values: NDArray[Any]) -> pa.Array:
    """Return an array (rows, …) with lists of fixed length, and a structured one as a structure."""
    if names := values.dtype.names:
        return pa.StructArray.from_arrays([_arrow(values[name]) for name in names], names)
    array = pa.array(np.ascontiguousarray(values, values.dtype.newbyteorder("=")).ravel())
    for size in reversed(values.shape[1:]):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array
