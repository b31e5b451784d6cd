"""Damaged Feather and Parquet files, and columns of any type: one line with the file, wherever they are read."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from forcepos.commands.inspect.report import inspect
from forcepos.data.loading import load_recordings
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from tests.conftest import PLATE, checked_config
from tests.data.tables import numbers

ROWS = 120
NO_TIME = 2**63 - 1


@cache
def _config(data: str) -> Any:
    keys = ("data.features=[Fx,Fy]", "data.targets=[x,y]", "data.time=t", "model.axes=[x,y]")
    return checked_config(f"data={data}", "data.path=FILE", *(keys if data == "table" else ())).data


def _versuch(path: Path) -> object:
    return load_recordings(dataclasses.replace(_config("versuch"), path=str(path)))


def _table(path: Path, **keys: Any) -> Recordings:
    return load_recordings(dataclasses.replace(_config("table"), path=str(path), **keys)).recordings


def _inspect(path: Path, **hints: str) -> object:
    asked = {"write": None, "no_figures": True, "time": None, "positions": (), "point": None, "label": None}
    return inspect(Namespace(**asked | {"files": [str(path)]} | hints), path.parent)


def refusal(read: Callable[[Path], object], path: Path) -> str:
    """The one line of error, with PATH in place of the file's path."""
    with pytest.raises(InputError) as error:
        read(path)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value).replace(str(path), "PATH")


def _column(name: str, values: pa.Array, path: Path) -> Path:
    """Write the usual table with one column more."""
    table = pa.Table.from_pandas(numbers(), preserve_index=False).append_column(name, values)
    if path.suffix == ".parquet":
        pa.parquet.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, path, compression="uncompressed")
    return path


OFFSETS = np.arange(402, dtype=np.int32)  # of 401 words of one letter
WORDS = pa.StringArray.from_buffers(401, pa.py_buffer(OFFSETS.tobytes()), pa.py_buffer(b"a" * 401))
INDICES = np.arange(401, dtype=np.int32)
DICTIONARY = pa.DictionaryArray.from_arrays(pa.array(INDICES), pa.array(map(str, INDICES)))


def _with(values: np.ndarray[tuple[int], np.dtype[np.int32]], place: int, value: int) -> tuple[bytes, bytes]:
    """Numbers as they lie in a file, and with one replaced."""
    changed = values.copy()
    changed[place] = value
    return values.tobytes(), changed.tobytes()


@pytest.mark.parametrize(
    ("key", "damage", "reason"),
    [
        (WORDS, _with(OFFSETS, 401, 10**6), "offset for slot 401 out of bounds: 1000000 > 401"),
        (WORDS, _with(OFFSETS, 100, -5), "Offset invariant failure: non-monotonic offset at slot 100: -5 < 99"),
        (WORDS, _with(OFFSETS, 100, 300), "Offset invariant failure: non-monotonic offset at slot 101: 101 < 300"),
        (WORDS, (b"a" * 401, b"\xff" * 401), "Invalid UTF8 sequence at string index 0"),
        (DICTIONARY, _with(INDICES, 0, 500), "Value at position 0 out of bounds: 500"),
        (DICTIONARY, _with(INDICES, 0, -1), "Value at position 0 out of bounds: -1"),
    ],
    ids=["past the end", "negative", "decreasing", "no UTF-8", "no such word", "word -1"],
)
def test_words_that_lead_out_of_their_file_are_refused_before_they_are_used(
    key: pa.Array, damage: tuple[bytes, bytes], reason: str, tmp_path: Path
) -> None:
    table = pyarrow.feather.read_table(PLATE).combine_chunks()
    path = tmp_path / "a.feather"
    place = table.schema.get_field_index("key")
    pyarrow.feather.write_feather(table.set_column(place, "key", key), path, compression="uncompressed")
    assert path.read_bytes().count(damage[0]) == 1
    path.write_bytes(path.read_bytes().replace(*damage))
    for read in (_versuch, _inspect):
        message = refusal(read, path)
        assert message.startswith("PATH cannot be read as a Feather file: In column ")
        assert reason in message


@pytest.mark.parametrize("ending", ["feather", "parquet"])
def test_names_of_columns_that_are_no_utf_8_are_refused(ending: str, tmp_path: Path) -> None:
    path = _column("wxyz", pa.array([1.0] * ROWS), tmp_path / f"a.{ending}")
    path.write_bytes(path.read_bytes().replace(b"wxyz", b"\xff\xff\xff\xff"))
    for read in (_table, _inspect):
        assert refusal(read, path).startswith("PATH cannot be read as a ")
    assert "codec can't decode byte 0xff" in refusal(_inspect, path)


NESTED = {
    "list<item: int64>": pa.array([[1] * (row % 2) for row in range(ROWS)]),  # else each element were a column
    "list<item: struct<a: int64>>": pa.array([[{"a": 1}] * (row % 2) for row in range(ROWS)]),
    "map<string, int8>": pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int8())),
    "sparse_union<0: int64=0>": pa.UnionArray.from_sparse(pa.array([0] * ROWS, pa.int8()), [pa.array([1] * ROWS)]),
    "run_end_encoded<run_ends: int32, values: string>": pa.RunEndEncodedArray.from_arrays(
        pa.array([ROWS], pa.int32()), pa.array(["a"])
    ),
    "extension<arrow.uuid>": pa.array([bytes(16)] * ROWS, pa.uuid()),
    "month_day_nano_interval": pa.array([pa.MonthDayNano([1, 2, 3])] * ROWS),
}


@pytest.mark.parametrize("kind", NESTED)
def test_what_is_neither_a_number_nor_a_word_is_refused_by_its_type(kind: str, tmp_path: Path) -> None:
    path = _column("odd", NESTED[kind], tmp_path / "a.feather")
    for read in (partial(_table, recording="odd"), partial(_table, point="odd"), partial(_table, label="odd")):
        assert refusal(read, path) == f"PATH: odd holds {kind}, not words"
    message = refusal(partial(_table, features=["Fx", "odd"], point="odd"), path)
    assert message == f"PATH: odd holds {kind}, not numbers; odd holds {kind}, not words"
    assert isinstance(_inspect(path), dict)  # which only says that it is there


def test_a_long_type_is_shown_in_part(tmp_path: Path) -> None:
    lists = pa.array([[{f"k{n}": 1 for n in range(99)}] * (row % 2) for row in range(ROWS)])
    message = refusal(partial(_table, label="odd"), _column("odd", lists, tmp_path / "a.feather"))
    assert message == "PATH: odd holds list<item: struct<k0: int64, k1: int64, …int64, k98: int64>>, not words"


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_of_a_list_or_a_structure_named_as_a_whole_the_parts_are_shown_first(
    value: object, tmp_path: Path
) -> None:
    path = _column("odd", pa.array([value] * ROWS), tmp_path / "a.feather")
    part = "odd[0]" if value == [1] else "odd.a"
    assert refusal(partial(_table, label="odd"), path).startswith(f"PATH lacks odd; it has {part}, ")


@pytest.mark.parametrize(
    ("value", "kind"), [(2**31 - 1, pa.date32()), (NO_TIME, pa.timestamp("s")), (NO_TIME, pa.duration("s"))]
)
def test_words_that_are_impossible_times_are_refused(value: int, kind: pa.DataType, tmp_path: Path) -> None:
    path = _column("when", pa.array([value] * ROWS, kind), tmp_path / "a.feather")
    message = refusal(partial(_table, recording="when"), path)
    assert message == "PATH cannot be read as a Feather file: a value is out of range"


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.duration("ms")])
def test_times_too_far_apart_to_be_subtracted_are_inspected(kind: pa.DataType, tmp_path: Path) -> None:
    values = pa.array([NO_TIME, -NO_TIME] * (ROWS // 2), kind)
    path = _column("when", values, tmp_path / "a.feather")
    found = _inspect(path)
    assert isinstance(found, dict)
    assert found["guesses"]["time"] == ("t",)


def test_numbers_whose_squares_overflow_are_inspected(tmp_path: Path) -> None:
    path = _column("huge", pa.array([1e300, 2e300] * (ROWS // 2)), tmp_path / "a.feather")
    found = _inspect(path, time="huge")
    assert isinstance(found, dict)
    assert found["ranges"]["huge"] == [1e300, 2e300]


def test_a_class_of_thousands_of_digits_is_sorted_by_its_value(tmp_path: Path) -> None:
    longest = "9" * 5000  # more than Python converts
    values = pa.array([longest, "10", "9"] * (ROWS // 3))
    path = _column("code", values, tmp_path / "a.feather")
    recordings = _table(path, targets=None, label="code")
    assert recordings.label_names == ("9", "10", longest)
