"""MATLAB's files up to version 7: arrays, structures, and arrays of structures, each of which is a recording."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.arrays import Loaded, side_by_side
from forcepos.runtime.errors import InputError


def load_matlab(path: Path) -> Loaded:
    """Load all variables; with arrays of structures or cells, a column `recording` tells their elements apart.

    Raises:
        InputError: the file is of version 7.3, which is HDF5.
    """
    from scipy.io import loadmat  # noqa: PLC0415  # takes long to import

    try:
        variables = loadmat(path, simplify_cells=True)
    except NotImplementedError as error:
        advice = "save it in MATLAB with save(…, '-v7'), or convert it with h5py as docs/own-data.md shows"
        raise InputError(f"{path} is a MATLAB file of version 7.3: {advice}") from error
    values = dict(_leaves({name: value for name, value in variables.items() if not name.startswith("__")}))
    lists = [len(value) for value in values.values() if _is_list(value)]
    if not lists:
        return side_by_side({name: _array(value) for name, value in values.items()})
    return _recordings(values, Counter(lists).most_common(1)[0][0])


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _is_list(value: Any) -> bool:
    """Return whether this is an array of structures or of cells, not a function or an object of a class."""
    return isinstance(value, list) or (type(value) is np.ndarray and value.dtype == object and value.ndim == 1)


def _array(value: Any) -> NDArray[Any]:
    array = np.asarray(value, object if isinstance(value, list) else None)
    # MATLAB stores its numbers as the smallest integers that hold them, other ones in each recording.
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


def _recordings(values: Mapping[str, Any], count: int) -> Loaded:
    """Put the recordings one below the other; what has as many elements is of each of them, else it is of all."""
    several = {name for name, value in values.items() if np.size(value) > 1 and len(value) == count}
    tables, titles, left_out = [], list[str](), dict[str, str]()
    for number in range(count):
        own = {name: value[number] if name in several else value for name, value in values.items()}
        arrays = {name: _array(value) for name, value in _leaves(own)}
        table, others = side_by_side(arrays)
        titles += [str(value) for name, value in arrays.items() if name.endswith(".name") and value.ndim == 0][:1]
        tables.append(table)
        left_out |= others
    shared = set.intersection(*({(field.name, field.type) for field in table.schema} for table in tables))
    for name, _ in {(field.name, field.type) for table in tables for field in table.schema} - shared:
        left_out[name] = f"{name} (missing or of another shape in some recordings)"
    names = [name for name in tables[0].column_names if name not in left_out]
    number = np.repeat(np.arange(count), [len(table) for table in tables])
    title = titles if len({*titles}) == count else map(str, range(count))
    recording = pa.DictionaryArray.from_arrays(number, pa.array(title, pa.string()))
    joined = pa.concat_tables([table.select(names) for table in tables])
    return (
        joined.append_column("recording", recording) if names and "recording" not in names else joined
    ), left_out
