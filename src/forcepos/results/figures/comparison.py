"""Pictures of several runs beside one another."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from forcepos.results.figures import style

_NAMED = 8  # runs: the names of more would not fit
REAL = "the difference is real"  # the verdict on a run whose interval excludes 0


def difference_plot(rows: pd.DataFrame) -> Figure:
    """Plot each run's difference from the best on one split, with its interval.

    Args:
        rows: of one split, as `forcepos.results.comparison.write_comparison` returns them.
    """
    figure, axes = style.single(min(1.2 + 0.3 * len(rows), 20))
    axes.axvline(0, color=style.BLACK, linewidth=0.8)
    for place, row in enumerate(rows.itertuples()):
        colour = style.VERMILLION if row.verdict == REAL else style.GREY
        axes.errorbar(row.difference, place, xerr=(row.high - row.low) / 2, fmt="o", color=colour)
    axes.set_yticks(range(len(rows)), map(style.literal, rows["run"]), fontsize="small")
    axes.set_xlabel(f"{rows['measure'].iloc[0]}, difference from the best")
    axes.invert_yaxis()
    return figure


def learning_curves(metric: str, curves: Mapping[str, "pd.Series[float]"]) -> Figure:
    """Plot `metric` by epoch, a line for each run that has one."""
    figure, axes = style.single()
    for place, (name, curve) in enumerate(curves.items()):
        axes.plot(curve.index, curve, ".-", label=style.literal(name) if place < _NAMED else "_")
    axes.set(xlabel="epoch", ylabel=style.literal(metric))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(loc="outside lower center", fontsize="small", frameon=False)
    return figure
