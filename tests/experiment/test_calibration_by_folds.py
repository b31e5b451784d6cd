"""A radius from networks that each left out a fifth of the training subset, and data that offer no look back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.warm import forcepos

QUICK = ["debug=smoke", "evaluation.also=null", "evaluation.baselines=false", "tracking=none"]


@pytest.mark.system
def test_five_more_networks_calibrate_and_no_sample_is_set_aside(tmp_path: Path) -> None:
    finished = forcepos([*QUICK, "evaluation.calibration=folds", "training.final_epochs=3"], tmp_path)
    assert finished.code == 0, finished.err
    result = finished.result
    assert result["data"]["subsets"]["calibration"] == 0
    assert result["coverage"] | {"found": 0, "radius_mean_mm": 0} == {
        "asked": 0.9, "level": 0.9, "found": 0, "radius_mean_mm": 0,
        "calibration": "folds", "calibration_units": 18, "counted": "recordings",
    }  # fmt: skip
    assert "6 x at most 3 epochs" in finished.err
    curves = pd.read_csv(Path(result["outputs"], "tables", "learning_curves.csv"))
    assert set(curves["network"]) == {1}
    assert Path(result["outputs"], "figures", "coverage.png").is_file()


def test_without_a_rate_no_statistics_over_seconds_are_tried(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(6):
        table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["Fx", "Fy", "Fz"])
        table.assign(x=float(number % 3), y=float(number // 3)).to_csv(tmp_path / f"r{number}.csv", index=False)
    own = ["data=table", "data.path=.", "data.features=[Fx,Fy,Fz]", "data.targets=[x,y]", "split.gap_s=0"]
    own += ["model=ffnn_regression", "model.axes=[x,y]", "evaluation.figures=false"]
    finished = forcepos([*QUICK, *own], tmp_path)
    assert finished.code == 0, finished.err
    assert "warning: model.statistics_s: only 0 is tried, since no rate" in finished.err
    assert "statistics_s" not in finished.result["best_hyperparameters"]
    asked = forcepos([*QUICK, *own, "model.statistics_s=0.5"], tmp_path)
    assert asked.code == 1
    assert asked.err.splitlines()[-1] == (
        "error: model.statistics_s=0.5 needs the rate of the rows: set data.time or data.rate_hz, "
        "or model.statistics_s=0"
    )
