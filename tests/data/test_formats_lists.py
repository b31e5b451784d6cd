"""Lists and structures in Parquet and Feather files: each of their elements is a column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from forcepos.data.readers.opening import open_any
from forcepos.runtime.errors import InputError
from tests.data.tables import read

ROWS = 120
STATE = np.random.default_rng(3).normal(size=(ROWS, 6)).astype(np.float32)
KEYS = (
    "data.features=['observation.state[0]','observation.state[5]']",
    "data.targets=[px,py]",
    "data.time=timestamp",
    "data.recording=episode_index",
)


def lerobot(state: pa.Array) -> pa.Table:
    """Two episodes, as LeRobot's data sets hold them."""
    row = np.arange(ROWS)
    return pa.table(
        {
            "observation.state": state,
            "timestamp": pa.array(row % 60 * 0.01, pa.float32()),
            "frame_index": row % 60,
            "episode_index": row // 60,
            "px": row // 10 * 4.0,
            "py": row // 10 % 3 * 4.0,
        }
    )


def write(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path, row_group_size=50)
    else:
        pyarrow.feather.write_feather(table, path, chunksize=50)
    return path


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 6), pa.large_list(pa.float64())])
def test_elements_of_lists_are_features(kind: pa.DataType, ending: str, tmp_path: Path) -> None:
    path = write(lerobot(pa.array(STATE.tolist(), kind)), tmp_path / f"a.{ending}")
    recordings = read(path, *KEYS)
    np.testing.assert_array_equal(recordings.signals, STATE[:, [0, 5]])
    assert recordings.channels == ("observation.state[0]", "observation.state[5]")
    assert recordings.names == ("0", "1")
    assert recordings.rate_hz == 100


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_structures_and_lists_of_lists_are_taken_apart(ending: str, tmp_path: Path) -> None:
    rows = [{"force": {"x": number * 1.0}, "pose": [[1, number], [3, 4]]} for number in range(5)]
    table = pa.table({"wrench": rows, "words": [["a", "b"]] * 5, "any": [[0] * number for number in range(5)]})
    opened = open_any(write(table, tmp_path / f"a.{ending}"))
    assert opened.columns == (
        "wrench.force.x", "wrench.pose[0][0]", "wrench.pose[0][1]", "wrench.pose[1][0]", "wrench.pose[1][1]",
        "words[0]", "words[1]", "any",
    )  # fmt: skip
    (chunk,) = opened.chunks()
    assert chunk[0].to_pylist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert chunk[2].to_pylist() == [0, 1, 2, 3, 4]
    assert chunk[6].to_pylist() == ["b"] * 5


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_a_list_of_another_length_is_refused_with_its_row(ending: str, tmp_path: Path) -> None:
    """The first thousand rows tell the length."""
    lists = [[1.0, 2.0]] * 1200
    lists[1130] = [1.0]
    path = write(pa.table({"l": lists, "x": [0.0] * 1200, "y": [0.0] * 1200}), tmp_path / f"a.{ending}")
    with pytest.raises(InputError) as error:
        read(path, "data.features=['l[0]']", "data.targets=[x,y]", "data.rate_hz=100")
    assert str(error.value).endswith(": l[0]: the list in row 1130 has 1 elements, not 2")


def test_a_list_that_is_null_is_a_missing_value(tmp_path: Path) -> None:
    lists = [*STATE.tolist()[:-1], None]
    opened = open_any(write(lerobot(pa.array(lists, pa.list_(pa.float32()))), tmp_path / "a.parquet"))
    assert [chunk[0].null_count for chunk in opened.chunks()] == [1]


def test_pictures_in_lists_are_no_columns(tmp_path: Path) -> None:
    table = pa.table({"picture": [[0.0] * 1025] * 3, "signals": [[0.0] * 2] * 3})
    assert open_any(write(table, tmp_path / "a.parquet")).columns == ("picture", "signals[0]", "signals[1]")


def test_a_list_as_a_whole_is_no_feature(tmp_path: Path) -> None:
    path = write(lerobot(pa.array([[1.0] * (row % 3) for row in range(ROWS)])), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="observation.state holds list<element: double>, not numbers"):
        read(path, "data.features=[observation.state]", *KEYS[1:])
