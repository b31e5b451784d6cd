"""A run's pictures and its report: files in its folder, the same in MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from forcepos.config.schema import Config
from forcepos.data.recordings import Float64
from forcepos.evaluation.coverage import coverage_at_levels
from forcepos.models.calibration import calibration_groups
from forcepos.models.prediction import answer
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
_ROWS_SHOWN = 12  # of a table in the report; the file has them all


@dataclass(frozen=True)
class Drawn:
    """A figure, by the name of its files."""

    name: str
    title: str
    caption: str
    figure: Figure


def save_pictures(
    outcome: RunReport, result: dict[str, Any], config: Config, facts: dict[str, str], folder: Path, run: Run
) -> None:
    """Draw everything into `folder`/figures, write report.html, and log both."""
    (folder / "figures").mkdir(exist_ok=True)
    pictures = [_save(drawn, folder / "figures", run) for drawn in _draw(outcome, config)]
    report = Report(
        title=f"{config.model.name}, split={config.split.name}",
        facts={name: value for name, value in facts.items() if not name.startswith("mlflow.")},
        scores=Table("The model and what stands beside it", *score_table(result)),
        notes=[note[:1].upper() + note[1:] for note in remarks(result)],
        tables=[_shown(name, table) for name, table in outcome.tables.items()],
        figures=pictures,
        config_yaml=OmegaConf.to_yaml(OmegaConf.structured(config)),
        how_to_load=_how_to_load(result),
    )
    path = folder / "report.html"
    path.write_text(report_html(report), encoding="utf-8")
    run.log_file(path)


def _save(drawn: Drawn, folder: Path, run: Run) -> Picture:
    for suffix in ("svg", "png"):
        path = folder / f"{drawn.name}.{suffix}"
        drawn.figure.savefig(path, dpi=_DPI)
        run.log_file(path, "figures")
    return Picture(drawn.title, drawn.caption, (folder / f"{drawn.name}.png").read_bytes())


def _draw(outcome: RunReport, config: Config) -> Iterator[Drawn]:
    yield from _of_the_search(outcome, config)
    yield from _of_the_errors(outcome)
    yield from _of_the_coverage(outcome, config)
    yield _of_the_worst_recording(outcome)


def _of_the_search(outcome: RunReport, config: Config) -> Iterator[Drawn]:
    objective, direction = config.tuner.objective, config.tuner.direction
    metric = objective.removeprefix("val_")
    unit = {"mae": "mm", "rmse": "mm", "loss": "mm²" if isinstance(outcome.task, Regression) else ""}.get(
        metric, ""
    )
    if outcome.found.trials:
        yield Drawn(
            "trials", "Trials", "The objective after each epoch of each trial; the best trial is marked.",
            trial_curves(outcome.found.trials, objective, direction, unit),
        )  # fmt: skip
        yield Drawn(
            "hyperparameters", "Hyperparameters", "Each trial's objective against each of its hyperparameters.",
            hyperparameter_effects(outcome.found.trials, objective, direction, unit),
        )  # fmt: skip
    yield Drawn(
        "learning_curves", "Final training", "The model's own training and validation parts after each epoch.",
        learning_curves(outcome.final.histories[0], metric, unit),
    )  # fmt: skip


def _of_the_errors(outcome: RunReport) -> Iterator[Drawn]:
    task, evaluation = outcome.task, outcome.evaluation
    test = outcome.data.samples.take(outcome.data.split.test)
    point = test.recordings.point[test.last]
    caption = (
        "Every shown dot is a sample of the test part."
        if isinstance(task, Regression)
        else f"Share of each true {task.kind}'s samples that is taken for each {task.kind}."
    )
    yield Drawn(
        "true_against_predicted", "True against predicted", caption,
        true_against_predicted(task, evaluation.true, evaluation.predicted),
    )  # fmt: skip
    if isinstance(task, Regression):
        yield Drawn(
            "error_distribution", "Errors", "Share of the test samples with at most this distance to the truth.",
            error_distribution(_distances(outcome), "mm", "distance from the true position"),
        )  # fmt: skip
        if set(task.outputs) >= {"x", "y"}:
            places = [task.outputs.index(axis) for axis in "xy"]
            yield Drawn(
                "error_map", "Errors on the plate", "From each point's true position to the mean predicted one.",
                error_map(evaluation.true[:, places], evaluation.predicted[:, places], point),
            )  # fmt: skip
    elif task.sectors:
        correct = evaluation.true.argmax(axis=1) == evaluation.predicted.argmax(axis=1)
        yield Drawn(
            "sector_map", "Sectors on the plate", "Share of each point's test samples whose sector is found.",
            sector_map(test.positions, correct, point, task.sectors),
        )  # fmt: skip


def _distances(outcome: RunReport) -> dict[str, Float64]:
    said = {"model": outcome.evaluation.predicted, **outcome.predictions}
    return {
        name: np.linalg.norm(predicted.astype(np.float64) - outcome.evaluation.true, axis=1)
        for name, predicted in said.items()
    }


def _of_the_coverage(outcome: RunReport, config: Config) -> Iterator[Drawn]:
    evaluation, data = outcome.evaluation, outcome.data
    if evaluation.coverage is None:
        return
    part = data.split.calibration
    groups, _ = calibration_groups(data.samples.take(part), config.split)
    calibration = (data.targets[part], answer(outcome.final.model, data, part), groups)
    asked, found = coverage_at_levels(outcome.task, calibration, (evaluation.true, evaluation.answers))
    yield Drawn(
        "coverage", "Uncertainty", "Share of the test samples that is covered, against the share asked for.",
        coverage_curve(asked, found, evaluation.coverage.asked),
    )  # fmt: skip


def _of_the_worst_recording(outcome: RunReport) -> Drawn:
    samples, recordings = outcome.data.samples, outcome.data.samples.recordings
    worst = outcome.tables["errors_by_recording"]["name"].iloc[0]
    first, end = recordings.bounds[recordings.names.index(worst)]
    tested = np.zeros(len(recordings.recording), bool)
    tested[samples.last[outcome.data.split.test]] = True
    rows = slice(first, end)
    time_s = np.arange(end - first) / recordings.rate_hz
    figure = recording_signals(recordings.signals[rows], recordings.channels, time_s, tested[rows], str(worst))
    return Drawn("worst_recording", "The worst recording", "Its signals; shaded: rows of the test part.", figure)


def _shown(name: str, table: pd.DataFrame) -> Table:
    part = f", the first {_ROWS_SHOWN} of {len(table)}" if len(table) > _ROWS_SHOWN else ""
    title = name.replace("_", " ").capitalize() + part
    rows = [[_cell(value) for value in row] for row in table.head(_ROWS_SHOWN).itertuples(index=False)]
    return Table(title, list(table.columns), rows)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _how_to_load(result: dict[str, Any]) -> str:
    if result["model_uri"].startswith("models:"):
        load = ["import mlflow", "", f'model = mlflow.pyfunc.load_model("{result["model_uri"]}")']
    else:
        load = ["import keras", "", 'model = keras.models.load_model("model.keras")']
    return "\n".join([*load, "answers = model.predict(signals)  # float32, raw signals"])
