"""Pictures of the plate from above: errors by position."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64, Int32
from forcepos.data.sectors import Sectors
from forcepos.results.figures import style

_NAMES_AT, _EDGE_AT = 1.26, 1.5  # of the farthest point


def error_map(true: Float32, predicted: Float32, point: Int32) -> Figure:
    """Plot an arrow per touched point, from its mean true to its mean predicted x, y.

    Args:
        true, predicted: (n, 2 or 3) mm, plate frame, x and y first.
        point: (n,) number of the touched point.
    """
    errors = np.linalg.norm(predicted.astype(np.float64) - true, axis=1)
    starts, ends = _mean_per_point(true[:, :2], point), _mean_per_point(predicted[:, :2], point)
    figure, axes = _plate()
    arrows = axes.quiver(
        *starts.T, *(ends - starts).T, _mean_per_point(errors[:, None], point)[:, 0],
        angles="xy", scale_units="xy", scale=1, width=0.005, cmap=style.BAD_IS_BRIGHT, zorder=3,
    )  # fmt: skip
    axes.scatter(starts[:, 0], starts[:, 1], s=7, color=style.GREY)
    _limit_to_square(axes, np.vstack([starts, ends]))
    figure.colorbar(arrows, label="mean error (mm)", shrink=0.85)
    figure.suptitle("From each point's mean true to its mean predicted position", fontsize="medium")
    return figure


def sector_map(positions: Float32, correct: NDArray[np.bool_], point: Int32, sectors: Sectors) -> Figure:
    """Plot touched points, coloured by the share of their samples with the correct sector, between the borders.

    Args:
        positions: (n, 3) mm, plate frame.
        correct: (n,) whether the predicted sector is correct.
        point: (n,) number of the touched point.
    """
    places = _mean_per_point(positions[:, :2], point)
    accuracy = _mean_per_point(correct[:, None], point)[:, 0]
    reach = max(float(np.abs(places).max()), 1.0)
    figure, axes = _plate()
    _draw_borders(axes, sectors, reach)
    dots = axes.scatter(
        places[:, 0], places[:, 1], c=accuracy, vmin=0, vmax=1, cmap=style.BAD_IS_BRIGHT.reversed(), s=28, zorder=3
    )
    axes.set(xlim=(-_EDGE_AT * reach, _EDGE_AT * reach), ylim=(-_EDGE_AT * reach, _EDGE_AT * reach))
    figure.colorbar(dots, label="samples with correct sector (%)", shrink=0.85, format=style.percent_ticks())
    figure.suptitle("Accuracy of each point, test subset", fontsize="medium")
    return figure


def _plate() -> tuple[Figure, Axes]:
    figure, axes = style.single(height=4.4, width=5.4)
    axes.set(xlabel="x (mm)", ylabel="y (mm)", aspect="equal")
    return figure, axes


def _limit_to_square(axes: Axes, places: Float64) -> None:
    """Set axes of equal length that show all places (n, 2)."""
    low, high = places.min(axis=0), places.max(axis=0)
    half = 0.56 * max(float((high - low).max()), 1.0)
    left, bottom = (low + high) / 2 - half
    axes.set(xlim=(left, left + 2 * half), ylim=(bottom, bottom + 2 * half))


def _mean_per_point(values: NDArray[np.generic], point: Int32) -> Float64:
    """Return the (points, k) mean of the values (n, k) of each point that occurs."""
    return pd.DataFrame(values.astype(np.float64)).groupby(point).mean().to_numpy()


def _draw_borders(axes: Axes, sectors: Sectors, reach: float) -> None:
    for start, end, name in zip(sectors.starts, sectors.ends, sectors.names, strict=True):
        axes.plot(*np.outer(_to_square(start), (0, _EDGE_AT * reach)), color=style.GREY, linewidth=1)
        middle = start / np.linalg.norm(start) + end / np.linalg.norm(end)  # sectors are less than half a turn
        x, y = _to_square(middle) * _NAMES_AT * reach
        axes.text(x, y, name, ha="center", va="center", fontsize=8)


def _to_square(direction: Float64) -> Float64:
    """Scale a direction to end on the square of half width 1."""
    return np.asarray(direction / np.abs(direction).max(), np.float64)
