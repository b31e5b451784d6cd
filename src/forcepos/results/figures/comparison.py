"""Pictures of several runs beside one another."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from forcepos.results.figures import style

_NAMED = 8  # runs: the names of more would not fit
REAL = "the difference is real"  # the verdict on a run whose interval excludes 0
_LABELS = {"euclidean_mean_mm": "mean error on the test subset (mm)", "accuracy": "accuracy on the test subset"}
_MOST = 40  # jobs of a panel: the best
_ROW_IN = 0.25
_OFFSET = 0.2  # of the second split's mark from the middle of its row


def difference_plot(rows: pd.DataFrame) -> Figure:
    """Plot each run's difference from the best, with its interval: one split's rows of `write_comparison`."""
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
    """Plot the mean of `metric` over networks and folds, of each run whose logs, indexed by epoch, have it."""
    figure, axes = style.single()
    known = {name: logs.groupby("epoch")[metric].mean() for name, logs in curves.items() if metric in logs}
    for place, (name, means) in enumerate(known.items()):
        axes.plot(means.index, means, ".-", label=style.literal(name) if place < _NAMED else "_")
    axes.set(xlabel="epoch", ylabel=style.literal(metric))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if known:
        figure.legend(loc="outside lower center", fontsize="small", frameon=False)
    return figure


def job_scores(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the scores of finished jobs, rows of `job_rows` with a `name`; a panel for mm, one for accuracies."""
    table = pd.DataFrame(rows)
    panels = [table[table["score"] == score][:_MOST] for score in _LABELS if (table["score"] == score).any()]
    sizes = [len(panel) + 3 for panel in panels]
    figure = style.new_figure(_ROW_IN * sum(sizes))
    all_axes = figure.subplots(len(panels), squeeze=False, height_ratios=sizes)[:, 0]
    for axes, panel in zip(all_axes, panels, strict=True):
        score, place = panel["score"].iloc[0], pd.Series(range(len(panel)))
        own = ([score, "low", "high"], place, "o", style.CYCLE[0], "its own split")
        second = (["also", "also_low", "also_high"], place + _OFFSET, "D", style.CYCLE[1], "second split")
        for columns, rows_at, mark, colour, label in (own, second):
            value, *ends = panel[columns].astype(float).to_numpy().T
            axes.hlines(rows_at, *ends, color=colour)
            axes.plot(value, rows_at, mark, markersize=4, color=colour, label=label)
        axes.plot(panel["best_baseline"], place, "|", color=style.BLACK, label="best baseline")
        axes.set_yticks(place, [style.literal(name) for name in panel["name"]])
        axes.set(xlabel=_LABELS[score], ylim=(len(panel) - 0.4, -0.6))
    figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    return figure
