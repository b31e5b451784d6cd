"""The picture of all jobs of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forcepos.results.figures import style

_LABELS = {"euclidean_mean_mm": "mean error on the test subset (mm)", "accuracy": "accuracy on the test subset"}
_MOST = 40  # jobs of a panel: the best
_ROW_IN = 0.22
_OFFSET = 0.18  # of the second split's mark from the middle of its row


def job_scores(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw the scores of finished jobs, best first, with intervals; a panel for mm, and one for accuracies.

    Args:
        rows: what `job_rows` returns of finished jobs, one at least.
        names: what to call each of them.
    """
    named = list(zip(names, rows, strict=True))
    panels = [[each for each in named if each[1]["score"] == score][:_MOST] for score in _LABELS]
    panels = [panel for panel in panels if panel]
    sizes = [len(panel) + 3 for panel in panels]
    figure = style.new_figure(_ROW_IN * sum(sizes))
    all_axes = figure.subplots(len(panels), squeeze=False, height_ratios=sizes)[:, 0]
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw(style.plain(axes), panel)
    figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    return figure


def _draw(axes: Axes, panel: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    score = panel[0][1]["score"]
    marks = ((score, "", "o", "its own split", 0.0), ("also", "also_", "D", "second split", _OFFSET))
    for place, (_, row) in enumerate(panel):
        for (name, of, mark, label, offset), colour in zip(marks, style.CYCLE, strict=False):
            if row[name] is not None:
                axes.plot(
                    row[name], place + offset, mark, markersize=4, color=colour, label="_" if place else label
                )
            if row[f"{of}low"] is not None:
                axes.hlines(place + offset, row[f"{of}low"], row[f"{of}high"], color=colour)
        axes.plot(row["best_baseline"], place, "|", color=style.BLACK, label="_" if place else "best baseline")
    axes.set_yticks(range(len(panel)), [style.literal(name) for name, _ in panel])
    axes.set(xlabel=_LABELS[score], ylim=(len(panel) - 0.4, -0.6))
