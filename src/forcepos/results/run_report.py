"""The report of a run: files in its folder, the same in MLflow, one line of JSON."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forcepos.data.splits.random import leaked_share
from forcepos.evaluation.evaluate import Evaluation, References, Units, errors_by_unit
from forcepos.models.final import TrainedModel, batches
from forcepos.models.problem import AXES, Problem, Task
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
        unknown = [f"{axis}_mm" for axis in AXES if axis not in recordings.axes]
        measured = (test.positions, evaluation.true, evaluation.predicted)
        tables = {
            name: errors_by_unit(problem.task, each, *measured).drop(columns=unknown)
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
    problem, split, second = report.problem, report.problem.split, report.second_split
    leaks = problem.config.split.leaks
    result = {
        "run_id": run.run_id,
        "test": report.evaluation.test,
        **report.references.scores,
        **_evaluated(report.evaluation, problem.task),
        "confidence": problem.config.evaluation.confidence,
        "neighbour_share": leaked_share(problem.samples, split.train, split.test) if leaks else None,
        "also": {"split": second[0], **_evaluated(second[1], problem.task)} if second else None,
        "objective": report.objective,
        "best_hyperparameters": report.search.best,
        "model_uri": run.model_uri or path.as_uri(),
        "tracking": run.expected_status,
        "outputs": str(folder),
    }
    write_result(result, folder)
    run.log_scores(_metrics(result, report.references.scores))
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


def _evaluated(evaluation: Evaluation, task: Task) -> dict[str, Any]:
    coverage = evaluation.coverage
    return {
        "test": evaluation.test,
        "intervals": {name: list(ends) for name, ends in evaluation.intervals.items()},
        "resampled": evaluation.resampled,
        "coverage": {**coverage.values(task), "counted": coverage.counted} if coverage else None,
    }


def _metrics(result: dict[str, Any], references: Iterable[str]) -> dict[str, dict[str, float]]:
    """Group metrics: test scores, ends of their intervals, coverage, references, the second split."""
    groups = {name: result[name] for name in references} | _groups("test", "coverage", result)
    if result["neighbour_share"] is not None:
        groups["leakage"] = {"neighbour_share": result["neighbour_share"]}
    if result["also"]:
        split = result["also"]["split"]
        groups |= _groups(split, f"{split}_coverage", result["also"])
    return groups


def _groups(name: str, coverage: str, scored: dict[str, Any]) -> dict[str, dict[str, float]]:
    ends = {
        f"{name}_{end}": {score: interval[place] for score, interval in scored["intervals"].items()}
        for place, end in enumerate(("low", "high"))
    }
    values = scored["coverage"] or {}
    return {name: scored["test"], **ends, coverage: {key: values[key] for key in values if key != "counted"}}
