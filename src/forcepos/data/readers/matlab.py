"""MATLAB's files up to version 7: arrays, structures, and arrays of structures, each of which is a recording."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    # Arrays of structures or of cells, not functions or objects of a class.
    lists = [
        len(value)
        for value in values.values()
        if isinstance(value, list) or (type(value) is np.ndarray and value.dtype == object and value.ndim == 1)
    ]
    count = Counter(lists).most_common(1)[0][0] if lists else 0
    # What has as many elements is of each recording, else it is of all.
    several = {name for name, value in values.items() if count and np.size(value) > 1 and len(value) == count}
    recordings = [
        {
            name: _array(value)
            for name, value in _leaves(
                {key: its[number] if key in several else its for key, its in values.items()}
            )
        }
        for number in range(count or 1)
    ]
    return _joined(recordings, several=count > 0)


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
        titles = [
            next((str(value) for name, value in arrays.items() if name.endswith(".name") and not value.ndim), "")
            for arrays in recordings
        ]
        unique = all(titles) and len({*titles}) == len(tables)
        rows = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        words = pa.array(titles if unique else map(str, range(len(tables))), pa.string())
        joined = joined.append_column("recording", pa.DictionaryArray.from_arrays(rows, words))
    return joined, left_out
