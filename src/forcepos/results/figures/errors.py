"""Pictures of predictions: errors, errors by position on the plate, observed against target coverage."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import ConfusionMatrixDisplay

from forcepos.data.recordings import Float32, Float64, Int32
from forcepos.data.sectors import Sectors
from forcepos.models.problem import Regression, Task
from forcepos.results.figures import style

_POINTS_SHOWN = 5000
_CLASSES_WITH_VALUES = 20  # more are shown by colour only
_MARKED = "model"
_PERCENT = (50, 95)  # percentiles, as the scores give them
_SAME = 1e-9  # levels this near are one
_NAMES_AT, _EDGE_AT = 1.26, 1.5  # on a plate, of the farthest point


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


def error_map(true: Float32, predicted: Float32, point: Int32) -> Figure:
    """Plot an arrow per touched point, from its mean true to its mean predicted x, y.

    Args:
        true, predicted: (n, 2 or 3) mm, plate frame, x and y first.
        point: (n,) number of the touched point.
    """
    errors = np.linalg.norm(predicted.astype(np.float64) - true, axis=1)
    starts, ends, lengths = np.split(_means([true[:, :2], predicted[:, :2], errors], point), [2, 4], axis=1)
    low, high = np.vstack([starts, ends]).min(axis=0), np.vstack([starts, ends]).max(axis=0)
    half = 0.56 * max(float((high - low).max()), 1.0)
    figure, axes = _plate("From each point's mean true to its mean predicted position", (low + high) / 2, half)
    arrows = axes.quiver(
        *starts.T, *(ends - starts).T, lengths[:, 0],
        angles="xy", scale_units="xy", scale=1, width=0.005, cmap=style.BAD_IS_BRIGHT, zorder=3,
    )  # fmt: skip
    axes.scatter(starts[:, 0], starts[:, 1], s=7, color=style.GREY)
    figure.colorbar(arrows, label="mean error (mm)", shrink=0.85)
    return figure


def sector_map(positions: Float32, correct: NDArray[np.bool_], point: Int32, sectors: Sectors) -> Figure:
    """Plot touched points, coloured by the share of their samples with the correct sector, between the borders.

    Args:
        positions: (n, 3) mm, plate frame.
        correct: (n,) whether the predicted sector is correct.
        point: (n,) number of the touched point.
    """
    x, y, accuracy = _means([positions[:, :2], correct], point).T
    reach = max(float(np.abs([x, y]).max()), 1.0)
    figure, axes = _plate("Accuracy of each point, test subset", np.zeros(2), _EDGE_AT * reach)
    dots = axes.scatter(x, y, c=accuracy, vmin=0, vmax=1, cmap=style.BAD_IS_BRIGHT.reversed(), s=28, zorder=3)
    for start, end, name in zip(sectors.starts, sectors.ends, sectors.names, strict=True):
        axes.plot(*np.outer(_to_square(start), (0, _EDGE_AT * reach)), color=style.GREY, linewidth=1)
        middle = start / np.linalg.norm(start) + end / np.linalg.norm(end)  # sectors are less than half a turn
        x, y = _to_square(middle) * _NAMES_AT * reach
        axes.text(x, y, name, ha="center", va="center", fontsize=8)
    figure.colorbar(dots, label="samples with correct sector (%)", shrink=0.85, format=style.percent_ticks())
    return figure


def _plate(title: str, centre: Float64, half: float) -> tuple[Figure, Axes]:
    figure, axes = style.single(height=4.4, width=5.4)
    xlim, ylim = np.column_stack([centre - half, centre + half])
    axes.set(xlabel="x (mm)", ylabel="y (mm)", aspect="equal", xlim=xlim, ylim=ylim)
    figure.suptitle(title, fontsize="medium")
    return figure, axes


def _means(columns: list[ArrayLike], point: Int32) -> Float64:
    """Return the (points, columns) means over the samples of each point that occurs."""
    return pd.DataFrame(np.column_stack(columns).astype(np.float64)).groupby(point).mean().to_numpy()


def _to_square(direction: Float64) -> Float64:
    """Scale a direction to end on the square of half width 1."""
    return np.asarray(direction / np.abs(direction).max(), np.float64)
