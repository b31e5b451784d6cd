"""The pictures of a run, and report.html, the page that shows them."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from forcepos.data.splits.split import split_of
from forcepos.evaluation.coverage import coverage_at_levels
from forcepos.models.final import predict
from forcepos.models.problem import Regression
from forcepos.results.figures import errors, training
from forcepos.results.run_report import RunReport
from forcepos.results.scores import remarks, score_table
from forcepos.runtime.wording import visible
from forcepos.tracking.run import Run

_DPI = 150


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
    yield "learning_curves", training.learning_curves(report.scored.trained.histories[0], metric, unit)
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
    outputs = predict(report.scored.trained.model, problem, subset)
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
