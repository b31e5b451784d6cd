"""Rows with missing values: refused, or dropped such that no window crosses them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forcepos.data.loading import load_recordings
from forcepos.data.recordings import all_samples
from forcepos.runtime.errors import InputError
from tests.data.tables import _config, numbers, read_with, write


def test_rows_with_a_missing_value_are_dropped_and_no_window_crosses_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table: Any = numbers().assign(c=["p", "q"] * 60)
    table.loc[30:31, "Fx"], table.loc[50, "y"], table.loc[119, "t"], table.loc[31, "c"] = (
        np.nan,
        np.inf,
        np.nan,
        None,
    )
    left = table.drop(index=[30, 31, 50, 119])
    for ending in ("csv", "feather", "parquet"):
        caplog.clear()
        recordings = read_with(write(table, tmp_path / f"a.{ending}"), missing="drop", label="c", gap_s=0.015)
        assert caplog.messages == [
            "dropped 4 of 120 rows, which lack a value (2 in Fx, 1 in y, 1 in t, 1 in c): 4 in a; "
            "no window crosses them"
        ]
        assert recordings.names == ("a",)
        assert np.array_equal(recordings.signals, left[["Fx", "Fy"]].astype(np.float32))
        assert recordings.runs.tolist() == [[0, 30], [30, 48], [48, 116]]
        assert all_samples(recordings, 10).starts.tolist() == [*range(21), *range(30, 39), *range(48, 107)]


def test_dropped_rows_are_no_pause_but_a_pause_among_them_is_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table: Any = numbers()
    table.loc[40:79, "Fx"] = np.nan
    path = write(table, tmp_path / "a.csv")
    assert read_with(path, missing="drop", gap_s=0.05).breaks.tolist() == [40]
    assert "pause" not in caplog.text
    table.loc[60:, "t"] += 2
    recordings = read_with(write(table, tmp_path / "a.csv"), missing="drop", gap_s=0.05)
    assert recordings.names == ("a part 1", "a part 2")
    assert recordings.breaks.tolist() == []
    read_with(path, missing="drop")
    assert (
        "time in t has 1 pause of more than 5 steps, 1 in a; the longest, 2.01 s, is before row 60" in caplog.text
    )


def test_rows_of_recordings_that_are_not_contiguous_are_dropped_from_their_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table: Any = numbers().assign(visit=["b", "a"] * 60, day=["mon", "tue"] * 60)
    table.loc[[20, 21, 22], "Fy"] = np.nan  # two of b, one of a
    path = write(table, tmp_path / "a.parquet")
    recordings = read_with(path, missing="drop", recording="visit", session="day", keep=["t"])
    assert recordings.names == ("b", "a")
    assert recordings.runs.tolist() == [[0, 10], [10, 58], [58, 68], [68, 117]]
    assert recordings.session is not None
    assert recordings.session.tolist() == recordings.recording.tolist() == [0] * 58 + [1] * 59
    assert recordings.kept["t"][[9, 10, 67, 68]].tolist() == [0.18, 0.24, 0.19, 0.23]
    assert caplog.messages[1].startswith("dropped 3 of 120 rows, which lack a value (3 in Fy): 2 in b, 1 in a;")


def test_a_row_without_a_recording_breaks_the_one_that_it_stands_in(tmp_path: Path) -> None:
    table: Any = numbers().assign(visit=np.repeat(["b", "a"], 60))
    table.loc[[0, 30, 60], "visit"] = None
    recordings = read_with(write(table, tmp_path / "a.csv"), missing="drop", recording="visit")
    assert recordings.names == ("b", "a")
    assert recordings.runs.tolist() == [[0, 29], [29, 58], [58, 117]]


def test_what_loses_all_its_rows_is_named_and_counts_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table: Any = numbers().assign(c="x", p="1", day=1)
    write(table.assign(Fx=np.nan, c="only here", p="2", day=2), tmp_path / "a.csv")
    write(table, tmp_path / "b.csv")
    write(table.assign(c="z", p="3", day=3), tmp_path / "d.csv")
    recordings = read_with(tmp_path, missing="drop", label="c", point="p", session="day")
    assert caplog.messages == [
        "dropped 120 of 360 rows, which lack a value (120 in Fx): 120 in a; no window crosses them; "
        "nothing is left of a"
    ]
    assert (recordings.names, recordings.label_names, recordings.session_names) == (
        ("b", "d"),
        ("x", "z"),
        ("1", "3"),
    )
    for numbered in (recordings.recording, recordings.labels, recordings.point, recordings.session):
        assert numbered is not None
        assert numbered.tolist() == [0] * 120 + [1] * 120
    assert recordings.bounds.tolist() == [[0, 120], [120, 240]]


def test_dropped_rows_count_where_tare_counts_milliseconds(tmp_path: Path) -> None:
    table: Any = numbers().assign(Fx=[*range(120)])
    table.loc[5:14, "Fy"] = np.nan
    path = write(table, tmp_path / "a.csv")
    config = replace(_config(), path=str(path), missing="drop", tare="time", tare_ms=[0.0, 200.0])
    recordings = load_recordings(config).recordings
    assert recordings.signals[:, 0].tolist() == [row - 9.5 for row in range(20, 120)]  # 0 to 4, 15 to 19
    assert recordings.breaks.tolist() == []


def test_a_column_without_any_value_is_named(tmp_path: Path) -> None:
    path = write(numbers().assign(Fy=np.nan), tmp_path / "a.csv")
    with pytest.raises(InputError) as error:
        read_with(path, missing="drop")
    assert str(error.value) == f"data.path={path}: each of 120 rows lacks a value: 120 in Fy"


def test_what_is_there_is_read_for_a_look_at_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table: Any = numbers().assign(visit="a")
    table.loc[3, "Fx"], table.loc[5, "visit"] = np.nan, None
    path = write(table, tmp_path / "a.csv")
    with path.open("a") as file:
        file.write("1,2,3\n1.2,1,2,3,4,a\n")
    recordings = read_with(path, strict=False, recording="visit")
    assert len(recordings.signals) == 120
    assert pd.isna(recordings.signals).sum() == 1
    assert caplog.messages == []
