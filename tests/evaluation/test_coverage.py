"""Coverage of the truth: overall, by region, and at any level."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.data.sectors import make_sectors
from forcepos.evaluation.evaluate import coverage_at_levels, measure_coverage
from forcepos.models.calibration import Calibration
from forcepos.models.final import Predictions
from forcepos.models.problem import Classification, Regression
from tests.conftest import checked_config

XY = Regression(("x", "y"))
CALIBRATION = Calibration(0.9, 5.0, 0.0, 12, "recordings")


def test_a_radius_covers_what_lies_within_it() -> None:
    true = np.zeros((4, 2), np.float32)
    outputs = {"position": np.array([[3, 4], [0, 1], [6, 8], [0, 0]], np.float32), "radius": np.full(4, 5.0)}
    coverage = measure_coverage(XY, true, outputs, np.zeros((4, 3), np.float32), CALIBRATION)
    assert coverage.scores == {
        "level": 0.9, "found": 0.75, "radius_mean_mm": 5.0, "calibration_units": 12, "counted": "recordings"
    }  # fmt: skip


def test_a_set_of_sectors_covers_those_in_it() -> None:
    task = Classification(make_sectors(checked_config().sectors))
    true = np.eye(8, dtype=np.float32)[[0, 1, 2, 3]]
    sectors = np.zeros((4, 8), bool)
    sectors[[0, 1, 2, 3, 3], [0, 1, 5, 3, 4]] = True
    coverage = measure_coverage(task, true, {"sectors": sectors}, np.zeros((4, 3), np.float32), CALIBRATION)
    assert coverage.scores == {
        "level": 0.9, "found": 0.75, "sectors_mean": 1.25, "calibration_units": 12, "counted": "recordings"
    }  # fmt: skip


def test_every_region_of_the_plate_has_its_own_coverage() -> None:
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-30.0, 31.0, 10), np.arange(-30.0, 31.0, 10)))
    positions = np.column_stack([x, y, 0 * x]).astype(np.float32)
    true = positions[:, :2]
    off = np.where((x < -10) & (y < -10), 3.0, 1.0)[:, None] * [1, 0]
    outputs = {"position": (true + off).astype(np.float32), "radius": np.full(49, 2.0)}
    coverage = measure_coverage(XY, true, outputs, positions, CALIBRATION)
    regions = coverage.regions
    assert regions["samples"].sum() == 49
    assert len(regions) == 9
    worst = regions[regions["found"] == 0]
    assert worst[["x_from_mm", "x_to_mm", "y_from_mm", "y_to_mm"]].to_numpy().tolist() == [[-30, -10, -30, -10]]
    assert regions["found"].tolist().count(1.0) == 8


def test_the_curve_is_the_coverage_observed_at_other_levels() -> None:
    rng = np.random.default_rng(1)

    calibration = Calibration(
        0.9, 2.0, 0.0, 3000, "recordings", np.abs(rng.normal(size=3000)), np.arange(3000, dtype=np.int32)
    )
    error = rng.normal(size=(3000, 1)).astype(np.float32)
    outputs: Predictions = {"position": error, "radius": np.full(3000, 2.0, np.float32)}
    target, observed = coverage_at_levels(Regression(("x",)), calibration, 0 * error, outputs)
    assert target == pytest.approx(np.arange(0.05, 0.951, 0.05))
    assert observed == pytest.approx(target, abs=0.03)


def test_levels_that_the_calibration_samples_are_too_few_for_are_dropped() -> None:
    calibration = Calibration(0.7, 1.0, 0.0, 3, "recordings", np.ones(3), np.arange(3, dtype=np.int32))
    outputs: Predictions = {"position": np.ones((3, 2), np.float32), "radius": np.ones(3)}
    target, _ = coverage_at_levels(XY, calibration, np.zeros((3, 2), np.float32), outputs)
    assert target.max() == pytest.approx(0.75)
