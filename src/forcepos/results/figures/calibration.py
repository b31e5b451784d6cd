"""Pictures of observed against target coverage."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forcepos.data.recordings import Float64
from forcepos.results.figures import style

_SAME = 1e-9  # levels this near are one


def coverage_curve(target: Float64, observed: Float64, chosen: float) -> Figure:
    """Plot observed coverage against target coverage.

    Args:
        target: (levels,) from 0 to 1; those that could be calibrated for, possibly none.
        observed: (levels,) share of the test subset's samples.
        chosen: the level that the run's results are given at.
    """
    order = np.argsort(target)
    figure, axes = style.single(height=5.4, width=4.4)
    axes.plot([0, 1], [0, 1], color=style.GREY, linestyle="--", label="observed = target")
    axes.plot(target[order], observed[order], color=style.BLUE, marker=".", label="observed on the test subset")
    _mark(axes, target[order], observed[order], chosen)
    axes.set(xlabel="target coverage (%)", ylabel="observed coverage (%)", title="Coverage", aspect="equal")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.percent_ticks())
    figure.legend(loc="outside lower left", fontsize="small", frameon=False)
    return figure


def _mark(axes: Axes, target: Float64, observed: Float64, chosen: float) -> None:
    """Mark the chosen level on the curve, or by a line where the curve does not reach it."""
    label = f"chosen: target {style.in_percent(chosen)}"
    reached = len(target) and target[0] - _SAME <= chosen <= target[-1] + _SAME
    if not reached:
        axes.axvline(chosen, color=style.VERMILLION, linestyle=":", label=f"{label}, beyond the calibrated levels")
        return
    interpolated = float(np.interp(chosen, target, observed))
    label = f"{label}, observed {style.in_percent(interpolated)}"
    axes.plot([chosen], [interpolated], "o", color=style.VERMILLION, markersize=8, zorder=3, label=label)
