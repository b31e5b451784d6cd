"""Pictures of predictions, made from a run's predictions.parquet: a panel for each split, the run's own first."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from forcepos.data.recordings import Float64
from forcepos.data.sectors import Sectors
from forcepos.models.problem import Classification, Task
from forcepos.results.comparison import axes_of, errors_mm
from forcepos.results.figures import style
from forcepos.results.scores import with_interval

_Panels = tuple[Figure, list[tuple[Axes, pd.DataFrame]]]
_PERCENT = (50, 95)  # percentiles, as the scores give them
_EDGE_AT, _NAMES_AT = 2.2, 0.77  # of a plate, of the farthest point; of names, of the edge
_BINS, _IN_A_BIN = 20, 20  # bins of a curve at most, samples of a bin at least
_PLATE_IN, _PLATE = 3.2, ("x (mm)", "y (mm)")


def answers(table: pd.DataFrame, task: Task, references: Mapping[str, Float64]) -> Iterator[tuple[str, Figure]]:
    """Draw what a model answers, and yield each picture with its name; `references` as in `error_distribution`."""
    if isinstance(task, Classification):
        yield "true_against_predicted", confusion(table, list(task.outputs), task.kind)
        return
    yield "error_distribution", error_distribution(table, references)
    yield "true_against_predicted", true_against_predicted(table)
    if set(task.outputs) >= {"x", "y"}:
        yield "error_map", error_map(table)


def true_against_predicted(table: pd.DataFrame) -> Figure:
    """Plot positions, a row of panels for each axis; one row for all if there is a single split."""
    splits, names = _each_split(table), axes_of(table)
    rows, columns = (len(names), len(splits)) if len(splits) > 1 else (1, len(names))
    figure, panels = style.panels(rows, columns, 2.5 * rows)
    for axes, (name, (split, each)) in zip(panels, product(names, splits.items()), strict=True):
        shown = each.iloc[:: -(-len(each) // 5000)]
        true, predicted = shown[f"true_{name}_mm"], shown[f"predicted_{name}_mm"]
        axes.scatter(true, predicted, s=6, alpha=0.3, edgecolors="none", rasterized=True)
        axes.plot([true.min(), true.max()], [true.min(), true.max()], color=style.BLACK, linewidth=1)
        axes.set(xlabel=f"true {name} (mm)", ylabel=f"predicted {name} (mm)", title=split)
    return figure


def confusion(table: pd.DataFrame, names: list[str], kind: str) -> Figure:
    """Plot the shares of each true class that are predicted as each class; a class is called a `kind`."""
    few, side = len(names) <= 12, min(max(2.4, 0.26 * len(names)), 16)
    width = max(style.PAGE_IN, (side + 0.6) * len(_each_split(table)))
    figure, panels = _panels(table, side + 1, ("", ""), width=width, sharey=True)
    for axes, each in panels:
        shares = 100 * confusion_matrix(each["true"], each["predicted"], labels=names, normalize="true")
        matrix = ConfusionMatrixDisplay(shares, display_labels=list(map(style.literal, names)))
        matrix.plot(
            include_values=few, values_format=".0f", cmap="cividis", xticks_rotation=45 if few else 90,
            ax=axes, colorbar=False, im_kw={"vmin": 0, "vmax": 100},
        )  # fmt: skip
        axes.grid(visible=False)
        axes.set(xlabel=f"predicted {kind}", ylabel=f"true {kind}")
        axes.label_outer()
    figure.colorbar(matrix.im_, ax=figure.axes, label=f"share of the true {kind} (%)", shrink=0.8)
    return figure


def error_distribution(table: pd.DataFrame, references: Mapping[str, Float64]) -> Figure:
    """Plot the share of samples up to each distance: a curve per split, thin ones of references' (n,) in mm."""
    figure, axes = style.single(height=4.4)
    model = {f"model, {split}": _distances_mm(each) for split, each in _each_split(table).items()}
    for name, values in (model | dict(references)).items():
        places = np.percentile(values, _PERCENT)
        median, high = (with_interval(value, unit="mm") for value in places)
        label, width = f"{name}: median {median}, 95 % below {high}", 2.2 if name in model else 1
        curve = axes.ecdf(values, label=label, linewidth=width)
        if name in model:
            axes.plot(places, np.array(_PERCENT) / 100, "o", color=curve.get_color(), markersize=6)
    axes.set(xlabel="distance from the true position (mm)", ylabel="share of samples (%)", xlim=(0, None))
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    figure.legend(loc="outside lower left")
    return figure


def error_against(table: pd.DataFrame, column: str, label: str) -> Figure:
    """Plot quartiles of errors, or shares of wrong classes, over a column, in bins of equally many samples."""
    labels = label, "error (mm)" if axes_of(table) else "wrong answers (%)"
    figure, panels = _panels(table, 2.9, labels, sharex=True, sharey=True)
    for axes, each in panels:
        rank = each[column].rank(method="min") - 1  # equal values are in the same bin
        bins = rank * max(1, min(_BINS, len(each) // _IN_A_BIN)) // len(each)
        place = each[column].groupby(bins).median()
        if not axes_of(each):
            wrong = 100 * (each["true"] != each["predicted"]).groupby(bins).mean()
            axes.plot(place, wrong, ".-", label="of the answers in a bin")
            continue
        bands = errors_mm(each).abs().assign(distance=_distances_mm(each)).groupby(bins)
        low, middle, high = (bands.quantile(share) for share in (0.25, 0.5, 0.75))
        axes.fill_between(place, low["distance"], high["distance"], alpha=0.2, lw=0, label="middle half")
        axes.plot(place, middle.pop("distance"), ".-", label="distance, median")
        axes.plot(place, middle, "--", linewidth=1, label=[f"along {name}, median" for name in middle])
    axes.set_ylim(0, None)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def coverage_curve(curves: Mapping[str, tuple[Float64, Float64]], chosen: float) -> Figure:
    """Plot observed against target coverage (levels,) ascending, from 0 to 1, by split; mark the chosen level."""
    figure, panels = style.panels(1, len(curves), 3.9)
    for axes, (split, (target, observed)) in zip(panels, curves.items(), strict=True):
        axes.plot([0, 100], [0, 100], color=style.GREY, linestyle="--", label="observed = target")
        axes.plot(100 * target, 100 * observed, marker=".", label="observed on the test subset")
        label, colour = f"target {100 * chosen:.3g} %", style.VERMILLION
        if len(target) and target[0] - 1e-9 <= chosen <= target[-1] + 1e-9:
            place = 100 * np.interp(chosen, target, observed)
            label += f", observed {place:.3g} %"
            axes.plot(100 * chosen, place, "o", color=colour, ms=8, zorder=3, label=label)
        else:
            axes.axvline(100 * chosen, color=colour, ls=":", label=f"{label}, beyond the calibrated levels")
        axes.set(xlabel="target coverage (%)", ylabel="observed coverage (%)", xlim=(0, 102), ylim=(0, 102))
        axes.set(aspect="equal", title=f"split={style.literal(split)}")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return figure


def error_map(table: pd.DataFrame) -> Figure:
    """Plot an arrow per touched point, from its mean true to its mean predicted x, y."""
    columns = ["true_x_mm", "true_y_mm", "predicted_x_mm", "predicted_y_mm", "distance"]
    means = table.assign(distance=_distances_mm(table)).groupby(["split", "point"], sort=False)[columns].mean()
    figure, panels = _panels(means.reset_index(), _PLATE_IN, _PLATE, sharex=True, sharey=True)
    for axes, each in panels:
        x, y, to_x, to_y, distance = each[columns].to_numpy(float).T
        arrows = axes.quiver(
            x, y, to_x - x, to_y - y, distance, clim=(0, means["distance"].max()),
            angles="xy", scale_units="xy", scale=1, width=0.006, cmap=style.BAD_IS_BRIGHT, zorder=3,
        )  # fmt: skip
        axes.scatter(x, y, s=5, color=style.GREY)
        axes.scatter(to_x, to_y, s=0)  # arrows alone do not widen the axes
        axes.set_aspect("equal")
    figure.colorbar(arrows, ax=figure.axes, label="mean error (mm)", shrink=0.85)
    return figure


def sector_map(table: pd.DataFrame, sectors: Sectors) -> Figure:
    """Plot touched points, coloured by the share of their samples with the correct sector, between the borders."""
    edge = _EDGE_AT * max(float(table[["x_mm", "y_mm"]].abs().to_numpy().max()), 1.0)
    correct = 100 * (table["true"] == table["predicted"])
    figure, panels = _panels(table.assign(correct=correct), _PLATE_IN, _PLATE, sharey=True)
    colours = style.BAD_IS_BRIGHT.reversed()
    for axes, each in panels:
        x, y, accuracy = each.groupby("point")[["x_mm", "y_mm", "correct"]].mean().to_numpy(float).T
        dots = axes.scatter(x, y, c=accuracy, vmin=0, vmax=100, cmap=colours, s=20, zorder=3)
        for start, end, name in zip(sectors.starts, sectors.ends, sectors.names, strict=True):
            middle = start / np.linalg.norm(start) + end / np.linalg.norm(end)  # sectors are less than half a turn
            border, (x, y) = (edge * to / np.abs(to).max() for to in (start, middle))  # to the square's edge
            axes.plot(*np.outer(border, (0, 1)), color=style.GREY, linewidth=1)
            axes.text(x * _NAMES_AT, y * _NAMES_AT, name, ha="center", va="center")
        axes.set(aspect="equal", xlim=(-edge, edge), ylim=(-edge, edge))
    figure.colorbar(dots, ax=figure.axes, label="samples with correct sector (%)", shrink=0.85)
    return figure


def _each_split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {f"split={style.literal(name)}": rows for name, rows in table.groupby("split", sort=False)}


def _distances_mm(table: pd.DataFrame) -> Float64:
    return np.asarray(np.linalg.norm(errors_mm(table), axis=1), np.float64)


def _panels(table: pd.DataFrame, height: float, labels: tuple[str, str], **look: Any) -> _Panels:
    """Create a panel for each split, with its title and outer labels, and return it with the split's rows."""
    splits = _each_split(table)
    figure, panels = style.panels(1, len(splits), height, **look)
    for axes, split in zip(panels, splits, strict=True):
        axes.set(title=split, xlabel=labels[0], ylabel=labels[1])
        axes.label_outer()
    return figure, list(zip(panels, splits.values(), strict=True))
