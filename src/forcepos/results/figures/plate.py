"""Pictures of the plate from above: errors by position."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

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
    _draw_borders(axes, sectors, reach)
    dots = axes.scatter(x, y, c=accuracy, vmin=0, vmax=1, cmap=style.BAD_IS_BRIGHT.reversed(), s=28, zorder=3)
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


def _draw_borders(axes: Axes, sectors: Sectors, reach: float) -> None:
    for start, end, name in zip(sectors.starts, sectors.ends, sectors.names, strict=True):
        axes.plot(*np.outer(_to_square(start), (0, _EDGE_AT * reach)), color=style.GREY, linewidth=1)
        middle = start / np.linalg.norm(start) + end / np.linalg.norm(end)  # sectors are less than half a turn
        x, y = _to_square(middle) * _NAMES_AT * reach
        axes.text(x, y, name, ha="center", va="center", fontsize=8)


def _to_square(direction: Float64) -> Float64:
    """Scale a direction to end on the square of half width 1."""
    return np.asarray(direction / np.abs(direction).max(), np.float64)
