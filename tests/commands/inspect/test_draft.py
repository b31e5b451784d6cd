"""Drafted configs compose and train."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.commands.inspect.made import TINY, inspected, recording, refused
from tests.experiment.test_versuch_run import notebook_file
from tests.running import Finished
from tests.warm import forcepos


def drafted(place: Path, *files: str) -> str:
    finished = inspected(place, "--no-figures", *files, "--write", "conf/data/mine.yaml")
    assert finished.code == 0, finished.err
    assert "train with python -m forcepos --config-dir conf data=mine" in finished.err
    assert finished.result["config"] == "conf/data/mine.yaml"
    return (place / "conf/data/mine.yaml").read_text()


def trained(place: Path, *overrides: str) -> Finished:
    finished = forcepos(["--config-dir", "conf", "data=mine", *overrides, *TINY], place)
    assert finished.code == 0, finished.err
    return finished


@pytest.mark.system
def test_the_notebooks_file_trains(tmp_path: Path) -> None:
    notebook_file(tmp_path / "versuch.feather", rows=60)
    text = drafted(tmp_path, "versuch.feather")
    config = OmegaConf.create(text)
    assert (config.point, config.visits, config.time, config.nanoseconds) == ("key", True, "t_Sec", "t_nSec")
    assert "path: versuch.feather  # relative to the working directory" in text
    finished = trained(tmp_path, "model=ffnn_regression")
    assert "121 recordings of 121 points, 7260 rows" in finished.err


@pytest.mark.system
def test_semicolons_metres_and_pauses_train(tmp_path: Path) -> None:
    frame = recording(400)
    frame[["x", "y", "z"]] /= 1000
    frame.loc[200:, "time"] += 30
    frame.to_csv(tmp_path / "log.txt", index=False, sep=";", decimal=",")
    text = drafted(tmp_path, "log.txt")
    config = OmegaConf.create(text)
    assert (config.format, config.separator, config.decimal, config.header) == ("csv", ";", ",", True)
    assert (config.target_scale_mm, config.gap_s, config.time, config.time_unit) == (1000, 1, "time", "s")
    assert "# A guess: by their names; in m, since no value exceeds 0.45." in text
    finished = trained(tmp_path, "model=cnn_regression")
    assert "2 recordings" in finished.err


@pytest.mark.system
def test_a_folder_with_a_label_and_two_coordinates_trains(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in range(2):
        rows = 200 + 2 * number  # one has other noise than the other
        frame = recording(rows).drop(columns="z").assign(label=["one", "two"] * (rows // 2))
        frame.to_parquet(tmp_path / "logs" / f"{number}.parquet")
    text = drafted(tmp_path, "logs")
    assert "# python -m forcepos --config-dir conf data=mine 'model.axes=[x,y]'" in text
    assert "label: label  # a guess, by its name: 2 classes" in text
    assert "path: logs/*.parquet" in text.replace('"', "")
    trained(tmp_path, "model=ffnn_classification")
    trained(tmp_path, "model=ffnn_regression", "model.axes=[x,y]")


@pytest.mark.system
def test_a_text_without_names_and_with_points_trains(tmp_path: Path) -> None:
    frame = recording(300)
    numbers = frame[["time", "x", "y", "z", "Fx", "Fy", "Fz", "Tx", "Ty", "Tz"]]
    numbers.assign(p=[0] * 100 + [1] * 100 + [2] * 100).to_csv(
        tmp_path / "log.dat", sep="\t", index=False, header=False
    )
    finished = inspected(
        tmp_path, "--no-figures", "log.dat", "--positions", "1", "2", "3", "--point", "10",
        "--write", "conf/data/mine.yaml",
    )  # fmt: skip
    assert finished.result["recordings"] == 3
    assert finished.result["guesses"]["features"] == ["4", "5", "6", "7", "8", "9"]
    run = trained(tmp_path, "model=ffnn_regression")
    assert "3 recordings of 3 points, 300 rows" in run.err


def test_what_cannot_be_guessed_is_left_open_and_reported(tmp_path: Path) -> None:
    recording().drop(columns=["x", "y", "z", "time"]).to_csv(tmp_path / "a.csv", index=False)
    finished = inspected(tmp_path, "--no-figures", "a.csv", "--write", "conf/data/mine.yaml")
    text = (tmp_path / "conf/data/mine.yaml").read_text()
    assert "targets: ???  # set it: data.targets=[X,Y,Z]: no position columns were recognised" in text
    assert "rate_hz: ???  # set it: data.rate_hz=ROWS_PER_SECOND: no time column was recognised" in text
    assert "no position columns found: name them with --positions X Y Z, or set data.targets" in finished.err
    run = forcepos(["--config-dir", "conf", "data=mine"], tmp_path)
    assert run.code == 1
    assert run.err == "error: neither data.targets nor data.label is set: set at least one of them\n"


@pytest.mark.parametrize("name", ["on", "1", "a: b", "${x}", "é #", 'a "b"'])
def test_any_name_of_a_column_comes_through(name: str, tmp_path: Path) -> None:
    recording().rename(columns={"Fx": name})[["time", name, "x", "y", "z"]].to_parquet(tmp_path / "a.parquet")
    drafted(tmp_path, "a.parquet")
    finished = forcepos(["--config-dir", "conf", "data=mine", "model.window=1000"], tmp_path)
    assert "too short for one window of 1000" in finished.err


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    recording().to_csv(tmp_path / "a.csv", index=False)
    text = drafted(tmp_path, "a.csv")
    message = refused(tmp_path, "a.csv", "--write", "conf/data/mine.yaml")
    assert message == "error: --write conf/data/mine.yaml: exists and is not overwritten"
    assert (tmp_path / "conf/data/mine.yaml").read_text() == text
    assert list((tmp_path / "conf/data").iterdir()) == [tmp_path / "conf/data/mine.yaml"]
