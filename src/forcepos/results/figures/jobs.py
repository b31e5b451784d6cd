"""The picture of all jobs of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forcepos.results.figures import style

_LABELS = {"euclidean_mean_mm": "mean error on the test subset (mm)", "accuracy": "accuracy on the test subset"}
_MOST = 40  # jobs of a panel: the best
_ROW_IN = 0.25
_OFFSET = 0.2  # of the second split's mark from the middle of its row


def job_scores(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the scores of finished jobs with their intervals; a panel for mm, and one for accuracies.

    Args:
        rows: what `job_rows` returns of finished jobs, one at least, with what to call each as `name`.
    """
    table = pd.DataFrame(rows)
    panels = [table[table["score"] == score][:_MOST] for score in _LABELS if (table["score"] == score).any()]
    sizes = [len(panel) + 3 for panel in panels]
    figure = style.new_figure(_ROW_IN * sum(sizes))
    all_axes = figure.subplots(len(panels), squeeze=False, height_ratios=sizes)[:, 0]
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw(style.plain(axes), panel)
    figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    return figure


def _draw(axes: Axes, panel: pd.DataFrame) -> None:
    score, rows = panel["score"].iloc[0], pd.Series(range(len(panel)))
    marks = ((score, "low", "high", "o", "its own split"), ("also", "also_low", "also_high", "D", "second split"))
    for number, (value, low, high, mark, label) in enumerate(marks):
        values, ends = panel[value].astype(float), (panel[low].astype(float), panel[high].astype(float))
        axes.hlines(rows + number * _OFFSET, *ends, color=style.CYCLE[number])
        axes.plot(values, rows + number * _OFFSET, mark, markersize=4, color=style.CYCLE[number], label=label)
    axes.plot(panel["best_baseline"], rows, "|", color=style.BLACK, label="best baseline")
    axes.set_yticks(rows, [style.literal(name) for name in panel["name"]])
    axes.set(xlabel=_LABELS[score], ylim=(len(panel) - 0.4, -0.6))
