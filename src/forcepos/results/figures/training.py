"""Pictures of the search and of the final training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from forcepos.data.recordings import Float64
from forcepos.results.figures import style
from forcepos.tuning.trials import TrialResult

_COLUMNS = 4
_FEW = 3  # values that each get their own tick
_LOGARITHMIC = ("lr",)


def learning_curves(history: Sequence[dict[str, float]], metric: str, unit: str) -> Figure:
    """Plot `metric` on the training and the validation subset after each epoch."""
    figure, axes = style.single()
    epochs = range(1, len(history) + 1)
    for name, label, colour in (
        (metric, "training", style.BLUE),
        (f"val_{metric}", "validation", style.VERMILLION),
    ):
        axes.plot(epochs, [logs[name] for logs in history], label=label, color=colour, marker=".")
    axes.set(ylabel=style.with_unit(metric, unit), title="Final training")
    _count_epochs(axes, len(history))
    axes.legend()
    return figure


def trial_curves(trials: Sequence[TrialResult], objective: str, direction: str, unit: str) -> Figure:
    """Plot `objective` after each epoch of every trial that did not fail, the best one highlighted.

    Args:
        objective: a key of the logs; its values are averaged over a trial's executions.
        direction: "min" or "max".
    """
    scored = _scored(trials)
    if not scored:
        return style.message("No trial has a score.")
    best = _best(scored, direction)
    figure, axes = style.single()
    curves = {trial.number: _mean_curve(trial, objective) for trial in scored}
    others = [number for number in curves if number != best.number]
    for number in others:
        label = f"other trials ({len(others)})" if number == others[0] else None
        _plot_curve(axes, curves[number], label=label, color=style.GREY, linewidth=0.8, markersize=4)
    _plot_curve(axes, curves[best.number], label=f"trial {best.number} (best)", color=style.BLUE, linewidth=2)
    if direction == "min":
        style.log_if_wide(axes, np.concatenate(list(curves.values())))
    axes.set(ylabel=style.with_unit(objective, unit), title=f"Trials{_failures(trials)}")
    _count_epochs(axes, max(map(len, curves.values())))
    axes.legend()
    return figure


def hyperparameter_effects(trials: Sequence[TrialResult], objective: str, direction: str, unit: str) -> Figure:
    """Plot the score of every trial that did not fail, a panel for each hyperparameter with several values."""
    scored = _scored(trials)
    names = _varying(scored)
    if not names:
        return style.message("No hyperparameter took more than one value in the trials that have a score.")
    best = _best(scored, direction)
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = style.new_figure(0.7 + 1.35 * rows, width=min(style.PAGE_IN, 2.2 + 1.4 * columns))
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for name, axes in zip(names, panels, strict=False):
        _plot_effect(style.plain(axes), name, [trial for trial in scored if name in trial.hyperparameters], best)
    for axes in panels[len(names) :]:
        axes.remove()
    if direction == "min":
        style.log_if_wide(panels[0], [trial.score for trial in scored if trial.score is not None])
    figure.supylabel(style.with_unit(objective, unit), fontsize="medium")
    figure.suptitle(f"Trials; the star is trial {best.number}, the best{_failures(trials)}", fontsize="medium")
    return figure


def _count_epochs(axes: Axes, epochs: int) -> None:
    """Make the x axis run from the first to the last epoch, even if they are the same."""
    margin = max(0.04 * epochs, 0.1)
    axes.set(xlabel="epoch", xlim=(1 - margin, epochs + margin))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _scored(trials: Sequence[TrialResult]) -> list[TrialResult]:
    return [trial for trial in trials if trial.score is not None]


def _best(scored: Sequence[TrialResult], direction: str) -> TrialResult:
    pick = min if direction == "min" else max
    return pick(scored, key=lambda trial: trial.score)  # type: ignore[arg-type,return-value]  # none is None


def _failures(trials: Sequence[TrialResult]) -> str:
    failed = len(trials) - len(_scored(trials))
    return f"; {failed} failed, not shown" if failed else ""


def _mean_curve(trial: TrialResult, objective: str) -> Float64:
    """Return the (epochs,) mean over the executions, up to the last epoch that all of them reached."""
    epochs = min(len(execution) for execution in trial.history)
    values = [[logs[objective] for logs in execution[:epochs]] for execution in trial.history]
    return np.asarray(np.mean(np.array(values, np.float64), axis=0))


def _plot_curve(axes: Axes, curve: Float64, **look: Any) -> None:
    axes.plot(range(1, len(curve) + 1), curve, marker=".", **look)


def _varying(trials: Sequence[TrialResult]) -> list[str]:
    """List hyperparameters with more than one value, those that most trials have first.

    Hyperband's own entries (tuner/epochs, …) do not count.
    """
    values = pd.DataFrame([trial.hyperparameters for trial in trials], dtype=object)
    names, distinct = values.count().sort_values(ascending=False, kind="stable").index, values.nunique()
    return [name for name in names if distinct[name] > 1 and not name.startswith("tuner/")]


def _plot_effect(axes: Axes, name: str, trials: Sequence[TrialResult], best: TrialResult) -> None:
    values = [trial.hyperparameters[name] for trial in trials]
    places = _place_on_axis(axes, name, values)
    scores = [trial.score for trial in trials]
    axes.scatter(places, scores, s=12, color=style.BLUE, alpha=0.6, edgecolors="none")  # type: ignore[arg-type]
    for place, trial in zip(places, trials, strict=True):
        if trial.number == best.number:
            axes.plot(place, trial.score, marker="*", markersize=11, color=style.VERMILLION)  # type: ignore[arg-type]
    axes.margins(0.1)
    axes.set_xlabel(name, fontsize="small")
    axes.tick_params(labelsize="x-small")


def _place_on_axis(axes: Axes, name: str, values: Sequence[Any]) -> list[float]:
    """Prepare the x axis for the values and return their places on it."""
    if any(isinstance(value, (str, bool)) for value in values):
        categories = sorted({str(value) for value in values})
        rotated: dict[str, Any] = {"rotation": 30, "ha": "right"} if sum(map(len, categories)) > 14 else {}
        axes.set_xticks(range(len(categories)), categories, **rotated)
        axes.set_xlim(-0.6, len(categories) - 0.4)
        return [float(categories.index(str(value))) for value in values]
    if name in _LOGARITHMIC:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_log_ticks(min(values), max(values))))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:.2g}")
    elif len(set(values)) <= _FEW:
        axes.set_xticks(sorted(set(values)))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=all(isinstance(value, int) for value in values)))
    return [float(value) for value in values]


def _log_ticks(low: float, high: float) -> list[float]:
    """Return the coarsest round numbers between `low` and `high` that are at least two, or both ends."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5)):
        ticks = [float(digit * decade) for decade in decades for digit in digits if low <= digit * decade <= high]
        if len(ticks) > 1:
            return ticks
    return [low, high]
