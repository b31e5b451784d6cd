"""Errors of each point and recording, worst first."""

from __future__ import annotations

import numpy as np

from forcepos.data.sectors import make_sectors
from forcepos.evaluation.evaluate import errors_by_unit
from forcepos.models.problem import Classification, Regression
from tests.conftest import checked_config

UNIT = np.array([0, 0, 2, 2], np.int32)
POSITIONS = np.array([[1, 2, 0], [1, 2, 0], [5, 6, 0], [5, 6, 0]], np.float32)


def test_positions_have_their_mean_error_and_its_direction() -> None:
    true = POSITIONS[:, :2]
    predicted = true + np.array([[1, 0], [-1, 0], [3, 4], [3, 4]], np.float32)
    table = errors_by_unit(Regression(("x", "y")), ["a", "b", "c"], UNIT, (POSITIONS, true, predicted))
    assert table.to_dict("records") == [
        {"name": "c", "samples": 2, "x_mm": 5, "y_mm": 6, "z_mm": 0, "euclidean_mean_mm": 5,
         "bias_x_mm": 3, "bias_y_mm": 4, "euclidean_p95_mm": 5},
        {"name": "a", "samples": 2, "x_mm": 1, "y_mm": 2, "z_mm": 0, "euclidean_mean_mm": 1,
         "bias_x_mm": 0, "bias_y_mm": 0, "euclidean_p95_mm": 1},
    ]  # fmt: skip


def test_sectors_have_their_accuracy() -> None:
    task = Classification(make_sectors(checked_config().sectors))
    true, predicted = np.eye(8, dtype=np.float32)[[0, 0, 1, 1]], np.eye(8, dtype=np.float32)[[0, 3, 1, 1]]
    table = errors_by_unit(task, ["a", "b", "c"], UNIT, (POSITIONS, true, predicted))
    assert table[["name", "accuracy"]].to_numpy().tolist() == [["a", 0.5], ["c", 1.0]]
