"""Scores on the test subset: of the model, of each point, of baselines, and of ideal observers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forcepos.data.recordings import Float32, Float64, Int32
from forcepos.data.simulation.simulation import Simulation
from forcepos.evaluation import metrics
from forcepos.evaluation.baselines import reference_predictions
from forcepos.evaluation.ideal_observer import locate
from forcepos.models.calibration import Calibration, conformal_bound
from forcepos.models.final import Predictions, TrainedModel, predict
from forcepos.models.problem import Problem, Regression, Task
from forcepos.runtime.errors import InputError

_SIDE = 3  # regions of the plate along x and along y
_LEVELS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Coverage:  # the share of samples whose radius, or set of classes, contains the truth
    scores: dict[str, Any]  # as in result.json: shares, mean radius in mm or number of classes, units calibrated
    regions: pd.DataFrame  # a row for each region of the plate: its share, and its borders in mm


@dataclass(frozen=True)
class Evaluation:
    test: metrics.Scores
    intervals: dict[str, metrics.Interval]  # low and high of each score
    resampled: str  # the units that the bootstrap of the intervals draws
    coverage: Coverage | None  # of its radius or sets of sectors; None for a model without calibration
    true: Float32  # (n, outputs), as `predicted`
    predicted: Float32
    outputs: Predictions  # all of the model, by name


def evaluate(problem: Problem, trained: TrainedModel) -> Evaluation:
    """Score a model on the test subset; an InputError tells that it has no answer for some of the samples."""
    task, settings = problem.task, problem.config.evaluation
    true, test = problem.test_targets, problem.test_samples
    outputs = predict(trained.model, problem, problem.split.test)
    predicted = outputs["position" if isinstance(task, Regression) else "probabilities"]
    recording = test.recordings.recording[test.starts]
    lost = np.flatnonzero(~np.isfinite(predicted).all(axis=1))
    if len(lost):
        samples = f"{len(lost)} of {len(predicted)} samples of the test subset"
        first = f"the first one of recording {test.recordings.names[recording[lost[0]]]}"
        cause = "its signals, or the model's weights, are too large"
        raise InputError(f"the model has no finite prediction for {samples}, {first}: {cause}")
    draws, resampled = metrics.draw_units(recording, test.starts, settings.resamples, problem.config.seed)
    intervals = metrics.intervals(_measures(problem, predicted, draws), settings.confidence)
    coverage = None
    if trained.calibration:
        coverage = measure_coverage(task, true, outputs, test.positions, trained.calibration)
        coverage.scores.update(asked=settings.coverage, calibration=settings.calibration)
    return Evaluation(score(problem, predicted), intervals, resampled, coverage, true, predicted, outputs)


def score(problem: Problem, predicted: Float32) -> metrics.Scores:
    """Score predictions (test samples, outputs): mm, or one weight per class, of which the largest counts."""
    return metrics.scores_of(_measures(problem, predicted, metrics.every_sample_once(len(predicted))))


def _measures(problem: Problem, predicted: Float32, draws: metrics.Draws) -> metrics.Measures:
    task, true = problem.task, problem.test_targets
    if isinstance(task, Regression):
        return metrics.regression_measures(true, predicted, task.outputs, draws)
    border = task.sectors.near_border(problem.test_samples.positions) if task.sectors else None
    return metrics.classification_measures(true.argmax(axis=1), predicted.argmax(axis=1), border, draws)


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
    scores = {"level": calibration.coverage, "found": float(covered.mean()), name: float(size.mean())}
    counted = {"calibration_units": calibration.units, "counted": calibration.counted}
    return Coverage(scores | counted, _regions(positions, covered, size))


def coverage_at_levels(
    task: Task, calibration: Calibration, true: Float32, outputs: Predictions
) -> tuple[Float64, Float64]:
    """Return target coverages (m,), and those observed on test samples (n, outputs) with a bound for each."""
    bounds = np.array([conformal_bound(calibration.scores, calibration.group, level) for level in _LEVELS])
    known = np.isfinite(bounds)
    if isinstance(task, Regression):
        scores = _main_score(task, true, outputs["position"])[1] / outputs["radius"] * calibration.bound
    else:
        scores = 1 - outputs["probabilities"][np.arange(len(true)), true.argmax(axis=1)].astype(np.float64)
    return _LEVELS[known], (scores[:, None] <= bounds[known]).mean(axis=0)


def _regions(positions: Float32, covered: metrics.Bools, size: Float64) -> pd.DataFrame:
    frame = pd.DataFrame({"found": covered, "size": size})
    for axis, values in zip("xy", positions.T, strict=False):
        borders = np.linspace(values.min(), values.max(), _SIDE + 1)
        place = np.clip(np.searchsorted(borders, values, side="right") - 1, 0, _SIDE - 1)
        frame[f"{axis}_from_mm"], frame[f"{axis}_to_mm"] = borders.astype(float)[[place, place + 1]]
    edges, means = ["x_from_mm", "x_to_mm", "y_from_mm", "y_to_mm"], ["found", "size"]
    regions = frame.groupby(edges)
    rows = [[*at, len(each), *(each[name].to_numpy().mean() for name in means)] for at, each in regions]
    return pd.DataFrame(rows, columns=[*edges, "samples", *means])


@dataclass(frozen=True)
class References:
    scores: dict[str, metrics.Scores]  # of methods without a network, by name
    predictions: dict[str, Float32]  # (test samples, outputs) of the baselines


def references(problem: Problem, simulation: Simulation | None) -> References:
    """Score baselines on the test subset; with a simulation, also ideal observers.

    Those are lookups with perfect knowledge: `oracle_points` knows each grid point's noise-free torques
    and the distribution of noise, offsets and drift; `oracle_offsets` also each visit's sensor offsets, and
    `oracle_visits` its very torques without noise: what no model can know of a visit that it has not seen.
    """
    task, settings, test = problem.task, problem.config.evaluation, problem.test_samples
    constant = np.broadcast_to(problem.targets[problem.split.train].mean(axis=0), problem.test_targets.shape)
    predictions = {"baseline": constant} | (reference_predictions(problem) if settings.baselines else {})
    scores = {name: score(problem, predicted) for name, predicted in predictions.items()}
    if simulation is not None and settings.oracle:
        window, recordings = test.window, simulation.recordings
        observers = {
            "oracle_points": (recordings, simulation.known_points(window)),
            "oracle_offsets": (simulation.without_offsets(), simulation.known_points(window, offsets_known=True)),
            "oracle_visits": (recordings, simulation.known_visits(window)),
        }
        for name, (known, candidates) in observers.items():
            scores[name] = score(problem, _at(locate(known, test.starts, window, candidates), task))
    return References(scores, predictions)


def differences(
    problem: Problem, predicted: Float32, others: Mapping[str, Float32]
) -> dict[str, dict[str, list[float]]]:
    """Return low and high of the main score's difference, the model's minus each other's, by name and score.

    All are predictions (test samples, outputs). Each draw of the bootstrap draws the same units for all of them;
    intervals are simultaneous, since the best of the others is found by the same samples.
    """
    task, test, settings = problem.task, problem.test_samples, problem.config.evaluation
    each = [_main_score(task, problem.test_targets, of) for of in (predicted, *others.values())]
    recording = test.recordings.recording[test.starts]
    draws, unit = metrics.draw_units(recording, test.starts, settings.resamples, problem.config.seed)
    units = metrics.N_BLOCKS if unit == metrics.BLOCKS else draws.weights.shape[1]
    values = np.column_stack([scores for _, scores in each])
    difference, margin = metrics.paired_differences(values, draws, units, settings.confidence)
    ends = np.column_stack([difference[0] - margin[0], difference[0] + margin[0]])[1:].tolist()
    return {name: {each[0][0]: low_and_high} for name, low_and_high in zip(others, ends, strict=True)}


def _main_score(task: Task, true: Float32, predicted: Float32) -> tuple[str, Float64]:
    """Return the name of the score that models are compared by, and its value (n,) for each sample."""
    if isinstance(task, Regression):
        return "euclidean_mean_mm", np.linalg.norm(predicted.astype(np.float64) - true, axis=1)
    return "accuracy", (true.argmax(axis=1) == predicted.argmax(axis=1)).astype(np.float64)


def _at(places: Float32, task: Task) -> Float32:
    """Return the (n, outputs) predictions of an observer that locates samples at places (n, 3)."""
    if isinstance(task, Regression):
        return places[:, task.columns]
    if task.sectors is None:
        raise TypeError("a simulation has no classes but sectors")
    # The plate's centre belongs to no sector: all weights are 0, and the first class counts.
    return np.asarray(task.sectors.label(places)[:, None] == np.arange(len(task.outputs)), np.float32)


def errors_by_unit(task: Task, names: Sequence[str], number: Int32, measured: tuple[Float32, ...]) -> pd.DataFrame:
    """Tabulate the errors of each unit, a point or recording, that has samples, worst first.

    `number` (n,) says which of the `names` each sample has. Measured are positions (n, 3) in mm, the truth and the
    predictions (n, outputs).
    """
    positions, true, predicted = measured
    values = pd.DataFrame(positions, columns=["x_mm", "y_mm", "z_mm"])
    measure, values[measure] = _main_score(task, true, predicted)
    if isinstance(task, Regression):
        values[[f"bias_{axis}_mm" for axis in task.outputs]] = predicted.astype(np.float64) - true
    units = values.groupby(number)
    table = units.mean()
    table.insert(0, "name", [names[each] for each in table.index])
    table.insert(1, "samples", units.size())
    if isinstance(task, Regression):
        table["euclidean_p95_mm"] = units[measure].quantile(0.95)
    return table.sort_values(measure, ascending=measure == "accuracy", kind="stable", ignore_index=True)
