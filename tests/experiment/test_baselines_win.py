"""Where a constant or a linear model is best, the run says so in its last line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.warm import forcepos

BUDGET = [
    "data=versuch", "data.path=plate.feather", "data.features=[Fx,Fy,Fz]", "data.rate_hz=100",
    "model=ffnn_regression", "model.axes=[x,y]", "tuner=random", "tuner.max_trials=1", "training.epochs=1",
    "training.final_epochs=3", "model.space.num_layers.max=1", "split=held_out_points",
    "evaluation.also=null", "evaluation.figures=false", "tracking=none",
]  # fmt: skip


def plate(path: Path, linear: bool) -> None:
    """Thirty points of forty rows: forces that are linear in the position, or noise that knows nothing of it."""
    rng = np.random.default_rng(1)
    point = np.repeat(np.arange(30), 40)
    place = np.column_stack([point % 6, point // 6, 0 * point]) * 4.0
    mixed = place @ rng.normal(size=(3, 3)) + 0.01 * rng.normal(size=place.shape)
    forces = mixed if linear else rng.normal(size=place.shape)
    table = dict(zip(("Fx", "Fy", "Fz"), forces.T, strict=True))
    table |= dict(zip(("curCart_x", "curCart_y", "curCart_z"), place.T, strict=True))
    pd.DataFrame({**table, "key": [f"{number % 6},{number // 6}" for number in point]}).to_feather(path)


def test_linear_data_are_best_told_by_a_linear_model(tmp_path: Path) -> None:
    plate(tmp_path / "plate.feather", linear=True)
    finished = forcepos(BUDGET, tmp_path)
    assert finished.code == 0, finished.err
    result = finished.result
    assert result["linear"]["euclidean_mean_mm"] < 0.1 < result["test"]["euclidean_mean_mm"]
    assert "the network does not beat the linear model" in finished.err


def test_noise_is_told_best_without_a_network(tmp_path: Path) -> None:
    plate(tmp_path / "plate.feather", linear=False)
    finished = forcepos(BUDGET, tmp_path)
    assert finished.code == 0, finished.err
    result = finished.result
    best = min(result[name]["euclidean_mean_mm"] for name in ("baseline", "linear", "boosted_trees"))
    assert best <= result["test"]["euclidean_mean_mm"]
    assert "the network does not beat the " in finished.err
