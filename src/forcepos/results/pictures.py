"""A run's figures and its report.html, saved to its folder and logged to MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from forcepos.data.recordings import Float64
from forcepos.data.splits.split import split_of
from forcepos.evaluation.coverage import coverage_at_levels
from forcepos.models.prediction import predict
from forcepos.models.tasks import Regression
from forcepos.results.figures.calibration import coverage_curve
from forcepos.results.figures.errors import error_distribution, true_against_predicted
from forcepos.results.figures.plate import error_map, sector_map
from forcepos.results.figures.signals import recording_signals
from forcepos.results.figures.training import hyperparameter_effects, learning_curves, trial_curves
from forcepos.results.report_html import Picture, Report, Table, report_html
from forcepos.results.run_report import RunReport
from forcepos.results.summary import remarks, score_table
from forcepos.tracking.run import Run

_DPI = 150
_ROWS_SHOWN = 12  # of a table in the report; its CSV file has all of them


@dataclass(frozen=True)
class Drawn:
    """A figure with its title, caption and the name of its files."""

    name: str
    title: str
    caption: str
    figure: Figure


def save_pictures(report: RunReport, result: dict[str, Any], facts: dict[str, str], run: Run) -> None:
    """Draw everything into the run's folder, write report.html, and log both."""
    folder, config = Path(result["outputs"]), report.problem.config
    (folder / "figures").mkdir(exist_ok=True)
    pictures = [_save(drawn, folder / "figures", run) for drawn in _draw(report)]
    page = Report(
        title=f"{config.model.name}, split={config.split.name}",
        facts={name: value for name, value in facts.items() if not name.startswith("mlflow.")},
        scores=Table("Model and references", *score_table(result)),
        notes=[note[:1].upper() + note[1:] for note in remarks(result)],
        tables=[_first_rows(name, table) for name, table in report.tables.items()],
        figures=pictures,
        config_yaml=OmegaConf.to_yaml(OmegaConf.structured(config)),
        how_to_load=_how_to_load(result),
    )
    path = folder / "report.html"
    path.write_text(report_html(page), encoding="utf-8")
    run.log_file(path)


def _save(drawn: Drawn, folder: Path, run: Run) -> Picture:
    for suffix in ("svg", "png"):
        path = folder / f"{drawn.name}.{suffix}"
        drawn.figure.savefig(path, dpi=_DPI)
        run.log_file(path, "figures")
    return Picture(drawn.title, drawn.caption, (folder / f"{drawn.name}.png").read_bytes())


def _draw(report: RunReport) -> Iterator[Drawn]:
    yield from _of_training(report)
    yield from _of_errors(report)
    yield from _of_coverage(report)
    yield _of_worst_recording(report)


def _of_training(report: RunReport) -> Iterator[Drawn]:
    config, trials = report.problem.config, report.search.trials
    objective, direction = config.tuner.objective, config.tuner.direction
    metric = objective.removeprefix("val_")
    squared = "mm²" if isinstance(report.problem.task, Regression) else ""
    unit = {"mae": "mm", "rmse": "mm", "loss": squared}.get(metric, "")
    if trials:
        yield Drawn(
            "trials", "Trials", "The objective after each epoch of each trial; the best trial is marked.",
            trial_curves(trials, objective, direction, unit),
        )  # fmt: skip
        yield Drawn(
            "hyperparameters", "Hyperparameters", "Each trial's objective against each of its hyperparameters.",
            hyperparameter_effects(trials, objective, direction, unit),
        )  # fmt: skip
    yield Drawn(
        "learning_curves", "Final training", "Training and validation subsets after each epoch.",
        learning_curves(report.trained.histories[0], metric, unit),
    )  # fmt: skip


def _of_errors(report: RunReport) -> Iterator[Drawn]:
    task, evaluation, test = report.problem.task, report.evaluation, report.problem.test_samples
    point = test.recordings.point[test.last]
    caption = (
        "Each dot is a sample of the test subset."
        if isinstance(task, Regression)
        else f"Share of each true {task.kind}'s samples that is predicted as each {task.kind}."
    )
    yield Drawn(
        "true_against_predicted", "True against predicted", caption,
        true_against_predicted(task, evaluation.true, evaluation.predicted),
    )  # fmt: skip
    if isinstance(task, Regression):
        yield Drawn(
            "error_distribution", "Errors", "Share of the test samples with at most this error.",
            error_distribution(_distances(report), "mm", "distance from the true position"),
        )  # fmt: skip
        if set(task.outputs) >= {"x", "y"}:
            places = [task.outputs.index(axis) for axis in "xy"]
            yield Drawn(
                "error_map", "Errors on the plate", "From each point's mean true to its mean predicted position.",
                error_map(evaluation.true[:, places], evaluation.predicted[:, places], point),
            )  # fmt: skip
    elif task.sectors:
        correct = evaluation.true.argmax(axis=1) == evaluation.predicted.argmax(axis=1)
        yield Drawn(
            "sector_map", "Sectors on the plate", "Share of each point's test samples with correct sector.",
            sector_map(test.positions, correct, point, task.sectors),
        )  # fmt: skip


def _distances(report: RunReport) -> dict[str, Float64]:
    predictions = {"model": report.evaluation.predicted, **report.references.predictions}
    return {
        name: np.linalg.norm(predicted.astype(np.float64) - report.evaluation.true, axis=1)
        for name, predicted in predictions.items()
    }


def _of_coverage(report: RunReport) -> Iterator[Drawn]:
    evaluation, problem = report.evaluation, report.problem
    if evaluation.coverage is None:
        return
    subset = problem.split.calibration
    groups = split_of(problem.config.split).units(problem.samples.take(subset))
    outputs = predict(report.trained.model, problem, subset)
    calibration = (problem.targets[subset], outputs, groups.number)
    target, observed = coverage_at_levels(problem.task, calibration, (evaluation.true, evaluation.outputs))
    yield Drawn(
        "coverage", "Uncertainty", "Observed coverage of the test samples against the target coverage.",
        coverage_curve(target, observed, evaluation.coverage.target),
    )  # fmt: skip


def _of_worst_recording(report: RunReport) -> Drawn:
    samples, recordings = report.problem.samples, report.problem.samples.recordings
    worst = report.tables["errors_by_recording"]["name"].iloc[0]
    first, end = recordings.bounds[recordings.names.index(worst)]
    tested = np.zeros(len(recordings.recording), bool)
    tested[samples.last[report.problem.split.test]] = True
    rows = slice(first, end)
    time_s = np.arange(end - first) / recordings.rate_hz
    figure = recording_signals(recordings.signals[rows], recordings.channels, time_s, tested[rows], str(worst))
    return Drawn("worst_recording", "The worst recording", "Its signals; test subset shaded.", figure)


def _first_rows(name: str, table: pd.DataFrame) -> Table:
    cut = f", the first {_ROWS_SHOWN} of {len(table)}" if len(table) > _ROWS_SHOWN else ""
    title = name.replace("_", " ").capitalize() + cut
    shown = table.head(_ROWS_SHOWN).map(lambda cell: f"{cell:.4g}" if isinstance(cell, float) else str(cell))
    return Table(title, list(table.columns), shown.to_numpy().tolist())


def _how_to_load(result: dict[str, Any]) -> str:
    if result["model_uri"].startswith("models:"):
        load = ["import mlflow", "", f'model = mlflow.pyfunc.load_model("{result["model_uri"]}")']
    else:
        load = ["import keras", "", 'model = keras.models.load_model("model.keras")']
    return "\n".join([*load, "predictions = model.predict(signals)  # float32, raw signals"])
