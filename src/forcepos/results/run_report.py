"""The report of a run: files and figures in its folder, report.html, the same in MLflow, one line of JSON."""

import base64
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from forcepos.data.splits.random import leaked_share
from forcepos.data.splits.split import split_of
from forcepos.evaluation.coverage import coverage_at_levels
from forcepos.evaluation.evaluate import Evaluation, References, Units, errors_by_unit
from forcepos.models.final import TrainedModel
from forcepos.models.prediction import batches, predict
from forcepos.models.problem import Problem
from forcepos.models.tasks import AXES, Regression, Task
from forcepos.results.figures import errors, training
from forcepos.results.terminal import remarks, score_table
from forcepos.runtime.files import write_csv, write_json
from forcepos.runtime.wording import visible
from forcepos.tracking.run import Run
from forcepos.tuning.ledger import SearchResult

log = logging.getLogger(__name__)
_DPI = 150


@dataclass(frozen=True)
class RunReport:
    """All that a run has produced."""

    problem: Problem
    search: SearchResult
    trained: TrainedModel
    evaluation: Evaluation
    references: References
    second_split: tuple[str, Evaluation] | None  # its name; with the same hyperparameters

    @property
    def objective(self) -> float:
        """The search's best validation objective, or the final training's, averaged over an ensemble."""
        if self.search.score is not None:
            return self.search.score
        tuner, training = self.problem.config.tuner, self.problem.config.training
        pick = min if tuner.direction == "min" else max  # with patience, the best epoch's weights are kept
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
        of_each = {name: errors_by_unit(problem.task, each, *measured) for name, each in units.items()}
        tables = {name: table.drop(columns=unknown) for name, table in of_each.items()}
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


def save_pictures(report: RunReport, result: dict[str, Any], facts: dict[str, str], run: Run) -> None:
    """Draw everything into the run's folder, write report.html, and log both."""
    folder, config = Path(result["outputs"]), report.problem.config
    (folder / "figures").mkdir(exist_ok=True)
    page = report_html(
        title=f"{config.model.name}, split={config.split.name}",
        facts=facts,
        scores=pd.DataFrame(score_table(result)),
        notes=list(remarks(result)),
        tables=report.tables,
        figures={name: _save(figure, folder / "figures" / name, run) for name, figure in _draw(report)},
        config_yaml=OmegaConf.to_yaml(OmegaConf.structured(config)),
        model_uri=result["model_uri"],
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    run.log_file(folder / "report.html")


def _save(figure: Figure, path: Path, run: Run) -> str:
    for suffix in (".svg", ".png"):
        figure.savefig(path.with_suffix(suffix), dpi=_DPI)
        run.log_file(path.with_suffix(suffix), "figures")
    return base64.b64encode(path.with_suffix(".png").read_bytes()).decode()


def _draw(report: RunReport) -> Iterator[tuple[str, Figure]]:
    config, task, trials = report.problem.config.tuner, report.problem.task, report.search.trials
    metric = config.objective.removeprefix("val_")
    unit = {"mae": "mm", "rmse": "mm", "loss": "mm²" if isinstance(task, Regression) else ""}.get(metric, "")
    if trials:
        searched = (trials, config.objective, config.direction, unit)
        yield "trials", training.trial_curves(*searched)
        yield "hyperparameters", training.hyperparameter_effects(*searched)
    yield "learning_curves", training.learning_curves(report.trained.histories[0], metric, unit)
    yield from _of_errors(report)
    if report.evaluation.coverage:
        yield "coverage", _coverage(report, report.evaluation.coverage.target)


def _of_errors(report: RunReport) -> Iterator[tuple[str, Figure]]:
    task, test = report.problem.task, report.problem.test_samples
    true, predicted = report.evaluation.true, report.evaluation.predicted
    point = test.recordings.point[test.last]
    yield "true_against_predicted", errors.true_against_predicted(task, true, predicted)
    if isinstance(task, Regression):
        distances = {
            name: np.linalg.norm(values.astype(np.float64) - true, axis=1)
            for name, values in {"model": predicted, **report.references.predictions}.items()
        }
        yield (
            "error_distribution",
            errors.error_distribution(distances, "mm", "distance from the true position"),
        )
        if set(task.outputs) >= {"x", "y"}:
            places = [task.outputs.index(axis) for axis in "xy"]
            yield "error_map", errors.error_map(true[:, places], predicted[:, places], point)
    elif task.sectors:
        correct = true.argmax(axis=1) == predicted.argmax(axis=1)
        yield "sector_map", errors.sector_map(test.positions, correct, point, task.sectors)


def _coverage(report: RunReport, chosen: float) -> Figure:
    evaluation, problem = report.evaluation, report.problem
    subset = problem.split.calibration
    groups = split_of(problem.config.split).units(problem.samples.take(subset))
    outputs = predict(report.trained.model, problem, subset)
    calibration = (problem.targets[subset], outputs, groups.number)
    levels = coverage_at_levels(problem.task, calibration, (evaluation.true, evaluation.outputs))
    return errors.coverage_curve(*levels, chosen)


def report_html(**contents: Any) -> str:
    """Render the report as one HTML file without scripts, network access or other files; every text is escaped.

    Args:
        contents: title; facts, the provenance by name; scores, a table; tables, by name, of which the first rows
            are shown; notes, caveats of the scores; figures, PNGs in base64 by name; config_yaml; model_uri.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, finalize=_visible,
        autoescape=True, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html.jinja").render(contents)


def _visible(value: Any) -> Any:
    """Format numbers and make texts visible; what a macro has written is finished."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value, kept="\n")
