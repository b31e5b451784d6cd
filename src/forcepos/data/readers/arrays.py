"""Files that are loaded whole, as tables: `.npy`, `.npz`, and MATLAB's up to version 7."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.binary import MOST, ArrowTable, Batch, Element
from forcepos.data.readers.table import explained
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

Loaded = tuple[pa.Table, dict[str, str]]  # the columns, and what is left out: why, by its name
_FEW = 16  # values that need not be one for each row: a target, a rate, a name


class LoadedTable(ArrowTable):
    """A file that can only be loaded whole, and is each time that it is read: several files do not add up."""

    def __init__(self, path: Path, kind: str, load: Callable[[Path], Loaded]) -> None:
        self.kind, self._load = kind, load
        with explained(path, kind, Exception):  # on a damaged file, libraries raise whatever they do
            table, left_out = load(path)
        if not table.num_columns:
            raise InputError(f"{path} holds no columns; {name_some([*left_out.values()], 10)}")
        self._lengths = [len(table)]
        super().__init__(path, table.schema)
        self.left_out = [*left_out.values()]

    def _first_rows(self, column: Element) -> pa.Array:
        return pa.nulls(0, column.kind)  # lists in arrays are of one length

    def _batches(self, places: Sequence[int], rows: int) -> Iterator[Batch]:
        with explained(self.path, self.kind, Exception):
            table = self._load(self.path)[0]
        names = {place: self._columns[place] for place in places}
        yield from ((batch, names) for batch in table.select([*names.values()]).to_batches(rows))


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
    """Make columns of arrays: rows are the axis, first or last, whose length most share; few values are of all."""
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


def load_matlab(path: Path) -> Loaded:
    """Load all variables, InputError for HDF5; of arrays of structures or cells, each element is a `recording`."""
    from scipy.io import loadmat  # noqa: PLC0415  # takes long to import

    try:
        variables = loadmat(path, simplify_cells=True)
    except NotImplementedError as error:
        advice = "save it in MATLAB with save(…, '-v7'), or convert it with h5py as docs/own-data.md shows"
        raise InputError(f"{path} is a MATLAB file of version 7.3: {advice}") from error
    values = dict(_leaves({name: value for name, value in variables.items() if not name.startswith("__")}))
    # Arrays of structures or of cells, not functions or objects of a class.
    lists = [one for one in values.values() if type(one) in {list, np.ndarray}]
    lengths = Counter(len(one) for one in lists if type(one) is list or (one.dtype == object and one.ndim == 1))
    count = max(lengths, key=lambda length: lengths[length], default=0)
    # What has as many elements is of each recording, else it is of all.
    several = {name for name, value in values.items() if count and np.size(value) > 1 and len(value) == count}
    parts = [{name: of[n] if name in several else of for name, of in values.items()} for n in range(count or 1)]
    return _joined([{name: _array(value) for name, value in _leaves(part)} for part in parts], several=count > 0)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _array(value: Any) -> NDArray[Any]:
    array = np.asarray(value, object if isinstance(value, list) else None)
    # MATLAB stores its numbers as the smallest integers that hold them, other ones in each recording.
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


def _joined(recordings: Sequence[Mapping[str, NDArray[Any]]], several: bool) -> Loaded:
    """Put the recordings one below the other."""
    tables, others = zip(*map(side_by_side, recordings), strict=True)
    left_out = {name: why for its in others for name, why in its.items()}
    kinds = Counter((field.name, field.type) for table in tables for field in table.schema)
    odd = sorted({name for (name, _), count in kinds.items() if count < len(tables)})
    left_out |= {name: f"{name} (missing or of another shape in some recordings)" for name in odd}
    names = [name for name in tables[0].column_names if name not in left_out]
    joined = pa.concat_tables([table.select(names) for table in tables])
    if several and names and "recording" not in names:
        named = ([str(v) for n, v in of.items() if n.endswith(".name") and not v.ndim] for of in recordings)
        titles = [next(iter(each), "") for each in named]
        unique = all(titles) and len({*titles}) == len(tables)
        rows = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        words = pa.array(titles if unique else map(str, range(len(tables))), pa.string())
        joined = joined.append_column("recording", pa.DictionaryArray.from_arrays(rows, words))
    return joined, left_out
