"""Conversion of logs by `prepare`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.feather
import pytest

from forcepos import compose
from forcepos.data.loading import load_recordings
from tests.commands.prepare.made import COLUMNS, controller, folder, numbers, text, zipped
from tests.commands.prepare.running import ROWS, ZIPPED, plate, prepared, table
from tests.conftest import PLATE
from tests.running import PLAIN
from tests.warm import forcepos


def test_the_notebooks_file_comes_out_of_its_logs(tmp_path: Path) -> None:
    finished = prepared(tmp_path, f"data.source={ZIPPED}")
    assert finished.code == 0, finished.err
    path = "data/feather/versuch_p1_all_1.feather"
    assert finished.result == {"path": path, "recordings": 9, "rows": 401, "skipped": [], "dropped_lines": 0}
    assert len(finished.out.splitlines()) == 1
    assert f"9 recordings, 401 rows: train with data=versuch data.path={path}" in finished.err
    pd.testing.assert_frame_equal(table(tmp_path / path), plate(), check_exact=True)
    assert pyarrow.feather.read_table(tmp_path / path).schema.equals(pyarrow.feather.read_table(PLATE).schema)


def test_a_folder_of_logs_gives_the_same(tmp_path: Path) -> None:
    shutil.unpack_archive(ZIPPED, tmp_path / "versuch_p1" / "logs")
    finished = prepared(tmp_path, "data.source=versuch_p1/", "data.target=mine.feather")
    assert finished.result["path"] == "mine.feather"
    pd.testing.assert_frame_equal(table(tmp_path / "mine.feather"), plate(), check_exact=True)


def test_the_last_rows_of_each_recording_are_kept(tmp_path: Path) -> None:
    finished = prepared(tmp_path, f"data.source={ZIPPED}", "data.keep_rows=44")
    assert finished.result["path"] == "data/feather/versuch_p1_44_1.feather"
    assert finished.result["rows"] == 6 * 44 + 3 * 42
    assert "3 recordings have fewer than data.keep_rows=44 rows" in finished.err
    expected = plate().groupby("key").tail(44).reset_index(drop=True)
    ours = table(tmp_path / "data/feather/versuch_p1_44_1.feather")
    pd.testing.assert_frame_equal(ours, expected, check_exact=True)


def test_the_first_rows_are_kept_besides_and_tare_takes_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    finished = prepared(tmp_path, f"data.source={ZIPPED}", "data.keep_rows=20", "data.keep_first=5")
    path = tmp_path / "data/feather/versuch_p1_5_and_20_1.feather"
    assert finished.result["path"] == str(path.relative_to(tmp_path))
    visits = plate().groupby("key", sort=False)
    expected = pd.concat([pd.concat([visit.head(5), visit.tail(20)]) for _, visit in visits], ignore_index=True)
    pd.testing.assert_frame_equal(table(path), expected, check_exact=True)
    config = compose("data=versuch", f"data.path={path}", "data.tare=time", "data.tare_ms=[0,10]").data
    recordings = load_recordings(config).recordings
    assert recordings.rate_hz == 500
    assert caplog.messages == []  # such as one of the pause behind the first rows
    assert recordings.signals.shape == (9 * 20, 20)
    assert not recordings.breaks.size
    for (start, stop), (_, visit) in zip(recordings.bounds, visits, strict=True):
        wanted = visit["Fz"].tail(20) - visit["Fz"].head(5).mean()
        assert np.allclose(recordings.signals[start:stop, recordings.channels.index("Fz")], wanted, atol=1e-5)


def test_a_short_log_is_kept_whole_and_once(tmp_path: Path) -> None:
    logs = folder(tmp_path / "logs", {"f_0_0_demoRecord.txt": text(ROWS)})
    for first, last, rows in ((15, 15, ROWS), (5, 15, ROWS), (5, 14, [*ROWS[:5], *ROWS[6:]]), (3, "null", ROWS)):
        finished = prepared(tmp_path, f"data.source={logs}", f"data.keep_first={first}", f"data.keep_rows={last}")
        assert table(tmp_path / finished.result["path"])[list(COLUMNS)].to_numpy().tolist() == rows


def test_logs_of_every_format_give_one_file(tmp_path: Path) -> None:
    logs = {
        "f_0_0_demoRecord.txt": text(ROWS),
        "f_0_2_demoRecord.txt": text(ROWS, COLUMNS, "\t"),
        "f_0_10_demoRecord.txt": text(ROWS, ["%", *controller()], "  ", trailing=" ", end="\r\n"),
        "f_1_0_demoRecord.txt": text(ROWS, controller("LBR_Med_7_R800_1"), ";", mark=","),
        "f_2_0_demoRecord.txt": text([row[::-1] for row in ROWS], COLUMNS[::-1]),
    }
    finished = prepared(tmp_path, f"data.source={zipped(tmp_path / 'mixed.zip', logs)}")
    assert finished.code == 0, finished.err
    frame = table(tmp_path / "data/feather/mixed_all_1.feather")
    assert list(frame["key"].unique()) == ["0,0", "0,2", "0,10", "1,0", "2,0"]
    for _, recording in frame.groupby("key"):
        assert recording[list(COLUMNS)].to_numpy().tolist() == ROWS


def test_other_columns_can_be_named(tmp_path: Path) -> None:
    logs = folder(tmp_path / "logs", {"1_2.log": text(numbers(4, 3))})
    arguments = ["data.columns=[t_Sec,Fx,Fy]", 'data.pattern="{i}_{j}.log"']
    finished = prepared(tmp_path, f"data.source={logs}", *arguments)
    assert finished.code == 0, finished.err
    assert list(table(tmp_path / "data/feather/logs_all_1.feather").columns) == ["t_Sec", "Fx", "Fy", "key"]


def test_a_second_visit_stands_behind_the_first_of_all_points(tmp_path: Path) -> None:
    names = [f"f_{i}_{j}_{visit}.txt" for visit in (1, 2, 10) for i in (0, 1) for j in (0, 1)]
    logs = folder(tmp_path / "logs", {name: text(numbers(seed=place)) for place, name in enumerate(names)})
    finished = prepared(tmp_path, f"data.source={logs}", 'data.pattern="{experiment}_{i}_{j}_{visit}.txt"')
    assert finished.code == 0, finished.err
    frame = table(tmp_path / "data/feather/logs_all_1.feather")
    assert list(frame["key"][::5]) == 3 * ["0,0", "0,1", "1,0", "1,1"]
    expected = [row for place in range(12) for row in numbers(seed=place)]
    assert frame[list(COLUMNS)].to_numpy().tolist() == expected


def test_skipped_files_and_dropped_lines_are_reported(tmp_path: Path) -> None:
    logs = {
        "f_0_0_demoRecord.txt": text(ROWS, COLUMNS)[:-20],
        "f_0_1_demoRecord.txt": text(ROWS, trailing=" "),
        "README.md": b"# Logs",
        "__MACOSX/._f_0_0_demoRecord.txt": b"\x00",
    }
    finished = prepared(tmp_path, f"data.source={zipped(tmp_path / 'cut.zip', logs)}")
    assert finished.code == 0, finished.err
    skipped = ["README.md", "__MACOSX/._f_0_0_demoRecord.txt"]
    path = "data/feather/cut_all_1.feather"
    assert finished.result == {"path": path, "recordings": 2, "rows": 39, "skipped": skipped, "dropped_lines": 1}
    logged = [line.partition(" warning: ")[2] for line in finished.err.splitlines()]
    assert logged[:2] == [
        f"skipped 2 files that do not match data.pattern: {', '.join(skipped)}",
        "f_0_0_demoRecord.txt: the last line is cut short (47 of 48 fields) and was dropped",
    ]


@pytest.mark.system
def test_the_file_trains_a_model(tmp_path: Path) -> None:
    budget = ["tuner=random", "tuner.max_trials=1", "training.epochs=1", "training.final_epochs=1", *PLAIN]
    made = prepared(tmp_path, f"data.source={ZIPPED}").result
    data = ["data=versuch", f"data.path={made['path']}", "model.window=3"]
    finished = forcepos([*data, *budget, "split.gap_s=0", "model.space.num_layers.max=1"], tmp_path)
    assert finished.code == 0, finished.err
    assert "9 recordings of 9 points, 401 rows" in finished.err
