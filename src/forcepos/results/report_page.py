"""The pictures of a run, and report.html, the page that shows them."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from forcepos.data.recordings import Float64
from forcepos.data.splits.split import split_of
from forcepos.evaluation.coverage import coverage_at_levels
from forcepos.models.final import predict
from forcepos.models.problem import Regression
from forcepos.results.figures import errors, style, training
from forcepos.results.findings import cards, question, verdict
from forcepos.results.page import page_html
from forcepos.results.predictions import Scored
from forcepos.results.run_report import RunReport
from forcepos.results.scores import REFERENCES, in_words, remarks, score_table
from forcepos.tracking.place import resolve
from forcepos.tracking.run import Run

_AGAINST = {"force_n": "size of the force (N)", "time_s": "time since the recording's start (s)"}
_DATA = {
    "recordings": "recordings", "points": "points", "rows": "rows", "rate_hz": "rows per second",
    "window": "rows of a sample", "train": "training samples", "validation": "validation samples",
    "calibration": "calibration samples", "test": "test samples", "tested_recordings": "recordings tested on",
}  # fmt: skip


def save_pictures(report: RunReport, result: dict[str, Any], facts: dict[str, str], run: Run) -> None:
    """Draw everything into the run's folder, write report.html, and log both."""
    folder, config, task = Path(result["outputs"]), report.problem.config, report.problem.task
    (folder / "figures").mkdir(exist_ok=True)
    pictures = dict[str, str]()
    with style.drawing():
        for name, figure in _draw(report):
            for path in (folder / "figures" / f"{name}.svg", folder / "figures" / f"{name}.png"):
                figure.savefig(path)
                run.log_file(path, "figures")
            pictures[name] = base64.b64encode(path.read_bytes()).decode()
    page = page_html(
        "report.html.jinja",
        title=f"{config.model.name}, split={config.split.name}",
        question=question(config.split, isinstance(task, Regression)),
        cards=cards(result),
        verdict=verdict(result),
        scores=pd.DataFrame(score_table(result, wide=True)),
        notes=list(remarks(result)),
        data=_data(result, config.split.name),
        checks=result["checks"],
        figures=pictures,
        hyperparameters=result["best_hyperparameters"],
        layers=_layers(report.scored.trained.model),
        seconds=result["seconds"],
        load=_load(report, result),
        tables={name: table.rename(columns=in_words) for name, table in report.tables.items()},
        config_yaml=OmegaConf.to_yaml(OmegaConf.structured(config)),
        facts={name: value for name, value in facts.items() if not name.startswith("mlflow.")},
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    run.log_file(folder / "report.html")


def _data(result: dict[str, Any], split: str) -> pd.DataFrame:
    second = result["also"]
    made_of = {split: result["data"]} | ({second["split"]: second["data"]} if second else {})
    table = pd.DataFrame({name: data | data["subsets"] for name, data in made_of.items()}, dtype=object)
    return table.loc[list(_DATA)].fillna("unknown").rename(_DATA).rename_axis("split").reset_index()


def _layers(model: keras.Model) -> pd.DataFrame:
    """Tabulate the layers of the model's network, or of an ensemble's first, and the shape of a sample in them."""
    layers = next(layer for layer in model.layers if isinstance(layer, keras.Model)).layers
    shapes = [getattr(getattr(layer, "output", None), "shape", ())[1:] for layer in layers]  # some have several
    rows = [
        (layer.name, type(layer).__name__, " x ".join(map(str, shape)), layer.count_params())
        for layer, shape in zip(layers, shapes, strict=True)
    ]
    return pd.DataFrame(rows, columns=["layer", "type", "output", "weights"])


def _load(report: RunReport, result: dict[str, Any]) -> list[str]:
    """Return Python that loads the model, from any folder: from MLflow, if it is there, and from its file."""
    model, path = report.scored.trained.model, Path(result["outputs"], "model.keras").absolute()
    ways = {"keras": f"model = keras.models.load_model({str(path)!r})"}
    if result["model_uri"].startswith("models:"):
        uri, _ = resolve(report.problem.config.tracking.uri)
        load = f"mlflow.set_tracking_uri({uri!r})\nmodel = mlflow.pyfunc.load_model({result['model_uri']!r})"
        ways = {"mlflow": load} | ways
    signals = f"signals = np.zeros({(1, *model.input_shape[1:])}, np.float32)  # yours: raw, one sample or more"
    use = f"{signals}\npredictions = model.predict(signals)"
    return [f"import {library}\nimport numpy as np\n\n{load}\n{use}" for library, load in ways.items()]


def _draw(report: RunReport) -> Iterator[tuple[str, Figure]]:
    config, trials = report.problem.config, report.search.trials
    yield from _of_predictions(report)
    calibrated = [each for each in report.all_scored if each.evaluation.coverage]
    if calibrated:
        curves = {each.problem.config.split.name: _coverage(each) for each in calibrated}
        yield "coverage", errors.coverage_curve(curves, config.evaluation.coverage)
    history, objective = report.scored.trained.histories[0], config.tuner.objective
    yield "learning_curves", training.learning_curves(history, objective, report.best_epoch)
    if trials:
        yield "trials", training.trial_curves(trials, objective, config.tuner.direction)
        yield "hyperparameters", training.hyperparameter_effects(trials, objective, config.tuner.direction)


def _of_predictions(report: RunReport) -> Iterator[tuple[str, Figure]]:
    task, true = report.problem.task, report.scored.evaluation.true
    table = report.predictions
    if isinstance(task, Regression):
        references = {
            REFERENCES[name]: np.linalg.norm(values.astype(np.float64) - true, axis=1)
            for name, values in report.references.predictions.items()
        }
        yield "error_distribution", errors.error_distribution(table, references)
        yield "true_against_predicted", errors.true_against_predicted(table)
        if set(task.outputs) >= {"x", "y"}:
            yield "error_map", errors.error_map(table)
    else:
        yield "true_against_predicted", errors.confusion(table, list(task.outputs), task.kind)
        if task.sectors:
            yield "sector_map", errors.sector_map(table, task.sectors)
    for column, label in _AGAINST.items():
        if column in table and table[column].notna().all() and len(table[column].unique()) > 1:
            yield f"error_against_{column.partition('_')[0]}", errors.error_against(table, column, label)


def _coverage(scored: Scored) -> tuple[Float64, Float64]:
    """Return target coverages, and the observed ones with a bound calibrated for each."""
    problem, evaluation, subset = scored.problem, scored.evaluation, scored.problem.split.calibration
    groups = split_of(problem.config.split).units(problem.samples.take(subset))
    calibration = (problem.targets[subset], predict(scored.trained.model, problem, subset), groups.number)
    return coverage_at_levels(problem.task, calibration, (evaluation.true, evaluation.outputs))
