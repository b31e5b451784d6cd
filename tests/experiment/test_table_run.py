"""The main job on tables of any kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.conftest import runs
from tests.running import QUICK
from tests.runtime.test_files import strictly_parsed
from tests.warm import forcepos


def test_a_small_csv_with_a_wrench_and_three_named_classes_trains(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tool = np.repeat(["tip", "edge", "side"], 200)
    wrench = rng.normal(size=(600, 6)) + 6 * np.repeat(np.eye(3, 6), 200, axis=0)
    table = pd.DataFrame(wrench, columns=["Fx", "Fy", "Fz", "Tx", "Ty", "Tz"]).assign(tool=tool)
    table.to_csv(tmp_path / "tools.csv", index=False)
    command = [
        "data=table", "data.path=tools.csv", "data.features=[Fx,Fy,Fz,Tx,Ty,Tz]", "data.label=tool",
        "data.rate_hz=100",
        "model=ffnn_classification", "split=random", "tuner=random", "tuner.max_trials=1", "training.epochs=3",
        "training.final_epochs=15", "tracking=none",
    ]  # fmt: skip
    finished = forcepos(command, tmp_path)
    assert finished.code == 0, finished.err
    assert finished.result["test"]["accuracy"] > 0.8
    assert "accuracy_off_border" not in finished.result["test"]
    assert finished.result["coverage"] is None
    assert "recordings to calibrate on: 1, too few for evaluation.coverage=0.9: no radius" in finished.err
    outputs = Path(finished.result["outputs"])
    assert (outputs / "figures" / "true_against_predicted.png").is_file()
    assert not (outputs / "figures" / "sector_map.png").exists()
    assert not (outputs / "tables" / "coverage_by_region.csv").exists()
    assert list(pd.read_csv(outputs / "tables" / "errors_by_recording.csv")) == ["name", "samples", "accuracy"]


def test_a_folder_of_texts_without_headers_trains_by_column_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "logs").mkdir()
    for visit in range(6):
        rows = np.column_stack([np.arange(60) * 10.0, rng.normal(size=(60, 3)), np.full((60, 2), 0.01 * visit)])
        np.savetxt(tmp_path / "logs" / f"visit_{visit}.txt", rows, fmt="%.6f", delimiter="   ")
    command = [
        "data=table", "data.path=logs", "data.features=[1,2,3]", "data.targets=[4,5]", "data.target_scale_mm=1000",
        "data.time=0", "data.time_unit=ms", "model=cnn_regression", "split=held_out_recordings", "tracking=none",
    ]  # fmt: skip
    finished = forcepos([*command, *[key for key in QUICK if key != "debug=smoke"], "training.epochs=1"], tmp_path)
    assert finished.code == 0, finished.err
    assert "6 recordings of 6 points, 360 rows" in finished.err
    assert set(finished.result["test"]) >= {"mae_x_mm", "mae_y_mm"}


def test_an_axis_that_never_changes_is_reported_and_left_out_of_r2(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = np.arange(600)
    x = rows // 30 * 2.0
    signals = {name: x + rng.normal(size=600) for name in ("Fx", "Fy")}
    pd.DataFrame({**signals, "x": x, "y": 12.5}).to_csv(tmp_path / "line.csv", index=False)
    command = [
        "data=table", "data.path=line.csv", "data.features=[Fx,Fy]", "data.targets=[x,y]", "data.rate_hz=100",
        "model=ffnn_regression", "model.axes=[x,y]", "split=random", "tuner=random", "tuner.max_trials=1",
        "training.epochs=1", "training.final_epochs=1", "evaluation.also=null", "evaluation.figures=false",
    ]  # fmt: skip
    finished = forcepos(command, tmp_path)
    assert finished.code == 0, finished.err
    assert (
        "target y is 12.5 mm in all samples of these subsets: train, validation, test, calibration; "
        "r2 leaves it out there; remove it from model.axes, or check data and split"
    ) in finished.err
    result = strictly_parsed(finished.out)
    for name in ("test", "baseline", "linear", "boosted_trees"):
        assert result[name]["r2_y"] is None
        assert result[name]["r2"] == result[name]["r2_x"]
    (table,) = tmp_path.glob("outputs/runs/*/tables/scores.json")
    logged = {tuple(row[:2]): row[2] for row in strictly_parsed(table.read_text())["data"]}
    assert (logged["model", "r2_x"], logged["model", "r2_y"]) == (result["test"]["r2_x"], None)
    assert runs(tmp_path)[0].data.metrics["test/r2"] == result["test"]["r2"]


def test_what_is_wrong_with_a_table_ends_the_run_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Fx,x\n" + "".join(f"{row * 2},{row}\n" for row in range(50)))
    command = ["data=table", "data.path=a.csv", "data.targets=[x]", "data.rate_hz=10", "model.axes=[x]"]
    finished = forcepos([*command, "data.features=[fx]"], tmp_path)
    assert finished.code == 1
    assert finished.err.splitlines()[1:] == ["error: a.csv lacks fx; it has Fx, x"]
    finished = forcepos([*command, "data.features=[Fx]", "model.window=60"], tmp_path)
    assert finished.err.splitlines()[-1:] == [
        "error: all recordings (1) are too short for one window of 60 rows: the longest, a, has 50; "
        "reduce model.window"
    ]
