"""Pictures of predictions, made from a run's predictions.parquet: both splits, the run's own first."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from forcepos.data.recordings import Float64
from forcepos.data.sectors import Sectors
from forcepos.results.figures import style
from forcepos.results.predictions import axes_of, classes_of, distances_mm, each_split, errors_mm
from forcepos.results.scores import with_interval

_POINTS_SHOWN = 5000
_CLASSES_WITH_VALUES = 12  # more are shown by colour only
_PERCENT = (50, 95)  # percentiles, as the scores give them
_SAME = 1e-9  # levels this near are one
_NAMES_AT, _EDGE_AT = 1.26, 1.5  # on a plate, of the farthest point
_BINS, _IN_A_BIN = 20, 20  # bins of a curve at most, samples of a bin at least


def true_against_predicted(table: pd.DataFrame, kind: str) -> Figure:
    """Plot positions with a panel per axis and split, or classes, each one a `kind`, as confusion matrices."""
    return _scatter(table) if axes_of(table) else _confusion(table, kind)


def _scatter(table: pd.DataFrame) -> Figure:
    splits, names = each_split(table), axes_of(table)
    rows, columns = (len(names), len(splits)) if len(splits) > 1 else (1, len(names))
    figure, panels = style.panels(rows, columns, 2.5 * rows)
    for axes, (name, (split, each)) in zip(panels, product(names, splits.items()), strict=True):
        true, predicted = each[f"true_{name}_mm"].to_numpy(), each[f"predicted_{name}_mm"].to_numpy()
        shown = np.linspace(0, len(each) - 1, min(len(each), _POINTS_SHOWN)).astype(int)
        axes.scatter(true[shown], predicted[shown], s=6, alpha=0.3, edgecolors="none", rasterized=True)
        axes.plot([true.min(), true.max()], [true.min(), true.max()], color=style.BLACK, linewidth=1)
        axes.locator_params(axis="x", nbins=5)
        axes.set(xlabel=f"true {name} (mm)", ylabel=f"predicted {name} (mm)", title=_title(split))
    return figure


def _confusion(table: pd.DataFrame, kind: str) -> Figure:
    splits, names = each_split(table), classes_of(table)
    few, side = len(names) <= _CLASSES_WITH_VALUES, min(max(2.4, 0.26 * len(names)), 16)
    figure, panels = style.panels(
        1, len(splits), side + 1, max(style.PAGE_IN, len(splits) * (side + 0.6)), sharey=True
    )
    shown = list(map(style.literal, names))
    for axes, (split, each) in zip(panels, splits.items(), strict=True):
        shares = 100 * confusion_matrix(each["true"], each["predicted"], labels=names, normalize="true")
        matrix = ConfusionMatrixDisplay(shares, display_labels=shown)
        matrix.plot(
            include_values=few, values_format=".0f", cmap="cividis", xticks_rotation=45 if few else 90,
            ax=axes, colorbar=False, im_kw={"vmin": 0, "vmax": 100},
        )  # fmt: skip
        axes.grid(visible=False)
        axes.set(xlabel=f"predicted {kind}", ylabel=f"true {kind}", title=_title(split))
        axes.label_outer()
    figure.colorbar(matrix.im_, ax=panels, label=f"share of the true {kind} (%)", shrink=0.8)
    return figure


def error_distribution(table: pd.DataFrame, references: Mapping[str, Float64]) -> Figure:
    """Plot the share of samples up to each distance: a curve per split, and thin ones of the references.

    Args:
        references: (n,) distances in mm by title, on the own split's test subset.
    """
    figure, axes = style.single(height=4.4)
    model = {f"model, {_title(split)}": distances_mm(each) for split, each in each_split(table).items()}
    for name, values in (model | dict(references)).items():
        percentiles = np.percentile(values, _PERCENT)
        median, high = (with_interval(value, unit="mm") for value in percentiles)
        label = f"{name}: median {median}, 95 % below {high}"
        curve = axes.ecdf(values, label=label, linewidth=2.2 if name in model else 1)
        if name in model:
            shares, colour = np.array(_PERCENT) / 100, curve.get_color()
            axes.vlines(percentiles, 0, shares, color=colour, linestyle=":", linewidth=1.2)
            axes.plot(percentiles, shares, "o", color=colour, markersize=5)
    axes.set(xlabel="distance from the true position (mm)", ylabel="share of samples (%)")
    axes.set(xlim=(0, None), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(style.percent_ticks())
    figure.legend(loc="outside lower left")
    return figure


def error_by_axis(table: pd.DataFrame) -> Figure:
    """Plot how the errors of each axis are distributed, a panel per split; the legend has bias and spread."""
    splits = each_split(table)
    figure, panels = style.panels(1, len(splits), 3, sharex=True)
    reach = float(np.percentile(np.abs(errors_mm(table)), 99)) or 1.0
    for axes, (split, each) in zip(panels, splits.items(), strict=True):
        for name, error in errors_mm(each).items():
            mean, deviation = (with_interval(value, unit="mm") for value in (error.mean(), error.std(ddof=0)))
            axes.hist(
                error.clip(-reach, reach), np.linspace(-reach, reach, 41).tolist(), histtype="step", linewidth=1.5,
                weights=np.full(len(error), 1 / len(error)), label=f"{name}: mean {mean}, deviation {deviation}",
            )  # fmt: skip
        axes.axvline(0, color=style.BLACK, linewidth=0.8)
        axes.set(xlabel="predicted - true (mm)", ylabel="share of samples (%)", title=_title(split))
        axes.yaxis.set_major_formatter(style.percent_ticks())
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return figure


def error_against(table: pd.DataFrame, column: str, label: str) -> Figure:
    """Plot errors over a column, in bins of equally many samples: their quartiles, or the share of wrong classes.

    Args:
        label: of the column, with its unit.
    """
    splits = each_split(table)
    figure, panels = style.panels(1, len(splits), 2.9, sharex=True, sharey=True)
    for axes, (split, each) in zip(panels, splits.items(), strict=True):
        rank = each[column].rank(method="min") - 1  # equal values are in the same bin
        bins = rank * max(1, min(_BINS, len(each) // _IN_A_BIN)) // len(each)
        place = each[column].groupby(bins).median()
        if axes_of(each):
            _plot_quartiles(axes, place, each, bins)
        else:
            wrong = (each["true"] != each["predicted"]).groupby(bins).mean()
            axes.plot(place, wrong, ".-")
            axes.set(ylabel="wrong answers (%)")
            axes.yaxis.set_major_formatter(style.percent_ticks())
        axes.set(xlabel=label, title=_title(split), ylim=(0, None))
        axes.label_outer()
    if panels[0].get_legend_handles_labels()[0]:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _plot_quartiles(axes: Axes, place: pd.Series, each: pd.DataFrame, bins: pd.Series) -> None:
    of_axes = errors_mm(each).abs()
    distance = pd.Series(distances_mm(each), each.index).groupby(bins)
    axes.fill_between(
        place, distance.quantile(0.25), distance.quantile(0.75), alpha=0.2, linewidth=0, label="middle half"
    )
    axes.plot(place, distance.median(), ".-", label="distance, median")
    for name in of_axes if len(of_axes.columns) > 1 else ():
        axes.plot(place, of_axes[name].groupby(bins).median(), "--", linewidth=1, label=f"along {name}, median")
    axes.set(ylabel="error (mm)")


def coverage_curve(curves: Mapping[str, tuple[Float64, Float64]], chosen: float) -> Figure:
    """Plot observed against target coverage, a panel per split; mark the chosen level, or where it would be.

    Args:
        curves: by split: target (levels,) ascending from 0 to 1, those that could be calibrated for, possibly
            none; observed (levels,) share of the test subset's samples.
        chosen: the level that the run's results are given at.
    """
    figure, panels = style.panels(1, len(curves), 3.9)
    for axes, (split, (target, observed)) in zip(panels, curves.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=style.GREY, linestyle="--", label="observed = target")
        axes.plot(target, observed, marker=".", label="observed on the test subset")
        label = f"target {100 * chosen:.3g} %"
        if len(target) and target[0] - _SAME <= chosen <= target[-1] + _SAME:
            place = np.interp(chosen, target, observed)
            label += f", observed {100 * place:.3g} %"
            axes.plot(chosen, place, "o", color=style.VERMILLION, markersize=8, zorder=3, label=label)
        else:
            axes.axvline(chosen, color=style.VERMILLION, linestyle=":", label=f"{label}: not calibrated")
        axes.set(xlabel="target coverage (%)", ylabel="observed coverage (%)", title=_title(split))
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        axes.xaxis.set_major_formatter(style.percent_ticks())
        axes.yaxis.set_major_formatter(style.percent_ticks())
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return figure


def error_map(table: pd.DataFrame) -> Figure:
    """Plot an arrow per touched point, from its mean true to its mean predicted x, y, a panel per split."""
    splits = each_split(table.assign(distance=distances_mm(table)))
    columns = ["true_x_mm", "true_y_mm", "predicted_x_mm", "predicted_y_mm", "distance"]
    means = {split: each.groupby("point")[columns].mean().to_numpy(float) for split, each in splits.items()}
    ends = np.vstack([each[:, :4].reshape(-1, 2) for each in means.values()])
    low, high = ends.min(axis=0), ends.max(axis=0)
    half = 0.56 * max(float((high - low).max()), 1.0)
    figure, panels = _plates(list(splits), (low + high) / 2, half)
    longest = max(each[:, 4].max() for each in means.values())
    for axes, each in zip(panels, means.values(), strict=True):
        arrows = axes.quiver(
            *each[:, :2].T, *(each[:, 2:4] - each[:, :2]).T, each[:, 4], clim=(0, longest),
            angles="xy", scale_units="xy", scale=1, width=0.006, cmap=style.BAD_IS_BRIGHT, zorder=3,
        )  # fmt: skip
        axes.scatter(each[:, 0], each[:, 1], s=5, color=style.GREY)
    figure.colorbar(arrows, ax=panels, label="mean error (mm)", shrink=0.85)
    return figure


def sector_map(table: pd.DataFrame, sectors: Sectors) -> Figure:
    """Plot touched points, coloured by the share of their samples with the correct sector, between the borders."""
    splits = each_split(table.assign(correct=table["true"] == table["predicted"]))
    reach = max(float(table[["x_mm", "y_mm"]].abs().to_numpy().max()), 1.0)
    figure, panels = _plates(list(splits), np.zeros(2), _EDGE_AT * reach)
    for axes, each in zip(panels, splits.values(), strict=True):
        x, y, accuracy = each.groupby("point")[["x_mm", "y_mm", "correct"]].mean().to_numpy(float).T
        colours = {"vmin": 0, "vmax": 1, "cmap": style.BAD_IS_BRIGHT.reversed()}
        dots = axes.scatter(x, y, c=accuracy, s=20, zorder=3, **colours)
        for start, end, name in zip(sectors.starts, sectors.ends, sectors.names, strict=True):
            axes.plot(*np.outer(_to_square(start), (0, _EDGE_AT * reach)), color=style.GREY, linewidth=1)
            middle = start / np.linalg.norm(start) + end / np.linalg.norm(end)  # sectors are less than half a turn
            axes.text(*_to_square(middle) * _NAMES_AT * reach, name, ha="center", va="center")
    label = "samples with correct sector (%)"
    figure.colorbar(dots, ax=panels, label=label, shrink=0.85, format=style.percent_ticks())
    return figure


def _plates(splits: list[str], centre: Float64, half: float) -> tuple[Figure, list[Axes]]:
    figure, panels = style.panels(1, len(splits), 3.2 if len(splits) > 1 else 4.4, sharey=True)
    xlim, ylim = np.column_stack([centre - half, centre + half])
    for axes, split in zip(panels, splits, strict=True):
        axes.set(xlabel="x (mm)", ylabel="y (mm)", aspect="equal", xlim=xlim, ylim=ylim, title=_title(split))
        axes.label_outer()
    return figure, panels


def _title(split: str) -> str:
    return f"split={style.literal(split)}"


def _to_square(direction: Float64) -> Float64:
    """Scale a direction to end on the square of half width 1."""
    return np.asarray(direction / np.abs(direction).max(), np.float64)
