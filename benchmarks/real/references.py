"""What needs no network: constant, ridge, trees on the window and on statistics, line of action of a wrench."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputRegressor
from threadpoolctl import threadpool_limits

from forcepos import load_recordings
from forcepos.config.schema import Config
from forcepos.data.recordings import Float32
from forcepos.evaluation.baselines import reference_predictions
from forcepos.models.problem import Problem
from forcepos.models.scaling import fit_scaling, statistics_of
from forcepos.models.training.device import DeviceDataset

METHODS = ("constant", "linear", "boosted_trees", "trees_on_statistics", "line_of_action")
_STATISTICS_S = 0.5  # of the look back
Errors = dict[str, tuple[int, float]]  # of each recording: number of samples, and the sum of their errors in mm


def by_recording(names: NDArray[Any], values: NDArray[np.floating]) -> Errors:
    """Return number and sum of the values (n,) of each recording, given its name (n,)."""
    unique, place = np.unique(names, return_inverse=True)
    counts, sums = np.bincount(place), np.bincount(place, values)
    return {
        name: (int(count), float(total)) for name, count, total in zip(unique.tolist(), counts, sums, strict=True)
    }


def reference_errors(config: Config, wrench: Sequence[str] | None) -> dict[str, Errors]:
    """Train the references on the run's training subset; return their errors on its test subset.

    Args:
        wrench: columns with Fx, Fy, Fz, Tx, Ty, Tz of a force sensor, z along the normal of the touched plane.
    """
    problem = Problem.of(config, load_recordings(config))
    test, train = problem.split.test, problem.split.train
    predictions = {
        "constant": np.broadcast_to(problem.targets[train].mean(axis=0), (len(test), problem.targets.shape[1]))
    }
    predictions |= reference_predictions(problem)
    predictions["trees_on_statistics"] = _trees(problem, statistics(problem))
    if wrench is not None:
        predictions["line_of_action"] = _line_of_action(problem, wrench)
    names = np.array(problem.samples.recordings.names)[
        problem.samples.recordings.recording[problem.test_samples.last]
    ]
    return {
        name: by_recording(names, np.linalg.norm(predicted - problem.test_targets, axis=1))
        for name, predicted in predictions.items()
    }


def statistics(problem: Problem) -> Float32:
    """Return (n, 4 channels): the last row, and mean, slope and spread as networks see them over half a second."""
    samples, train = problem.samples, problem.split.train
    if samples.earliest is None:
        subsets = [] if problem.config.split.leaks else vars(problem.split).values()
        samples = samples.looking_back(subsets)
    rows = max(2, samples.recordings.rows_in(_STATISTICS_S, "model.statistics_s"))
    dataset = DeviceDataset.of(replace(problem, samples=samples)).seeing(rows)
    windows = dataset.in_batches(np.arange(len(samples.starts), dtype=np.int32))
    scaling = fit_scaling(samples, train, None, "standardize")
    return np.hstack([samples.recordings.signals[samples.last], statistics_of(scaling, rows, windows)])


def _trees(problem: Problem, inputs: Float32) -> Float32:
    rng, train = np.random.default_rng(problem.config.seed), problem.split.train
    some = rng.permutation(train)[: problem.config.evaluation.baseline_samples]
    trees = HistGradientBoostingRegressor(early_stopping=False, random_state=problem.config.seed)
    with threadpool_limits(1):
        model = MultiOutputRegressor(trees).fit(inputs[some], problem.targets[some])
        return np.asarray(model.predict(inputs[problem.split.test]), np.float32)


def _line_of_action(problem: Problem, wrench: Sequence[str]) -> Float32:
    """Fit where a wrench's line of action meets a plane: linear in F/Fz and T/Fz, whatever the plane's pose.

    T = r x F, with z along the normal and r on the plane z = h, gives x = h Fx/Fz - Ty/Fz and y = h Fy/Fz + Tx/Fz.
    """
    config = problem.config
    sensor = load_recordings(replace(config, data=replace(config.data, features=[*wrench])))
    values = sensor.signals[problem.samples.last].astype(np.float64)
    inputs = values[:, [0, 1, 3, 4]] / np.where(np.abs(values[:, 2:3]) > 1e-6, values[:, 2:3], np.inf)
    model = LinearRegression().fit(inputs[problem.split.train], problem.targets[problem.split.train])
    return np.asarray(model.predict(inputs[problem.split.test]), np.float32)
