"""Files of one trial put side by side, by time or by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forcepos import compose
from forcepos.config.schema import TableConfig
from forcepos.data.readers.files import find_columns
from forcepos.data.readers.opening import JoinedTable, find_sources
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.data.tables import read, write

JOIN = "data.join={wrench:wrench.csv,pose:pose.csv}"
WANTED = ["data.features=[wrench.Fx]", "data.targets=[pose.x]", "data.time=t"]


def wrench(rows: int = 20, begin: float = 0.0) -> pd.DataFrame:
    """Rows 10 ms apart; Fx is their number."""
    return pd.DataFrame({"t": begin + np.arange(rows) * 0.01, "Fx": np.arange(rows, dtype=float)})


def pose(rows: int = 8, begin: float = 0.0) -> pd.DataFrame:
    """Rows 25 ms apart; x is their number."""
    return pd.DataFrame({"t": begin + np.arange(rows) * 0.025, "x": np.arange(rows, dtype=float)})


def trial(folder: Path, wrench_rows: pd.DataFrame, pose_rows: pd.DataFrame, ending: str = "csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write(wrench_rows, folder / "wrench.csv")
    write(pose_rows, folder / f"pose.{ending}")
    return folder


def error_of(path: Path, *overrides: str) -> str:
    with pytest.raises(InputError) as error:
        read(path, *WANTED, *overrides)
    return str(error.value).replace(str(path), "PATH")


def test_rows_of_the_first_file_take_the_newest_row_of_the_other(tmp_path: Path) -> None:
    recordings = read(trial(tmp_path / "trial", wrench(), pose()), *WANTED, JOIN)
    assert recordings.names == ("trial",)
    assert recordings.rate_hz == 100
    assert recordings.channels == ("wrench.Fx",)
    assert recordings.signals[:, 0].tolist() == list(range(20))
    assert recordings.positions[:, 0].tolist() == [row * 10 // 25 for row in range(20)]


@pytest.mark.parametrize("ending", ["csv", "feather", "parquet"])
def test_trials_are_folders_and_files_of_any_format(ending: str, tmp_path: Path) -> None:
    for number in (10, 2):
        trial(tmp_path / f"day/trial {number}", wrench(number), pose(), ending)
    join = f"data.join={{wrench:wrench.csv,pose:pose.{ending}}}"
    for path in (tmp_path, tmp_path / "day", tmp_path / "day/trial*"):
        recordings = read(path, *WANTED, join)
        assert recordings.names == ("trial 2", "trial 10")
        assert recordings.positions[2:, 0].tolist() == [row * 10 // 25 for row in range(10)]


def test_a_star_stands_for_the_same_text_in_each_file_of_a_trial(tmp_path: Path) -> None:
    for name, rows in (("a", 5), ("b[1]", 7)):
        write(wrench(rows), tmp_path / f"{name}_wrench.csv")
        write(pose(), tmp_path / f"{name}_pose.csv")
    (tmp_path / "notes.txt").write_text("no table")
    recordings = read(tmp_path, *WANTED, 'data.join={wrench:"*_wrench.csv",pose:"*_pose.csv"}')
    assert recordings.names == ("a", "b[1]")
    assert np.diff(recordings.bounds, axis=1)[:, 0].tolist() == [5, 7]


def test_files_may_lie_in_folders_of_their_kind(tmp_path: Path) -> None:
    for place in ("wrench", "pose"):
        (tmp_path / place).mkdir()
    for name in ("1", "2"):
        write(wrench(), tmp_path / f"wrench/{name}.csv")
        write(pose(), tmp_path / f"pose/{name}.csv")
    assert read(tmp_path, *WANTED, 'data.join={wrench:"wrench/*.csv",pose:"pose/*.csv"}').names == ("1", "2")


def test_columns_are_numbered_within_their_file(tmp_path: Path) -> None:
    for name, rows in (("w.dat", "0 1 2\n0.01 3 4\n"), ("p.dat", "0 5\n0.01 6\n")):
        (tmp_path / name).write_text(rows)
    wanted = ["data.features=[wrench.1,wrench.2]", "data.targets=[pose.1]", "data.time=0"]
    recordings = read(tmp_path, *wanted, "data.join={wrench:w.dat,pose:p.dat}")
    assert recordings.signals.tolist() == [[1, 2], [3, 4]]
    assert recordings.positions[:, 0].tolist() == [5, 6]
    named = read(trial(tmp_path / "named", wrench(), pose()), *WANTED[1:], JOIN, "data.features=[wrench.1]")
    assert named.signals[:, 0].tolist() == list(range(20))


@pytest.mark.parametrize("time", ["wrench.t", "'wrench.t,pose.t'", "0"])
def test_time_is_one_column_of_each_file(time: str, tmp_path: Path) -> None:
    recordings = read(trial(tmp_path, wrench(), pose()), *WANTED[:2], JOIN, f"data.time={time}")
    assert recordings.positions[:, 0].tolist() == [row * 10 // 25 for row in range(20)]


def test_each_files_time_may_have_a_name_of_its_own(tmp_path: Path) -> None:
    trial(tmp_path, wrench(), pose().rename(columns={"t": "stamp"}))
    recordings = read(tmp_path, *WANTED[:2], JOIN, "data.time='wrench.t,pose.stamp'")
    assert recordings.positions[:, 0].tolist() == [row * 10 // 25 for row in range(20)]
    assert error_of(tmp_path, JOIN) == "PATH/pose.csv lacks t; it has stamp, x"


def test_rows_before_the_other_file_begins_are_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for name in ("1", "2"):
        trial(tmp_path / name, wrench(), pose(begin=0.045))
    recordings = read(tmp_path, *WANTED, JOIN)
    assert recordings.signals[:15, 0].tolist() == list(range(5, 20))
    assert caplog.messages == ["data.join: dropped 10 rows, which are older than the first row of another file"]


def test_old_rows_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("1", "2"):
        trial(tmp_path / name, wrench(50), pose(10))
    read(tmp_path, *WANTED, JOIN)
    assert [message.replace(str(tmp_path), "PATH") for message in caplog.messages] == [
        "data.join: for 28 rows, another file's newest row is more than 5 of its steps old, up to 0.265 s: "
        "its messages were lost, or clocks differ, in PATH/1, PATH/2"
    ]


def test_clocks_that_have_nothing_in_common_are_refused_with_both_intervals(tmp_path: Path) -> None:
    assert error_of(trial(tmp_path, wrench(), pose(begin=1.7e9)), JOIN) == (
        "PATH: times have nothing in common, wrench 0 to 0.19 s, pose 1700000000 to 1700000000 s: "
        "check data.time, or data.join_by=row"
    )


def test_time_that_goes_backwards_cannot_be_joined(tmp_path: Path) -> None:
    message = error_of(trial(tmp_path, wrench(), pose().iloc[::-1]), JOIN)
    assert message == "PATH/pose.csv: time goes backwards, so that only data.join_by=row can join it"


def test_rows_without_a_time_cannot_be_joined(tmp_path: Path) -> None:
    rows = pose()
    rows.loc[2, "t"] = np.nan
    message = error_of(trial(tmp_path, wrench(), rows), JOIN)
    assert message == "PATH/pose.csv: time is missing in some rows, so that only data.join_by=row can join it"


def test_rows_are_joined_by_their_number(tmp_path: Path) -> None:
    trial(tmp_path, wrench(8), pose(8, begin=5))
    recordings = read(tmp_path, *WANTED, JOIN, "data.join_by=row")
    assert recordings.positions[:, 0].tolist() == recordings.signals[:, 0].tolist() == list(range(8))
    without_time = read(tmp_path, *WANTED[:2], JOIN, "data.join_by=row", "data.rate_hz=50")
    assert without_time.rate_hz == 50


def test_other_numbers_of_rows_are_refused_once(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        trial(tmp_path / f"{number}", wrench(20 + number), pose(8))
    assert error_of(tmp_path, JOIN, "data.join_by=row") == (
        "PATH/1 has 21 rows in wrench, 8 rows in pose: data.join_by=row needs as many, data.join_by=time does not "
        "(and 2 more files alike)"
    )


def test_trials_that_lack_a_file_are_named_all_at_once(tmp_path: Path) -> None:
    for number in range(8):
        trial(tmp_path / f"{number}", wrench(), pose())
    for number in (1, 2):
        (tmp_path / f"{number}/pose.csv").unlink()
    (tmp_path / "3/wrench.csv").unlink()
    assert error_of(tmp_path, JOIN) == (
        "3 of 8 trials lack a file of data.join:\n  PATH/1 lacks pose=pose.csv\n  PATH/2 lacks pose=pose.csv\n"
        "  PATH/3 lacks wrench=wrench.csv"
    )


def test_a_place_without_trials(tmp_path: Path) -> None:
    message = "data.path=PATH is no folder, or holds no file that data.join names"
    assert error_of(tmp_path, JOIN) == message
    assert error_of(tmp_path / "nowhere", JOIN) == message


def test_a_column_that_is_missing_is_named_beside_those_of_the_trial(tmp_path: Path) -> None:
    message = error_of(trial(tmp_path, wrench(), pose()), JOIN, "data.features=[wrench.Fy]")
    assert message == "PATH lacks wrench.Fy; it has wrench.Fx, wrench.t, pose.t, pose.x"


@pytest.mark.parametrize(
    ("join", "message"),
    [
        ("{a: '', b: c}", "data.join: 'a' must have a file or a pattern, and a name without dots and commas"),
        ("{a.b: c}", "data.join: 'a.b' must have a file or a pattern, and a name without dots and commas"),
        ("{a: [b]}", "data.join: 'a' must have a file or a pattern, and a name without dots and commas"),
        ("{a: '*.csv', b: b.csv}",
         "data.join: all its patterns must hold as many *, whose texts tell which files are of one trial"),
        ("wrench.csv", "data.join=wrench.csv: it takes {name: file or pattern}"),
        ("[a,b]", "data.join=[a,b]: it takes {name: file or pattern}"),
    ],
)  # fmt: skip
def test_a_join_that_makes_no_sense(join: str, message: str, tmp_path: Path) -> None:
    assert error_of(tmp_path, f"data.join={join}") == message


def test_a_join_by_time_needs_the_time(tmp_path: Path) -> None:
    message = "data.join needs data.time, the column with the time in each file, or data.join_by=row"
    assert error_of(tmp_path, JOIN, "data.time=null", "data.rate_hz=10") == message


def test_a_join_is_a_mapping_of_a_yaml_file(tmp_path: Path) -> None:
    (tmp_path / "mine/data").mkdir(parents=True)
    (tmp_path / "mine/data/lab.yaml").write_text(
        "defaults: [table, _self_]\nfeatures: [wrench.Fx]\ntargets: [pose.x]\ntime: t\n"
        f"path: {tmp_path}/trial\njoin:\n  wrench: wrench.csv\n  pose: pose.csv\n"
    )
    config = compose("data=lab", "model.axes=[x]", config_dir=tmp_path / "mine").data
    assert isinstance(config, TableConfig)
    assert config.join == {"wrench": "wrench.csv", "pose": "pose.csv"}


def test_classes_and_sessions_of_trials_come_from_their_paths(tmp_path: Path) -> None:
    for place in ("mon/1", "mon/2", "tue/1"):
        trial(tmp_path / place, wrench(), pose())
    recordings = read(tmp_path, *WANTED, JOIN, 'data.session_from="{}/*/wrench.csv"')
    assert recordings.names == ("mon/1", "mon/2", "tue/1")
    assert recordings.session_names == ("mon", "tue")


def test_the_files_of_a_trial_are_one_table(tmp_path: Path) -> None:
    trial(tmp_path, wrench().assign(grip="soft"), pose())
    config = checked_config("data=table", f"data.path={tmp_path}", *WANTED, JOIN, "model.axes=[x]").data
    assert isinstance(config, TableConfig)
    (source,) = find_sources(config)
    table = source.open(config)
    assert isinstance(table, JoinedTable)
    assert table.columns == ("wrench.t", "wrench.Fx", "wrench.grip", "pose.t", "pose.x")
    assert [one.place for one in find_columns(table, [("feature", "pose.1")])] == [4]


def test_each_file_is_read_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (trial(tmp_path, wrench(), pose()) / "pose.csv").open("a") as file:
        file.write("9")
    read(tmp_path, *WANTED, JOIN)
    cut = f"{tmp_path}/pose.csv: the last line is cut short (1 of 2 fields) and was dropped"
    assert caplog.messages == [cut]


def test_clocks_go_on_over_midnight(tmp_path: Path) -> None:
    of_day = {"t": lambda rows: rows["t"] % 86400}
    trial(tmp_path, wrench(begin=86399.9).assign(**of_day), pose(begin=86399.9).assign(**of_day), "feather")
    recordings = read(tmp_path, *WANTED, "data.join={wrench:wrench.csv,pose:pose.feather}")
    assert recordings.positions[:, 0].tolist() == [row * 10 // 25 for row in range(20)]
