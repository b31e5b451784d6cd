"""The report of a run: files in its folder, the same in MLflow, one line of JSON."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forcepos.data.splits.random import leaked_share
from forcepos.evaluation.errors_by_unit import Units, errors_by_unit
from forcepos.evaluation.evaluate import Evaluation, References
from forcepos.models.final import TrainedModel
from forcepos.models.prediction import batches
from forcepos.models.problem import Problem
from forcepos.models.tasks import AXES, Task
from forcepos.runtime.files import write_csv, write_json
from forcepos.tracking.run import Run
from forcepos.tuning.ledger import SearchResult

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunReport:
    """All that a run has produced.

    Attributes:
        second_split: the same hyperparameters on another split, with its name.
    """

    problem: Problem
    search: SearchResult
    trained: TrainedModel
    evaluation: Evaluation
    references: References
    second_split: tuple[str, Evaluation] | None

    @property
    def objective(self) -> float:
        """The search's best validation objective; without a search, that of the final training.

        The final training's is that of the epoch whose weights are kept: with training.patience the best one, else
        the last one. It is averaged over the networks of an ensemble.
        """
        if self.search.score is not None:
            return self.search.score
        tuner, training = self.problem.config.tuner, self.problem.config.training
        pick = min if tuner.direction == "min" else max
        curves = [[logs[tuner.objective] for logs in history] for history in self.trained.histories]
        return float(np.mean([pick(curve) if training.patience else curve[-1] for curve in curves]))

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Errors of each point and each recording, the coverage of each region; no places where none are known."""
        problem, evaluation = self.problem, self.evaluation
        test, recordings = problem.test_samples, problem.samples.recordings
        points = [f"point {number}" for number in range(int(recordings.point.max()) + 1)]
        units = {
            "errors_by_point": Units(points, recordings.point[test.last]),
            "errors_by_recording": Units(recordings.names, recordings.recording[test.starts]),
        }
        tables = {
            name: errors_by_unit(problem.task, each, test.positions, evaluation.true, evaluation.predicted).drop(
                columns=[f"{axis}_mm" for axis in AXES if axis not in recordings.axes]
            )
            for name, each in units.items()
        }
        if evaluation.coverage and set(recordings.axes) >= {"x", "y"}:
            tables["coverage_by_region"] = evaluation.coverage.regions
        return tables


def save(report: RunReport, folder: Path, run: Run) -> dict[str, Any]:
    """Write model, tables and result.json into `folder`, log the same, and return the result."""
    path = folder / "model.keras"
    report.trained.model.save(path)
    signals, _ = next(iter(batches(report.problem, report.problem.split.test[:1], 1)))
    run.log_model(path, signals.numpy())  # one raw sample, as the model takes it
    for name, table in report.tables.items():
        (folder / "tables").mkdir(exist_ok=True)
        write_csv(folder / "tables" / f"{name}.csv", table)
        run.log_file(folder / "tables" / f"{name}.csv", "tables")
    result = {
        "run_id": run.run_id,
        **_scores(report),
        "objective": report.objective,
        "best_hyperparameters": report.search.best,
        "model_uri": run.model_uri or path.as_uri(),
        "tracking": run.expected_status,
        "outputs": str(folder),
    }
    write_result(result, folder)
    run.log_scores(_metrics(result, report))
    run.log_hyperparameters(report.search.best)
    run.log_file(folder / "result.json")
    return result


def write_result(result: dict[str, Any], folder: Path) -> None:
    """Write result.json into `folder`."""
    write_json(folder / "result.json", result)


def repeat_result(result: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Log where the same run was finished before, and write its result into `folder` too."""
    log.info("finished before, in %s", result["outputs"])
    write_result(result, folder)
    return result


def _scores(report: RunReport) -> dict[str, Any]:
    problem = report.problem
    evaluated = _evaluated(report.evaluation, problem.task)
    return {
        "test": evaluated.pop("test"),
        **report.references.scores,
        **evaluated,
        "confidence": problem.config.evaluation.confidence,
        "neighbour_share": _leaked_share(problem),
        "also": _second_split(report),
    }


def _leaked_share(problem: Problem) -> float | None:
    split = problem.split
    return leaked_share(problem.samples, split.train, split.test) if problem.config.split.leaks else None


def _evaluated(evaluation: Evaluation, task: Task) -> dict[str, Any]:
    return {
        "test": evaluation.test,
        "intervals": {name: list(ends) for name, ends in evaluation.intervals.items()},
        "resampled": evaluation.resampled,
        "coverage": _coverage(evaluation, task),
    }


def _coverage(evaluation: Evaluation, task: Task) -> dict[str, Any] | None:
    coverage = evaluation.coverage
    return {**coverage.values(task), "counted": coverage.counted} if coverage else None


def _second_split(report: RunReport) -> dict[str, Any] | None:
    if report.second_split is None:
        return None
    split, evaluation = report.second_split
    return {"split": split, **_evaluated(evaluation, report.problem.task)}


def _metrics(result: dict[str, Any], report: RunReport) -> dict[str, dict[str, float]]:
    """Group metrics: test scores, ends of their intervals, coverage, references, the second split."""
    task = report.problem.task
    groups = {"test": result["test"], **report.references.scores, **_ends("test", result)}
    if report.evaluation.coverage:
        groups["coverage"] = report.evaluation.coverage.values(task)
    if result["neighbour_share"] is not None:
        groups["leakage"] = {"neighbour_share": result["neighbour_share"]}
    if report.second_split:
        split, evaluation = report.second_split
        groups |= {split: evaluation.test, **_ends(split, result["also"])}
        if evaluation.coverage:
            groups[f"{split}_coverage"] = evaluation.coverage.values(task)
    return groups


def _ends(group: str, result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the ends of the intervals as metrics."""
    return {
        f"{group}_{end}": {name: ends[place] for name, ends in result["intervals"].items()}
        for place, end in enumerate(("low", "high"))
    }
