"""Feather files in the notebook's format, whole and broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

from forcepos.config.schema import TableConfig
from forcepos.data.checks.check import check
from forcepos.data.loading import read_table
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from tests.conftest import PLATE, checked_config


def read(path: Path, *overrides: str) -> Recordings:
    config = checked_config("data=versuch", f"data.path={path}", *overrides).data
    assert isinstance(config, TableConfig)
    return read_table(config)


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.read_feather(PLATE)


def write(table: pd.DataFrame, folder: Path) -> Path:
    path = folder / "broken.feather"
    table.to_feather(path)
    return path


def test_the_notebooks_file_becomes_recordings_in_the_plates_frame(table: pd.DataFrame) -> None:
    recordings = read(PLATE)
    assert recordings.signals.shape == (401, 20)
    assert recordings.signals.dtype == recordings.positions.dtype == np.float32
    assert recordings.names == ("0,0", "0,1", "0,2", "1,0", "1,1", "1,2", "2,0", "2,1", "2,2")
    assert recordings.rate_hz == 500
    assert np.array_equal(recordings.signals[:, 14], table["Fx"].astype(np.float32))
    expected = table[["curCart_x", "curCart_y", "curCart_z"]] + [-578.6, 261.4, -375]
    assert np.array_equal(recordings.positions, expected.astype(np.float32))


def test_a_second_run_of_rows_at_a_point_is_a_second_visit(table: pd.DataFrame, tmp_path: Path) -> None:
    again = pd.concat([table, table[table["key"] == "0,0"]], ignore_index=True)
    recordings = read(write(again, tmp_path))
    assert recordings.names[-1] == "0,0 visit 2"
    assert recordings.point[-1] == recordings.point[0]
    assert recordings.recording[-1] == 9


@pytest.mark.parametrize("column", ["exT_A3", "curCart_y", "key", "t_nSec"])
def test_a_missing_column_is_named(table: pd.DataFrame, tmp_path: Path, column: str) -> None:
    path = write(table.drop(columns=column), tmp_path)
    with pytest.raises(InputError, match=f"^{path} lacks {column}; it has "):
        read(path)


def test_a_column_named_twice_in_the_file_is_named(table: pd.DataFrame, tmp_path: Path) -> None:
    columns = pa.Table.from_pandas(table)
    path = tmp_path / "twice.feather"
    pyarrow.feather.write_feather(columns.append_column("Fx", columns.column("Fy")), path)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value) == f"{path} has more than one column named Fx"


@pytest.mark.parametrize("chunksize", [7, 200, pytest.param(300_000, marks=pytest.mark.system)])
def test_how_a_file_is_cut_into_batches_makes_no_difference(
    table: pd.DataFrame, tmp_path: Path, chunksize: int
) -> None:
    again = pd.concat([table, table[table["key"] == "0,0"]], ignore_index=True)
    again = pd.concat([again] * (600 if chunksize == 300_000 else 1), ignore_index=True)
    again["key"] = again["key"].replace({"1,1": " 1,1", "2,2": ""})  # names are taken as they are
    path = tmp_path / "a.feather"
    pyarrow.feather.write_feather(pa.Table.from_pandas(again), path, chunksize=chunksize)
    cut, whole = read(path), read(write(again, tmp_path))
    assert cut.fingerprint == whole.fingerprint
    assert {" 1,1", ""} <= {*cut.names}


def test_a_row_without_a_point_or_a_time_is_reported(table: pd.DataFrame, tmp_path: Path) -> None:
    table.loc[[7, 9], "key"] = None
    table.loc[3, "t_nSec"] = np.nan
    path = write(table, tmp_path)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value) == (
        "the tables cannot be read:\n"
        f"  {path}: 1 rows have no time in t_Sec and t_nSec, the first in row 3; "
        "data.missing=drop drops such rows\n"
        f"  {path}: 2 rows have no point in key, the first in row 7; data.missing=drop drops such rows"
    )


def test_a_feature_named_twice_in_the_config_is_named() -> None:
    with pytest.raises(InputError) as error:
        read(PLATE, "data.features=[Fx,Fy,Fx]")
    assert str(error.value) == "data.features names Fx twice"


def test_text_where_numbers_belong_is_named(table: pd.DataFrame, tmp_path: Path) -> None:
    path = write(table.assign(Fz="high"), tmp_path)
    with pytest.raises(InputError, match=rf"^{path}: Fz holds (large_)?string, not numbers$"):
        read(path)


def test_an_empty_file_is_an_error(table: pd.DataFrame, tmp_path: Path) -> None:
    path = write(table.head(0), tmp_path)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value) == f"data.path={path} has no rows"


@pytest.mark.parametrize("content", [b"", b"not a feather file at all", b"ARROW1"])
def test_a_file_of_another_kind_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.feather"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path} cannot be read as a Feather file: "):
        read(path)


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.feather"
    path.write_bytes(PLATE.read_bytes()[:50_000])
    with pytest.raises(InputError, match=f"^{path} cannot be read as a Feather file: "):
        read(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path / "nowhere.feather")
    where = f"data.path={tmp_path / 'nowhere.feather'}"
    assert str(error.value) == f"{where} is not a file, a folder or a pattern that matches a file"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, None])
def test_values_missing_or_not_finite_are_reported_by_recording_and_column(
    table: pd.DataFrame, tmp_path: Path, value: Any
) -> None:
    table.loc[50:52, "exT_A3"] = value
    table.loc[0, "curCart_x"] = value
    with pytest.raises(InputError) as error:
        check(read(write(table, tmp_path)), 10)
    hint = "data.missing=drop drops such rows"
    assert str(error.value) == (
        "the recordings cannot be used:\n"
        f"  recording 0,1, column exT_A3: 3 values missing or not finite, the first in row 4; {hint}\n"
        f"  recording 0,0, column x: 1 values missing or not finite, the first in row 0; {hint}"
    )


def test_a_recording_too_short_for_one_window_is_reported(table: pd.DataFrame, tmp_path: Path) -> None:
    short = table[(table["key"] != "1,1") | (table.groupby("key").cumcount() < 9)]
    with pytest.raises(InputError) as error:
        check(read(write(short.reset_index(drop=True), tmp_path)), 10)
    assert str(error.value) == (
        "the recordings cannot be used:\n  recording 1,1: 9 rows, too short for one window of 10"
    )


def test_signals_that_never_change_are_warned_about(table: pd.DataFrame, tmp_path: Path) -> None:
    table["Tz"] = 1.5
    table.loc[table["key"] == "0,2", "Fx"] = 0.0
    assert check(read(write(table, tmp_path)), 10) == [
        "column Fx never changes in recording 0,2",
        "column Tz never changes in every recording",
    ]


def test_time_that_stands_still_asks_for_a_rate(table: pd.DataFrame, tmp_path: Path) -> None:
    path = write(table.assign(t_Sec=0.0, t_nSec=0.0), tmp_path)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value) == (
        "time in t_Sec and t_nSec does not advance: set data.rate_hz, or name another column"
    )
    assert read(path, "data.rate_hz=250").rate_hz == 250


def test_a_file_of_a_users_that_names_the_schema_but_not_the_keys_of_a_table_composes(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ours.yaml").write_text(
        "defaults: [/schema/data/versuch@_here_, /columns/notebook@_here_, _self_]\n"
        f"name: ours\npath: {PLATE}\ntargets: [curCart_x, curCart_y, curCart_z]\npoint: key\n"
        "seconds: t_Sec\nnanoseconds: t_nSec\nrate_hz: null\n"
    )
    config = checked_config(f"hydra.searchpath=[file://{tmp_path}]", "data=ours").data
    assert isinstance(config, TableConfig)
    assert read_table(config).fingerprint == read(PLATE).fingerprint == "7f43727c2192ec3f"


def test_the_time_is_named_by_seconds_and_not_needed_where_a_rate_is_given(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    path = write(table.rename(columns={"t_Sec": "sec"}), tmp_path)
    assert read(path, "data.seconds=sec").fingerprint == read(PLATE).fingerprint
    assert read(path, "data.rate_hz=500").fingerprint == read(PLATE).fingerprint
    assert read(path, "data.seconds=null", "data.nanoseconds=null").rate_hz is None


def test_visits_of_any_table_are_counted_over_all_files(table: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("a", "b"):
        table[table["key"].isin(["0,0", "0,1"])].to_csv(tmp_path / f"{name}.csv", index=False)
    recordings = read(tmp_path, "data.format=csv")
    assert recordings.names == ("0,0", "0,1", "0,0 visit 2", "0,1 visit 2")
    assert recordings.bounds[2, 0] == 91
    assert read(tmp_path, "data.format=csv", "data.visits=false").names == ("a", "b")


def test_visits_need_a_point_and_no_recording() -> None:
    for key in ("data.point=null", "data.recording=run"):
        with pytest.raises(InputError) as error:
            read(PLATE, key)
        assert str(error.value) == (
            "data.visits=true makes recordings of data.point: name a column there, and none in data.recording"
        )
