"""Recordings of a table that are shorter than one window are dropped; others are not touched."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from forcepos.config.schema import TableConfig
from forcepos.data.checks.check import check, drop_short
from forcepos.data.loading import load_recordings
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.data.tables import NAMED, numbers, write
from tests.data.test_splits import plate


def loaded(path: Path, window: int, *overrides: str) -> Recordings:
    config = checked_config("data=table", f"data.path='{path}'", *NAMED, "model.axes=[x,y]", *overrides).data
    assert isinstance(config, TableConfig)
    return load_recordings(config, window).recordings


def test_recordings_between_gaps_that_have_no_window_are_dropped_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = numbers()
    table.loc[40:, "t"] += 1
    table.loc[43:, "t"] += 1
    table.loc[118:, "t"] += 1
    recordings = loaded(write(table, tmp_path / "a.csv"), 10, "data.gap_s=0.5")
    assert caplog.messages == [
        "dropped 2 of 4 recordings (5 of 120 rows), shorter than one window of 10 rows: a part 2, a part 4"
    ]
    assert recordings.names == ("a part 1", "a part 3")
    assert recordings.bounds.tolist() == [[0, 40], [40, 115]]
    kept = [*range(40), *range(43, 118)]
    assert np.array_equal(recordings.signals, table[["Fx", "Fy"]].to_numpy(np.float32)[kept])
    assert np.array_equal(recordings.positions[:, :2], table[["x", "y"]].to_numpy(np.float32)[kept])
    assert check(recordings, 10) == []


def test_short_files_of_a_folder_are_dropped_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number, rows in enumerate((20, 9, 30)):
        write(numbers().head(rows), tmp_path / f"visit_{number}.csv")
    assert loaded(tmp_path, 10).names == ("visit_0", "visit_2")
    assert len(caplog.messages) == 1


def test_it_is_an_error_if_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        loaded(write(numbers(), tmp_path / "a.csv"), 121)
    assert str(error.value) == (
        "all recordings (1) are too short for one window of 121 rows: the longest, a, has 120; reduce model.window"
    )


def test_one_class_that_is_left_is_refused(tmp_path: Path) -> None:
    for name, rows in (("a", 20), ("b", 9)):
        (tmp_path / name).mkdir()
        write(numbers().head(rows), tmp_path / name / "1.csv")
    with pytest.raises(InputError, match="has only one class, a: nothing to classify"):
        loaded(tmp_path, 10, 'data.label_from="{}/*"')


def test_the_remaining_points_and_classes_are_counted_from_0() -> None:
    whole = dataclasses.replace(
        plate([5, 20, 5, 20], visits=1),
        labels=np.repeat(np.array([0, 1, 2, 3], np.int32), [5, 20, 5, 20]),
        label_names=("a", "b", "c", "d"),
    )
    left = drop_short(whole, 10)
    assert left.labels is not None
    assert [left.point[place] for place in (0, 20)] == [left.labels[place] for place in (0, 20)] == [0, 1]
    assert left.label_names == ("b", "d")
    assert left.names == ("recording 1", "recording 3")


def test_a_short_visit_of_the_notebooks_stays_an_error() -> None:
    with pytest.raises(InputError, match="recording recording 1: 5 rows, too short for one window of 10"):
        check(plate([20, 5]), 10)


def test_a_recording_is_as_long_as_its_longest_run_without_dropped_rows() -> None:
    whole = dataclasses.replace(
        plate([20, 12, 15], visits=1),
        session=np.repeat(np.array([0, 1, 2], np.int32), [20, 12, 15]),
        session_names=("Monday", "Tuesday", "Wednesday"),
        row=np.concatenate([[*range(5), *range(6, 21)], [*range(6), *range(9, 15)], [*range(11), *range(12, 16)]]),
    )
    with pytest.raises(InputError, match="recording recording 1: 6 rows, too short for one window of 10"):
        check(whole, 10)
    left = drop_short(whole, 10)
    assert left.names == ("recording 0", "recording 2")
    assert left.runs.tolist() == [[0, 5], [5, 20], [20, 31], [31, 35]]
    assert left.session is not None
    assert [left.session[place] for place in (0, 34)] == [0, 1]
    assert left.session_names == ("Monday", "Wednesday")
