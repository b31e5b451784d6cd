"""What a run leaves behind: files in its folder, the same in MLflow, one line of JSON."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from forcepos.config.schema import Config, RandomSplitConfig
from forcepos.data.recordings import Float32
from forcepos.evaluation.errors_by_unit import errors_by_unit
from forcepos.evaluation.evaluate import Evaluation
from forcepos.evaluation.metrics import Scores
from forcepos.evaluation.neighbours import neighbour_share
from forcepos.models.final import TrainedModel
from forcepos.models.prediction import batches
from forcepos.models.tasks import AXES, Task
from forcepos.models.training_data import TrainingData
from forcepos.runtime.files import write_csv, write_json
from forcepos.tracking.run import Run
from forcepos.tuning.ledger import SearchResult

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunReport:
    """All that a run has produced.

    Attributes:
        references: scores of what needs no network, by name.
        predictions: (test samples, outputs) of those of them that predict.
        also: the same hyperparameters on another split, with its name.
    """

    task: Task
    data: TrainingData
    found: SearchResult
    final: TrainedModel
    evaluation: Evaluation
    references: dict[str, Scores]
    predictions: dict[str, Float32]
    also: tuple[str, Evaluation] | None

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Errors of each point and each recording, the coverage of each region; no places where none are known."""
        data, evaluation = self.data, self.evaluation
        test, recordings = data.samples.take(data.split.test), data.samples.recordings
        points = [f"point {number}" for number in range(int(recordings.point.max()) + 1)]
        units = {
            "errors_by_point": (points, recordings.point[test.last]),
            "errors_by_recording": (list(recordings.names), recordings.recording[test.starts]),
        }
        found = {
            name: errors_by_unit(
                self.task, names, unit, test.positions, evaluation.true, evaluation.predicted
            ).drop(columns=[f"{axis}_mm" for axis in AXES if axis not in recordings.axes])
            for name, (names, unit) in units.items()
        }
        if evaluation.coverage and set(recordings.axes) >= {"x", "y"}:
            found["coverage_by_region"] = evaluation.coverage.regions
        return found


def save(outcome: RunReport, config: Config, folder: Path, run: Run) -> dict[str, Any]:
    """Write model, tables and result.json into `folder`, log the same, and return the result."""
    path = folder / "model.keras"
    outcome.final.model.save(path)
    run.log_model(path, _example(outcome.data))
    for name, table in outcome.tables.items():
        (folder / "tables").mkdir(exist_ok=True)
        write_csv(folder / "tables" / f"{name}.csv", table)
        run.log_file(folder / "tables" / f"{name}.csv", "tables")
    result = {
        "run_id": run.run_id,
        **_result(outcome, config),
        "best_hyperparameters": outcome.found.best,
        "model_uri": run.model_uri or path.as_uri(),
        "tracking": run.expected_status,
        "outputs": str(folder),
    }
    write_result(result, folder)
    run.log_scores(_logged(result, outcome))
    run.log_hyperparameters(outcome.found.best)
    run.log_file(folder / "result.json")
    return result


def write_result(result: dict[str, Any], folder: Path) -> None:
    """Write result.json into `folder`."""
    write_json(folder / "result.json", result)


def repeat_result(result: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Say where a run was finished before, and give its result in `folder` too."""
    log.info("finished before, in %s", result["outputs"])
    write_result(result, folder)
    return result


def _result(outcome: RunReport, config: Config) -> dict[str, Any]:
    data = outcome.data
    random = isinstance(config.split, RandomSplitConfig)
    share = neighbour_share(data.samples, data.split.train, data.split.test) if random else None
    evaluated = _evaluated(outcome.evaluation, outcome.task)
    return {
        "test": evaluated.pop("test"),
        **outcome.references,
        **evaluated,
        "confidence": config.evaluation.confidence,
        "neighbour_share": share,
        "also": _also(outcome),
    }


def _evaluated(evaluation: Evaluation, task: Task) -> dict[str, Any]:
    return {
        "test": evaluation.test,
        "intervals": {name: list(ends) for name, ends in evaluation.intervals.items()},
        "resampled": evaluation.resampled,
        "coverage": _coverage(evaluation, task),
    }


def _coverage(evaluation: Evaluation, task: Task) -> dict[str, Any] | None:
    coverage = evaluation.coverage
    return {**coverage.figures(task), "counted": coverage.counted} if coverage else None


def _also(outcome: RunReport) -> dict[str, Any] | None:
    if outcome.also is None:
        return None
    split, evaluation = outcome.also
    return {"split": split, **_evaluated(evaluation, outcome.task)}


def _logged(result: dict[str, Any], outcome: RunReport) -> dict[str, dict[str, float]]:
    """Groups of metrics: the test's scores, their intervals' ends, coverage, references, the other split."""
    groups = {"test": result["test"], **outcome.references, **_ends("test", result)}
    if outcome.evaluation.coverage:
        groups["coverage"] = outcome.evaluation.coverage.figures(outcome.task)
    if result["neighbour_share"] is not None:
        groups["leakage"] = {"neighbour_share": result["neighbour_share"]}
    if outcome.also:
        split, evaluation = outcome.also
        groups |= {split: evaluation.test, **_ends(split, result["also"])}
        if evaluation.coverage:
            groups[f"{split}_coverage"] = evaluation.coverage.figures(outcome.task)
    return groups


def _ends(group: str, result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The intervals' ends as metrics."""
    return {
        f"{group}_{end}": {name: ends[place] for name, ends in result["intervals"].items()}
        for place, end in enumerate(("low", "high"))
    }


def _example(data: TrainingData) -> Any:
    """One raw sample, as the model takes it."""
    signals, _ = next(iter(batches(data, data.split.test[:1], 1)))
    return signals.numpy()
