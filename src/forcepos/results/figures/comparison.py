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
    colours = [style.VERMILLION if verdict == REAL else style.GREY for verdict in rows["verdict"]]
    axes.hlines(range(len(rows)), rows["low"], rows["high"], colours)
    axes.scatter(rows["difference"], range(len(rows)), c=colours, zorder=2)
    axes.set_yticks(range(len(rows)), map(style.literal, rows["run"]), fontsize="small")
    axes.set_xlabel(f"{rows['measure'].iloc[0]}, difference from the best")
    axes.margins(y=0.15)
    axes.invert_yaxis()
    return figure


def learning_curves(metric: str, curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot the mean of `metric` by epoch over networks and folds, a line for each run that has it.

    Args:
        curves: of each run by its name: what Keras logged, indexed by epoch.
    """
    figure, axes = style.single()
    known = {name: logs.groupby("epoch")[metric].mean() for name, logs in curves.items() if metric in logs}
    for place, (name, means) in enumerate(known.items()):
        axes.plot(means.index, means, ".-", label=style.literal(name) if place < _NAMED else "_")
    axes.set(xlabel="epoch", ylabel=style.literal(metric))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if known:
        figure.legend(loc="outside lower center", fontsize="small", frameon=False)
    return figure
