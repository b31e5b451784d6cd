"""Coverage: the share of samples whose radius, or set of classes, contains the truth; also by region and level."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64, Int32
from forcepos.models.calibration import Calibration, conformal_bound
from forcepos.models.final import Predictions
from forcepos.models.problem import Regression, Task

_SIDE = 3  # regions of the plate along x and along y
_LEVELS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Coverage:
    """Coverage on the test subset: `scores` as in result.json, and a row for each region of the plate.

    Scores are shares of samples asked for and found to be covered, the mean radius in mm or number of classes in a
    set, number and kind of the units that the calibration counted; regions have their borders in mm, too.
    """

    scores: dict[str, Any]
    regions: pd.DataFrame


def measure_coverage(
    task: Task, true: Float32, outputs: Predictions, positions: Float32, calibration: Calibration
) -> Coverage:
    """Measure the coverage of a calibrated model's outputs (n, …) on the test subset."""
    if isinstance(task, Regression):
        covered = np.linalg.norm(outputs["position"] - true, axis=1) <= outputs["radius"]
        name, size = "radius_mean_mm", outputs["radius"].astype(np.float64)
    else:
        covered = outputs[task.kinds][np.arange(len(true)), true.argmax(axis=1)].astype(bool)
        name, size = f"{task.kinds}_mean", outputs[task.kinds].sum(axis=1, dtype=np.float64)
    scores = {"asked": calibration.coverage, "found": float(covered.mean()), name: float(size.mean())}
    counted = {"calibration_units": calibration.units, "counted": calibration.counted}
    return Coverage(scores | counted, _regions(positions, covered, size))


def coverage_at_levels(
    task: Task, calibration: tuple[Float32, Predictions, Int32], test: tuple[Float32, Predictions]
) -> tuple[Float64, Float64]:
    """Return target coverages (m,), and those observed on the test subset with calibrated bounds.

    Both subsets are given by true values (n, outputs) and model outputs, calibration also by groups (n,).
    """
    true, outputs, group = calibration
    scores = _scores(task, true, outputs)
    bounds = np.array([conformal_bound(scores, group, level) for level in _LEVELS])
    known = np.isfinite(bounds)
    observed = (_scores(task, *test)[:, None] <= bounds[known]).mean(axis=0)
    return _LEVELS[known], observed


def _scores(task: Task, true: Float32, outputs: Predictions) -> Float64:
    """Return (n,) distances in radii, or 1 - probability of the true class."""
    if isinstance(task, Regression):
        distance = np.linalg.norm(outputs["position"].astype(np.float64) - true, axis=1)
        return np.asarray(distance / outputs["radius"])
    probability = outputs["probabilities"][np.arange(len(true)), true.argmax(axis=1)]
    return np.asarray(1 - probability, np.float64)


def _regions(positions: Float32, covered: NDArray[np.bool_], size: Float64) -> pd.DataFrame:
    frame = pd.DataFrame({"found": covered, "size": size})
    for axis, values in zip("xy", positions.T, strict=False):
        borders = np.linspace(values.min(), values.max(), _SIDE + 1)
        place = np.clip(np.searchsorted(borders, values, side="right") - 1, 0, _SIDE - 1)
        frame[f"{axis}_from_mm"], frame[f"{axis}_to_mm"] = borders.astype(float)[[place, place + 1]]
    regions = frame.groupby(["x_from_mm", "x_to_mm", "y_from_mm", "y_to_mm"])
    means = regions.agg(lambda values: values.to_numpy().mean())  # not pandas' own, which differs in the last digit
    means.insert(0, "samples", regions.size())
    return means.reset_index()
