"""Pictures of several runs beside one another."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from forcepos.results.figures import style

REAL = "the difference is real"  # the verdict on a run whose interval excludes 0


def difference_plot(table: pd.DataFrame) -> Figure:
    """Plot each run's difference from the best with its interval, a panel for each split.

    Args:
        table: as `forcepos.results.comparison.write_comparison` returns it.
    """
    runs = list(table["run"].unique())
    figure = style.new_figure(min(1.2 + 0.3 * len(runs), 20))
    panels = figure.subplots(1, table["split"].nunique(), sharey=True, squeeze=False)[0]
    for axes, (split, rows) in zip(panels, table.groupby("split", sort=False), strict=True):
        style.plain(axes).axvline(0, color=style.BLACK, linewidth=0.8)
        for row in rows.itertuples():
            look = {"y": runs.index(row.run), "color": style.VERMILLION if row.verdict == REAL else style.GREY}
            axes.errorbar(row.difference, xerr=(row.high - row.low) / 2, fmt="o", **look)
        axes.set(xlabel=f"difference in {row.measure}", title=style.literal(f"split={split}"))
    panels[0].set_yticks(range(len(runs)), map(style.literal, runs), fontsize="small")
    panels[0].invert_yaxis()
    return figure


def learning_curves(metric: str, curves: Mapping[str, "pd.Series[float]"]) -> Figure:
    """Plot `metric` by epoch, a line for each run that has one."""
    figure, axes = style.single()
    for name, curve in curves.items():
        axes.plot(curve.index, curve, ".-", label=style.literal(name))
    axes.set(xlabel="epoch", ylabel=style.literal(metric))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(loc="outside lower center", fontsize="small", frameon=False)
    return figure
