"""Any table: formats, columns, recordings, points, classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forcepos.data.checks.check import check
from forcepos.data.recordings import all_samples
from forcepos.data.splits.split import split_of
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.data.tables import NAMED, numbers, read, write


@pytest.mark.parametrize("ending", ["csv", "tsv", "txt", "feather", "parquet"])
def test_every_format_gives_the_same_recordings(ending: str, tmp_path: Path) -> None:
    table = numbers()
    recordings = read(write(table, tmp_path / f"a.{ending}"), *NAMED)
    assert recordings.signals.dtype == recordings.positions.dtype == np.float32
    assert np.array_equal(recordings.signals, table[["Fx", "Fy"]].astype(np.float32))
    assert np.array_equal(recordings.positions[:, :2], table[["x", "y"]].astype(np.float32))
    assert recordings.channels == ("Fx", "Fy")
    assert recordings.names == ("a",)
    assert recordings.rate_hz == 100
    assert recordings.axes == ("x", "y")


@pytest.mark.parametrize("count", [1, 300])
def test_any_number_of_features_will_do(count: int, tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(count)]
    table = pd.DataFrame(np.random.default_rng(1).normal(size=(30, count)), columns=names).assign(x=1.5)
    path = write(table, tmp_path / "a.csv")
    recordings = read(path, f"data.features=[{','.join(names)}]", "data.targets=[x]", "data.rate_hz=10")
    assert recordings.signals.shape == (30, count)
    assert np.array_equal(recordings.positions, np.tile(np.array([1.5, 0, 0], np.float32), (30, 1)))


def test_targets_are_scaled_to_mm_and_moved(tmp_path: Path) -> None:
    table = numbers()
    path = write(table, tmp_path / "a.csv")
    recordings = read(path, *NAMED, "data.target_scale_mm=1000", "data.offset_mm=[1,-2,3]")
    expected = table[["x", "y"]].to_numpy() * 1000 + [1, -2]
    assert np.array_equal(recordings.positions[:, :2], expected.astype(np.float32))
    assert not recordings.positions[:, 2].any()


def test_columns_are_numbered_where_a_text_has_no_header(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"  {row}\t{row + 0.5}   {-row} 7 \n" for row in range(20)))
    recordings = read(path, "data.features=[1,2]", "data.targets=[3]", "data.time=0", "data.time_unit=ms")
    assert recordings.channels == ("column 1", "column 2")
    assert recordings.rate_hz == 1000
    assert np.array_equal(recordings.signals[:, 0], np.arange(20) + 0.5)


@pytest.mark.parametrize(
    ("content", "overrides"),
    [
        ("x;Fx;Fy\n1,5;2;3\n2,5;4;5\n", ["data.decimal=','"]),
        ("x,Fx,Fy\r\n1.5,2,3\r\n2.5,4,5\r\n", []),
        ("\ufeffx,Fx,Fy\n1.5,2,3\n\n2.5,4,5", []),
        ('"x","Fx","Fy"\n"1.5",2,3\n2.5,"4",5\n', []),
        ("# x,Fx,Fy\n1.5,2,3\n2.5,4,5\n", []),
        ("x|Fx|Fy\n1.5|2|3\n2.5|4|5\n", ["data.separator='|'"]),
        ("x Fx   Fy\n1.5 2 3\n 2.5  4 5\n", ["data.format=text"]),
    ],
)
def test_texts_of_many_kinds_are_read(content: str, overrides: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, newline="")
    recordings = read(path, "data.features=[Fx,Fy]", "data.targets=[x]", "data.rate_hz=10", *overrides)
    assert recordings.signals.tolist() == [[2, 3], [4, 5]]
    assert recordings.positions[:, 0].tolist() == [1.5, 2.5]


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_a_feather_file_of_one_long_batch_gives_the_same_column_by_column(
    compression: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = numbers().assign(visit=np.repeat(["b", "a"], 60), tool=["p", "q"] * 60)
    table.to_feather(tmp_path / "a.feather", compression=compression)
    wanted = [*NAMED, "data.recording=visit", "data.point=visit", "data.label=tool"]
    at_once = read(tmp_path / "a.feather", *wanted)
    monkeypatch.setattr("forcepos.data.readers.binary._LONG", 50)
    monkeypatch.setattr("forcepos.data.readers.binary.ROWS", 32)
    one_by_one = read(tmp_path / "a.feather", *wanted)
    assert one_by_one.names == at_once.names == ("b", "a")
    assert one_by_one.fingerprint == at_once.fingerprint


def test_each_file_of_a_folder_is_a_recording_in_the_order_of_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        write(numbers().head(number), tmp_path / f"visit_{number}.csv")
    (tmp_path / "notes.md").write_text("not a table")
    recordings = read(tmp_path, *NAMED)
    assert recordings.names == ("visit_1", "visit_9", "visit_10")
    assert np.bincount(recordings.recording).tolist() == [1, 9, 10]
    assert read(tmp_path / "visit_1*.csv", *NAMED).names == ("visit_1", "visit_10")


def test_a_column_names_recordings_wherever_their_rows_stand(tmp_path: Path) -> None:
    table = numbers().assign(visit=["b", "a"] * 60)
    recordings = read(write(table, tmp_path / "a.parquet"), *NAMED, "data.recording=visit")
    assert recordings.names == ("b", "a")
    assert np.array_equal(recordings.signals[:60, 0], table["Fx"][::2].astype(np.float32))
    assert np.array_equal(recordings.signals[60:, 0], table["Fx"][1::2].astype(np.float32))
    assert recordings.rate_hz == 50


def test_one_name_in_two_files_is_two_recordings(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(numbers().assign(visit=1), tmp_path / f"{name}.feather")
    assert read(tmp_path, *NAMED, "data.recording=visit").names == ("a 1", "b 1")


def test_a_gap_in_time_or_time_that_goes_backwards_begins_a_recording(tmp_path: Path) -> None:
    table = numbers()
    table.loc[40:, "t"] += 1
    table.loc[80:, "t"] -= 5
    path = write(table, tmp_path / "a.csv")
    recordings = read(path, *NAMED, "data.gap_s=0.5")
    assert recordings.names == ("a part 1", "a part 2", "a part 3")
    assert recordings.bounds.tolist() == [[0, 40], [40, 80], [80, 120]]
    assert read(path, *NAMED).names == ("a",)


def test_time_that_goes_backwards_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = numbers()
    table.loc[80:, "t"] -= 5
    read(write(table, tmp_path / "a.csv"), *NAMED)
    assert caplog.messages == ["time in t goes backwards, 1 in a: set data.gap_s to begin a new recording there"]


def test_points_are_named_by_a_column_or_cells_of_a_grid(tmp_path: Path) -> None:
    table = numbers().assign(place=np.repeat(["p", "q", "p"], 40), x=np.repeat([0.0, 14.0, 24.0], 40), y=3.0)
    path = write(table, tmp_path / "a.csv")
    assert read(path, *NAMED, "data.point=place").point[::40].tolist() == [0, 1, 0]
    assert read(path, *NAMED).point[::40].tolist() == [0, 1, 2]
    assert read(path, *NAMED, "data.point_grid_mm=20").point[::40].tolist() == [0, 1, 1]


@pytest.mark.parametrize("kind", ["csv", "feather", "parquet"])
def test_classes_have_any_name_and_number_and_stand_in_order(kind: str, tmp_path: Path) -> None:
    table = numbers().assign(
        tool=np.array([f"tool {number}" for number in range(39, -1, -1)])[np.arange(120) % 40]
    )
    recordings = read(write(table, tmp_path / f"a.{kind}"), *NAMED, "data.label=tool")
    assert recordings.label_names == tuple(f"tool {number}" for number in range(40))
    assert recordings.labels is not None
    assert recordings.labels[:3].tolist() == [39, 38, 37]


def test_no_row_of_a_moving_hand_is_in_two_subsets(tmp_path: Path) -> None:
    table = numbers().assign(x=np.repeat(np.arange(12.0) * 100, 10))
    recordings = read(write(table, tmp_path / "a.csv"), *NAMED)
    samples = all_samples(recordings, 4)
    split = split_of(checked_config("split=held_out_points").split).subsets(samples, 1)
    subsets = [split.train, split.validation, split.test, split.calibration]
    rows = [set((samples.starts[subset][:, None] + np.arange(4)).ravel().tolist()) for subset in subsets]
    assert sum(map(len, rows)) == len(set().union(*rows)) == 120
    assert sum(map(len, subsets)) == 12 * 7
    with pytest.raises(InputError) as error:
        split_of(checked_config("split=held_out_points").split).subsets(all_samples(recordings, 11), 1)
    assert str(error.value) == (
        "no window of 11 rows lies within one point: reduce model.window, or enlarge the points"
    )


@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_a_target_in_disguise_is_called_out(noise: float, tmp_path: Path) -> None:
    table = numbers()
    rng = np.random.default_rng(1).normal(size=120)
    table["Fy"] = 10 - 0.1 * table["x"] + noise * rng
    (line,) = check(read(write(table, tmp_path / "a.feather"), *NAMED), 1)
    assert line == (
        "feature Fy is likely leakage: its correlation with target x is -1.00000; "
        "remove it from data.features unless a sensor measures it"
    )


def test_only_a_label_is_enough_to_classify(tmp_path: Path) -> None:
    table = numbers().drop(columns=["x", "y"]).assign(tool=["a", "b"] * 60)
    path = write(table, tmp_path / "a.csv")
    wanted = ["data.features=[Fx]", "data.label=tool", "data.time=t", "model=cnn_classification"]
    recordings = read(path, *wanted, targets=None)
    assert recordings.axes == ()
    assert not recordings.positions.any()
    assert check(recordings, 10) == []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.targets=[x,y,z,w]"],
         "data.targets names 4 columns: it takes one to three, with x, y, z in this order"),
        (["data.targets=null"], "neither data.targets nor data.label is set: set at least one of them"),
        (["data.features=[Fx,Fx]"], "data.features names Fx twice"),
        (["data.features=[Fx,c]", "data.label=c"],
         "data.label=c is among data.features: the model would see what it has to predict"),
        (["data.separator=','", "data.decimal=','"],
         "data.separator=',' must be one character other than data.decimal=,"),
        (["data.gap_s=1", "data.time=null", "data.rate_hz=1"],
         "data.gap_s=1 needs data.time, the column with the time of a row"),
        (["model=ffnn_regression"],
         "model.axes contains z, but data.targets covers only x, y: set model.axes=[x,y], or name another column"),
        (["data.targets=null", "data.label=c"],
         "data.targets names no column, but model=cnn_regression predicts positions: name columns with x, y, z, "
         "or choose a classification for data.label"),
        (["data.targets=[x]", "model=ffnn_classification"],
         "data.targets names 1 column, but sectors need x and y: name another, "
         "or a column of classes in data.label"),
        (
            ["data.format=excel"],
            "data.format=excel must be one of auto, feather, parquet, csv, text, numpy, matlab, ros",
        ),
    ],
)  # fmt: skip
def test_keys_that_do_not_fit_one_another_are_reported(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        checked_config("data=table", "data.path=a.csv", *NAMED, *overrides)
    assert str(error.value) == message


def test_values_that_are_missing_are_reported_by_recording_and_column(tmp_path: Path) -> None:
    table: Any = numbers()
    table.loc[3:5, "Fy"] = np.nan
    table.loc[7, "y"] = np.inf
    for ending in ("csv", "feather", "parquet"):
        with pytest.raises(InputError) as error:
            check(read(write(table, tmp_path / f"a.{ending}"), *NAMED), 1)
        hint = "data.missing=drop drops such rows"
        assert str(error.value) == (
            "the recordings cannot be used:\n"
            f"  recording a, column Fy: 3 values missing or not finite, the first in row 3; {hint}\n"
            f"  recording a, column y: 1 values missing or not finite, the first in row 7; {hint}"
        )
