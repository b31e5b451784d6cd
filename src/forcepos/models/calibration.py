"""Conformal prediction: the radius, or the set of sectors, that reaches a target coverage.

Scores come from samples that neither trained nor selected the model. Samples of one recording are not independent
draws, so each recording counts as one, however many samples it has: the mean of the recordings' distribution
functions, with the weight of one more recording at infinity (Dunn, Wasserman and Ramdas, "Distribution-free
prediction sets for two-layer hierarchical models", JASA 2023, pooling CDFs). k recordings vouch for a coverage of
k / (k + 1) at most: where that is less than the target, the next lower multiple of 5 % takes its place.
"""

import logging
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64, Int32
from forcepos.data.splits.split import Units
from forcepos.models.problem import Regression, Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    coverage: float  # that the units vouch for: the target, or less
    bound: float  # on the score: radius / spread in a regression, 1 - probability of the true sector otherwise
    floor_mm: float  # lower bound of the spread of an ensemble's members; a single network's spread counts as 1
    units: int  # number of recordings, points, sessions, or time blocks of one recording that were counted
    counted: str  # which of these
    # Of the calibration samples, from which other levels' bounds follow: scores, and numbers of their units (n,).
    scores: Float64 = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    group: Int32 = field(default_factory=lambda: np.empty(0, np.int32), compare=False, repr=False)


def calibrate(task: Task, true: Float32, members: Float32, groups: Units, coverage: float) -> Calibration | None:
    """Calibrate by targets (n, outputs) and predictions (k, n, outputs) of networks; None for too few groups."""
    floor = float(np.sqrt(_variance(members).mean())) if len(members) > 1 else 0.0
    scores, units = conformity_scores(task, true, members, floor), len(np.unique(groups.number))
    level = vouched(units, coverage)
    if level < coverage:
        few = f"{groups.what} to calibrate on: {units}, too few for evaluation.coverage={coverage:g}"
        instead = f"the radius is for {level:g}" if level else "no radius"
        log.warning("%s: %s; evaluation.calibration=folds, or more of them, may do", few, instead)
    if not level:
        return None
    bound = conformal_bound(scores, groups.number, level)
    return Calibration(level, bound, floor, units, groups.what, scores, groups.number)


def vouched(units: int, coverage: float) -> float:
    """Return the coverage that a number of calibration units can vouch for, at most the one asked; 0 for none."""
    if units / (units + 1) >= coverage - 1e-12:
        return coverage
    return (math.ceil(20 * units / (units + 1)) - 1) / 20 if units > 1 else 0.0


def conformity_scores(task: Task, true: Float32, members: Float32, floor_mm: float) -> Float64:
    """Return (n,) nonconformity scores: distances of the truth from the predictions, the larger, the worse."""
    mean = members.mean(axis=0, dtype=np.float64)
    if not isinstance(task, Regression):
        return np.asarray(1 - mean[np.arange(len(true)), true.argmax(axis=1)])
    return np.asarray(np.linalg.norm(mean - true, axis=1) / spread_mm(members, floor_mm))


def spread_mm(members: Float32, floor_mm: float) -> Float64:
    """Return (n,) spreads of an ensemble's members (k, n, outputs), floor included; 1 for a single network."""
    if len(members) == 1:
        return np.ones(members.shape[1])
    return np.sqrt(floor_mm**2 + _variance(members))


def _variance(members: Float32) -> Float64:
    """Return the (n,) mean squared distance of the members from their mean, mm^2."""
    deviation = members - members.mean(axis=0, dtype=np.float64)
    return np.asarray((deviation**2).sum(axis=2).mean(axis=0))


def conformal_bound(scores: Float64, group: NDArray[np.integer], coverage: float) -> float:
    """Return the least score that covers a share `coverage` of the pooled groups, with one more group at infinity.

    It is infinite where the groups are too few: k of them reach a coverage of k / (k + 1) at most.
    """
    _, place, sizes = np.unique(group, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    weights = 1 / ((len(sizes) + 1) * sizes[place[order]])
    reached = np.searchsorted(np.cumsum(weights), coverage - 1e-12)
    return float(scores[order[reached]]) if reached < len(scores) else np.inf
