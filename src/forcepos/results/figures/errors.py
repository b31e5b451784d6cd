"""Pictures of prediction errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

from forcepos.data.recordings import Float32, Float64
from forcepos.models.tasks import Regression, Task
from forcepos.results.figures import style

_POINTS_SHOWN = 5000
_STEPS_SHOWN = 1000
_CLASSES_WITH_VALUES = 20  # more are shown by colour only
_MARKED = "model"
_PERCENT = (50, 95)  # percentiles, as the scores give them


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


def error_distribution(errors: Mapping[str, Float64], unit: str, label: str) -> Figure:
    """Plot the share of samples up to each error, a curve per name, with median and 95th percentile of "model".

    Args:
        errors: (n,) nonnegative errors by name.
        label: of the x axis.
    """
    figure, axes = style.single(height=4.2)
    for place, (name, values) in enumerate(errors.items()):
        look = {"color": style.colour(place), "linewidth": 2.2 if name == _MARKED else 1.2}
        _plot_shares(axes, values, label=_summary(name, values, unit), **look)
        if name == _MARKED:
            _mark(axes, values, style.colour(place))
    axes.set(xlabel=style.with_unit(label, unit), ylabel="share of samples (%)", title="Errors, test subset")
    axes.set(xlim=(0, None), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(style.percent_ticks())
    figure.legend(loc="outside lower left", fontsize="small", frameon=False)
    return figure


def _scatter(outputs: Sequence[str], true: Float32, predicted: Float32) -> Figure:
    panel = min(3.2, 7.2 / len(outputs))
    figure = style.new_figure(panel + 0.3, width=panel * len(outputs))
    shown = np.linspace(0, len(true) - 1, min(len(true), _POINTS_SHOWN)).astype(int)
    for column, name in enumerate(outputs):
        axes = style.plain(figure.add_subplot(1, len(outputs), column + 1))
        ends = [true[:, column].min(), true[:, column].max()]
        axes.scatter(
            true[shown, column], predicted[shown, column],
            s=6, alpha=0.3, color=style.BLUE, edgecolors="none", rasterized=True,
        )  # fmt: skip
        axes.plot(ends, ends, color=style.BLACK, linewidth=1)
        axes.locator_params(axis="x", nbins=4)
        axes.set(xlabel=f"true {name} (mm)", ylabel=f"predicted {name} (mm)", title=f"{name}, test subset")
    return figure


def _plot_shares(axes: Axes, values: Float64, **look: Any) -> None:
    ranks = np.linspace(1, len(values), min(len(values), _STEPS_SHOWN)).astype(int)
    errors = np.sort(values)[ranks - 1]
    axes.plot(np.append(errors[0], errors), np.append(0, ranks / len(values)), drawstyle="steps-post", **look)


def _summary(name: str, values: Float64, unit: str) -> str:
    median, high = (f"{value:.3g} {unit}".strip() for value in np.percentile(values, _PERCENT))
    return f"{name.replace('_', ' ')}: median {median}, 95 % within {high}"


def _mark(axes: Axes, values: Float64, colour: str) -> None:
    errors, shares = np.percentile(values, _PERCENT), [percent / 100 for percent in _PERCENT]
    axes.vlines(errors, 0, shares, color=colour, linestyle=":", linewidth=1.2)
    axes.plot(errors, shares, "o", color=colour, markersize=6)
