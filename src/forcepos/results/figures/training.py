"""Pictures of the search and of the final training."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from forcepos.results.figures import style
from forcepos.results.scores import in_words
from forcepos.tuning.trials import TrialResult

_COLUMNS = 3
_FEW = 3  # values that each get their own tick


def learning_curves(history: Sequence[dict[str, float]], objective: str, kept: int) -> Figure:
    """Plot the objective on both subsets after each epoch; mark `kept`, from 1, whose weights the model has."""
    figure, axes = style.single()
    metric = objective.removeprefix("val_")
    for name, label in ((metric, "training"), (objective, "validation")):
        axes.plot(range(1, len(history) + 1), [logs[name] for logs in history], marker=".", label=label)
    label = f"epoch {kept}, whose weights are kept"
    axes.plot(kept, history[kept - 1][objective], "*", color=style.BLACK, ms=10, zorder=3, label=label)
    axes.set(ylabel=in_words(metric), title="Final training")
    _count_epochs(axes, len(history))
    return figure


def trial_curves(trials: Sequence[TrialResult], objective: str, direction: str) -> Figure:
    """Plot the objective, a key of the logs, by epoch of every trial that did not fail (one at least).

    It is the mean over a trial's executions. The best trial, by direction "min" or "max", is highlighted.
    """
    scored, best, failures = _scored(trials, direction)
    figure, axes = style.single()
    others = [trial for trial in scored if trial is not best]
    curves = [  # means over the executions, up to the last epoch that all of them reached
        [float(np.mean([logs[objective] for logs in epoch])) for epoch in zip(*trial.history, strict=False)]
        for trial in (*others, best)
    ]
    for curve in curves[:-1]:
        label = "_" if axes.lines else f"other trials ({len(others)})"
        axes.plot(range(1, len(curve) + 1), curve, ".-", label=label, color=style.GREY, lw=0.8, ms=4)
    label = f"trial {best.number} (best)"
    axes.plot(range(1, len(curves[-1]) + 1), curves[-1], ".-", label=label, color=style.BLUE, linewidth=2)
    if direction == "min":
        style.log_if_wide(axes, [value for curve in curves for value in curve])
    axes.set(ylabel=in_words(objective), title=f"Trials{failures}")
    _count_epochs(axes, max(map(len, curves)))
    return figure


def hyperparameter_effects(trials: Sequence[TrialResult], objective: str, direction: str) -> Figure:
    """Plot the score of every trial that did not fail, a panel for each hyperparameter with several values."""
    scored, best, failures = _scored(trials, direction)
    values = pd.DataFrame([trial.hyperparameters for trial in scored], dtype=object)
    common, distinct = values.count().sort_values(ascending=False, kind="stable").index, values.nunique()
    names = [name for name in common if distinct[name] > 1 and not name.startswith("tuner/")]  # Hyperband's own
    if not names:
        return style.message("No hyperparameter took more than one value in the trials that have a score.")
    columns, rows = min(_COLUMNS, len(names)), -(-len(names) // _COLUMNS)
    figure, panels = style.panels(rows, columns, 0.7 + 1.35 * rows, sharey=True)
    figure.set_layout_engine("constrained", h_pad=0.1)  # a name belongs to the panel above it
    for name, axes in zip(names, panels, strict=False):
        _plot_effect(axes, name, [trial for trial in scored if name in trial.hyperparameters], best)
    for axes in panels[len(names) :]:
        axes.remove()
    if direction == "min":
        style.log_if_wide(panels[0], [trial.score for trial in scored if trial.score is not None])
    figure.supylabel(in_words(objective))
    figure.suptitle(f"Trials; the star is trial {best.number}, the best{failures}")
    return figure


def _scored(trials: Sequence[TrialResult], direction: str) -> tuple[list[TrialResult], TrialResult, str]:
    scored = [trial for trial in trials if trial.score is not None]
    pick = min if direction == "min" else max
    best = pick(scored, key=lambda trial: trial.score)  # type: ignore[arg-type,return-value]  # none is None
    failed = len(trials) - len(scored)
    return scored, best, f"; {failed} failed, not shown" if failed else ""


def _count_epochs(axes: Axes, epochs: int) -> None:
    """Make the x axis run from the first to the last epoch, even if they are the same; add the legend."""
    margin = max(0.04 * epochs, 0.1)
    axes.set(xlabel="epoch", xlim=(1 - margin, epochs + margin))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend()


def _plot_effect(axes: Axes, name: str, trials: Sequence[TrialResult], best: TrialResult) -> None:
    values = [trial.hyperparameters[name] for trial in trials]
    if any(isinstance(value, (str, bool)) for value in values):
        values = [str(value) for value in values]
        axes.xaxis.update_units(sorted(set(values)))  # type: ignore[no-untyped-call]
        axes.tick_params(axis="x", rotation=30 if len("".join(set(values))) > 14 else 0)
    elif name == "lr":
        axes.set_xscale("log")
        axes.set_xticks(np.geomspace(min(values), max(values), 3))
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter("{x:.2g}")
    elif len(set(values)) <= _FEW:
        axes.set_xticks(sorted(set(values)))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=all(isinstance(value, int) for value in values)))
    axes.scatter(values, [trial.score for trial in trials], s=12, alpha=0.6, edgecolors="none")  # type: ignore[arg-type]
    if best in trials:
        axes.plot(values[trials.index(best)], best.score, "*", markersize=11, color=style.VERMILLION)  # type: ignore[arg-type]
    axes.margins(0.1)
    axes.set_xlabel(style.literal(name))
