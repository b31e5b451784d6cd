"""The pictures of a run, and report.html, the page that shows them."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from omegaconf import OmegaConf

from forcepos.data.recordings import Float64
from forcepos.evaluation.evaluate import coverage_at_levels
from forcepos.models.problem import Classification, Regression
from forcepos.models.training.device import rows_of
from forcepos.results.comparison import ladder
from forcepos.results.figures import errors, style
from forcepos.results.findings import cards, question
from forcepos.results.run_report import RunReport
from forcepos.results.scores import REFERENCES, in_words, remarks, score_table
from forcepos.tracking.place import resolve
from forcepos.tracking.run import Run
from forcepos.tuning.trials import TrialResult, best_first

_DATA = {
    "recordings": "recordings", "points": "points", "rows": "rows", "rate_hz": "rows per second",
    "window": "rows of a sample", "train": "training samples", "validation": "validation samples",
    "calibration": "calibration samples", "test": "test samples", "tested_recordings": "recordings tested on",
}  # fmt: skip


def save_pictures(report: RunReport, result: dict[str, Any], facts: dict[str, str], run: Run) -> None:
    """Draw everything into the run's folder, write report.html, and log both."""
    folder, config, task = Path(result["outputs"]), report.scored.problem.config, report.scored.problem.task
    (folder / "figures").mkdir(exist_ok=True)
    pictures = dict[str, str]()
    with style.drawing():
        for name, figure in _draw(report, result):
            for path in (folder / "figures" / f"{name}.svg", folder / "figures" / f"{name}.png"):
                figure.savefig(path)
                run.log_file(path, "figures")
            pictures[name] = base64.b64encode(path.read_bytes()).decode()
    page = style.page(
        "report.html.jinja",
        title=f"{config.model.name}, split={config.split.name}",
        question=question(config.split, isinstance(task, Regression)),
        cards=cards(result),
        scores=pd.DataFrame(score_table(result, wide=True)),
        notes=list(remarks(result)),
        data=_data(result, config.split.name),
        figures=pictures,
        hyperparameters=result["best_hyperparameters"],
        layers=_layers(report.scored.trained.model),
        **{name: result[name] for name in ("verdict", "checks", "seconds")},
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
    networks = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    layers = min(networks, key=lambda network: str(network.name)).layers
    shapes = [getattr(getattr(layer, "output", None), "shape", ())[1:] for layer in layers]  # some have several
    weights = [layer.count_params() for layer in layers]
    texts = {"layer": [layer.name for layer in layers], "type": [type(layer).__name__ for layer in layers]}
    return pd.DataFrame(texts | {"output": [" x ".join(map(str, shape)) for shape in shapes], "weights": weights})


def _load(report: RunReport, result: dict[str, Any]) -> dict[str, Any]:
    """Return literals by which the page's Python loads the model from any folder, and the shapes of its input."""
    model, path = report.scored.trained.model, Path(result["outputs"], "model.keras").absolute()
    in_mlflow, shape = result["model_uri"].startswith("models:"), model.input_shape[1:]
    tracking_uri = resolve(report.scored.problem.config.tracking.uri)[0] if in_mlflow else None
    return {
        "tracking_uri": repr(tracking_uri), "model_uri": repr(result["model_uri"]) if in_mlflow else None,
        "file": repr(str(path)), "windows": (1, *shape), "rows": (rows_of(model), shape[-1]),
    }  # fmt: skip


def _draw(report: RunReport, result: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    config, trials = report.scored.problem.config, report.search.trials
    if second := result["also"]:
        yield "gap", ladder({config.split.name: result, second["split"]: second})
    yield from _of_predictions(report)
    curves = dict[str, tuple[Float64, Float64]]()
    for of in report.all_scored:
        if calibration := of.trained.calibration:
            levels = coverage_at_levels(of.problem.task, calibration, of.evaluation.true, of.evaluation.outputs)
            curves[of.problem.config.split.name] = levels
    if curves:
        yield "coverage", errors.coverage_curve(curves, config.evaluation.coverage)
    history, objective = report.scored.trained.histories[0], config.tuner.objective
    title = f"Trial {report.search.ensemble[0].number}" if report.search.ensemble else "Final training"
    yield "learning_curves", learning_curves(history, objective, report.kept[0][0], title)
    if trials:
        yield "trials", trial_curves(trials, objective, config.tuner.direction)
        yield "hyperparameters", hyperparameter_effects(trials, objective, config.tuner.direction)


def _of_predictions(report: RunReport) -> Iterator[tuple[str, Figure]]:
    task, true, table = report.scored.problem.task, report.scored.evaluation.true, report.predictions
    off = {name: of.astype(np.float64) - true for name, of in report.scored.references.predictions.items()}
    distances = {REFERENCES[name]: np.linalg.norm(of, axis=1) for name, of in off.items()}
    yield from errors.answers(table, task, distances)
    if isinstance(task, Classification) and task.sectors:
        yield "sector_map", errors.sector_map(table, task.sectors)
    against = {"force_n": "size of the force (N)", "time_s": "time since the recording's start (s)"}
    for column, label in against.items():
        if column in table and table[column].notna().all() and len(table[column].unique()) > 1:
            yield f"error_against_{column.partition('_')[0]}", errors.error_against(table, column, label)


def learning_curves(history: Sequence[dict[str, float]], objective: str, kept: int, title: str = "") -> Figure:
    """Plot the objective on both subsets after each epoch; mark `kept`, from 1, whose weights the model has."""
    figure, axes = style.single()
    metric = objective.removeprefix("val_")
    for name, label in ((metric, "training"), (objective, "validation")):
        axes.plot(range(1, len(history) + 1), [logs[name] for logs in history], marker=".", label=label)
    label = f"epoch {kept}, whose weights are kept"
    axes.plot(kept, history[kept - 1][objective], "*", color=style.BLACK, ms=10, zorder=3, label=label)
    style.count_epochs(axes, ylabel=in_words(metric), title=title)
    axes.legend()
    return figure


def trial_curves(trials: Sequence[TrialResult], objective: str, direction: str) -> Figure:
    """Plot the objective, a mean over executions, by epoch of all trials that did not fail; mark the best.

    Trials that were stopped end in a cross.
    """
    scored, best, failures = _scored(trials, direction)
    figure, axes = style.single()
    for trial in reversed(scored):  # means, as far as all executions go
        epochs = zip(*trial.history, strict=False)
        means = [float(np.mean([logs[objective] for logs in executions])) for executions in epochs]
        label = "_" if axes.lines else f"other trials ({len(scored) - 1})"
        look: Any = {"label": label, "color": style.GREY, "lw": 0.8, "ms": 4}
        if trial is best:
            look = {"label": f"trial {best.number} (best)", "color": style.BLUE, "lw": 2}
        axes.plot(range(1, len(means) + 1), means, ".-", **look)
        if trial.stopped:
            axes.plot(len(means), means[-1], "x", color=style.GREY)
    if direction == "min":
        style.log_if_wide(axes)
    style.count_epochs(axes, ylabel=in_words(objective), title=f"Trials{failures}")
    axes.legend()
    return figure


def hyperparameter_effects(trials: Sequence[TrialResult], objective: str, direction: str) -> Figure:
    """Plot the score of every trial that did not fail, a panel for each hyperparameter with several values."""
    scored, best, failures = _scored(trials, direction)
    values = pd.DataFrame([trial.hyperparameters for trial in scored], dtype=object)
    common, distinct = values.count().sort_values(ascending=False, kind="stable").index, values.nunique()
    names = [name for name in common if distinct[name] > 1 and not name.startswith("tuner/")]  # Hyperband's own
    if not names:
        figure, axes = style.single(1.2)
        axes.set_axis_off()
        axes.set_title("No hyperparameter took more than one value in scored trials.")
        return figure
    columns, rows = min(3, len(names)), -(-len(names) // 3)
    figure, panels = style.panels(rows, columns, 0.7 + 1.35 * rows, sharey=True)
    figure.set_layout_engine("constrained", h_pad=0.1)  # a name belongs to the panel above it
    for name, axes in zip(names, panels, strict=False):
        _plot_effect(axes, name, [trial for trial in scored if name in trial.hyperparameters], best)
    for axes in panels[len(names) :]:
        axes.remove()
    if direction == "min":
        style.log_if_wide(panels[0])
    figure.supylabel(in_words(objective))
    figure.suptitle(f"Trials; the star is trial {best.number}, the best{failures}")
    return figure


def _scored(trials: Sequence[TrialResult], direction: str) -> tuple[list[TrialResult], TrialResult, str]:
    whole, stopped = best_first(trials, direction), [trial for trial in trials if trial.stopped]
    failed = len(trials) - len(whole) - len(stopped)
    notes = [f"; {failed} failed, not shown"] * bool(failed) + [f"; {len(stopped)} stopped"] * bool(stopped)
    return [*whole, *stopped], whole[0], "".join(notes)


def _plot_effect(axes: Axes, name: str, trials: Sequence[TrialResult], best: TrialResult) -> None:
    values = [trial.hyperparameters[name] for trial in trials]
    if any(isinstance(value, (str, bool)) for value in values):
        values = [str(value) for value in values]
        axes.xaxis.update_units(sorted(set(values)))  # type: ignore[no-untyped-call]
        axes.tick_params(axis="x", rotation=30 if len("".join(set(values))) > 14 else 0)
    elif name == "lr":
        axes.set(xscale="log", xticks=np.geomspace(min(values), max(values), 3))
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter("{x:.2g}")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=all(isinstance(value, int) for value in values)))
    axes.scatter(values, [trial.score for trial in trials], s=12, alpha=0.6, edgecolors="none")  # type: ignore[arg-type]
    if best in trials:
        axes.plot(values[trials.index(best)], best.score, "*", markersize=11, color=style.VERMILLION)  # type: ignore[arg-type]
    axes.margins(0.1)
    axes.set_xlabel(style.literal(name))
