"""Pictures of prediction errors, and of observed against target coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

from forcepos.data.recordings import Float32, Float64
from forcepos.models.tasks import Regression, Task
from forcepos.results.figures import style

_POINTS_SHOWN = 5000
_CLASSES_WITH_VALUES = 20  # more are shown by colour only
_MARKED = "model"
_PERCENT = (50, 95)  # percentiles, as the scores give them
_SAME = 1e-9  # levels this near are one


def true_against_predicted(task: Task, true: Float32, predicted: Float32) -> Figure:
    """Plot positions with one panel per axis, and classes as a confusion matrix."""
    if isinstance(task, Regression):
        return _scatter(task.outputs, true, predicted)
    classes = len(task.outputs)
    few = classes <= _CLASSES_WITH_VALUES
    figure = style.new_figure(min(max(5.4, 0.3 * classes), 16), width=min(max(7.2, 0.4 * classes), 21))
    axes = figure.add_subplot()
    shown = ConfusionMatrixDisplay.from_predictions(
        true.argmax(axis=1), predicted.argmax(axis=1), labels=list(range(classes)),
        display_labels=list(map(style.literal, task.outputs)), normalize="true", values_format=".2f",
        include_values=few,
        cmap="cividis", xticks_rotation=45 if few else 90, ax=axes, im_kw={"vmin": 0, "vmax": 1},
    )  # fmt: skip
    shown.im_.colorbar.set_label(f"share of the true {task.kind}'s samples")
    axes.set(xlabel=f"predicted {task.kind}", ylabel=f"true {task.kind}")
    axes.set(title=f"{task.kinds.capitalize()}, test subset")
    return figure


def _scatter(outputs: Sequence[str], true: Float32, predicted: Float32) -> Figure:
    panel = min(3.2, 7.2 / len(outputs))
    figure = style.new_figure(panel + 0.3, width=panel * len(outputs))
    shown = np.linspace(0, len(true) - 1, min(len(true), _POINTS_SHOWN)).astype(int)
    for column, name in enumerate(outputs):
        axes = style.plain(figure.add_subplot(1, len(outputs), column + 1))
        ends = [true[:, column].min(), true[:, column].max()]
        axes.scatter(
            true[shown, column], predicted[shown, column], s=6, alpha=0.3, edgecolors="none", rasterized=True
        )
        axes.plot(ends, ends, color=style.BLACK, linewidth=1)
        axes.locator_params(axis="x", nbins=4)
        axes.set(xlabel=f"true {name} (mm)", ylabel=f"predicted {name} (mm)", title=f"{name}, test subset")
    return figure


def error_distribution(errors: Mapping[str, Float64], unit: str, label: str) -> Figure:
    """Plot the share of samples up to each error, a curve per name, with median and 95th percentile of "model".

    Args:
        errors: (n,) nonnegative errors by name.
        label: of the x axis.
    """
    figure, axes = style.single(height=4.2)
    for name, values in errors.items():
        percentiles = np.percentile(values, _PERCENT)
        median, high = (f"{value:.3g} {unit}".strip() for value in percentiles)
        summary = f"{name.replace('_', ' ')}: median {median}, 95 % within {high}"
        curve = axes.ecdf(values, label=summary, linewidth=2.2 if name == _MARKED else 1.2)
        if name == _MARKED:
            shares, colour = np.array(_PERCENT) / 100, curve.get_color()
            axes.vlines(percentiles, 0, shares, color=colour, linestyle=":", linewidth=1.2)
            axes.plot(percentiles, shares, "o", color=colour, markersize=6)
    axes.set(xlabel=style.with_unit(label, unit), ylabel="share of samples (%)", title="Errors, test subset")
    axes.set(xlim=(0, None), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(style.percent_ticks())
    figure.legend(loc="outside lower left", fontsize="small", frameon=False)
    return figure


def coverage_curve(target: Float64, observed: Float64, chosen: float) -> Figure:
    """Plot observed against target coverage; mark the chosen level, or draw a line where the curve ends before it.

    Args:
        target: (levels,) ascending from 0 to 1; those that could be calibrated for, possibly none.
        observed: (levels,) share of the test subset's samples.
        chosen: the level that the run's results are given at.
    """
    figure, axes = style.single(height=5.4, width=4.4)
    axes.plot([0, 1], [0, 1], color=style.GREY, linestyle="--", label="observed = target")
    axes.plot(target, observed, marker=".", label="observed on the test subset")
    label = f"chosen: target {100 * chosen:.3g} %"
    if len(target) and target[0] - _SAME <= chosen <= target[-1] + _SAME:
        place = np.interp(chosen, target, observed)
        label += f", observed {100 * place:.3g} %"
        axes.plot(chosen, place, "o", color=style.VERMILLION, markersize=8, zorder=3, label=label)
    else:
        axes.axvline(chosen, color=style.VERMILLION, linestyle=":", label=f"{label}, beyond the calibrated levels")
    axes.set(xlabel="target coverage (%)", ylabel="observed coverage (%)", title="Coverage", aspect="equal")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.percent_ticks())
    figure.legend(loc="outside lower left", fontsize="small", frameon=False)
    return figure
