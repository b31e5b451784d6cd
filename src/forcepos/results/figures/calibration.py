"""Pictures of how well a promised certainty is kept."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forcepos.data.recordings import Float64
from forcepos.results.figures import style

_SAME = 1e-9  # levels this near are one


def coverage_curve(asked: Float64, found: Float64, chosen: float) -> Figure:
    """How often the truth was held, against how often it was asked to be.

    Args:
        asked: (levels,) from 0 to 1; those that could be calibrated for, maybe none.
        found: (levels,) share of the test part's samples.
        chosen: the level that the run's results are given at.
    """
    order = np.argsort(asked)
    figure, axes = style.single(height=5.4, width=4.4)
    axes.plot([0, 1], [0, 1], color=style.GREY, linestyle="--", label="as asked")
    axes.plot(asked[order], found[order], color=style.BLUE, marker=".", label="found on the test part")
    _mark(axes, asked[order], found[order], chosen)
    axes.set(xlabel="asked coverage (%)", ylabel="found coverage (%)", title="Coverage", aspect="equal")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.percent_ticks())
    figure.legend(loc="outside lower left", fontsize="small", frameon=False)
    return figure


def _mark(axes: Axes, asked: Float64, found: Float64, chosen: float) -> None:
    """The chosen level on the curve, or where the curve does not reach it, a line that says so."""
    label = f"chosen: {style.in_percent(chosen)} asked"
    reached = len(asked) and asked[0] - _SAME <= chosen <= asked[-1] + _SAME
    if not reached:
        axes.axvline(chosen, color=style.VERMILLION, linestyle=":", label=f"{label}, beyond the levels found")
        return
    there = float(np.interp(chosen, asked, found))
    label = f"{label}, {style.in_percent(there)} found"
    axes.plot([chosen], [there], "o", color=style.VERMILLION, markersize=8, zorder=3, label=label)
