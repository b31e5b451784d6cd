"""Curves: the best validation error so far against seconds and steps, medians over seeds with their quartiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.quality.results import Floats, Runs, Timeline, targets
from benchmarks.quality.ways import NOTEBOOK, SHARES
from forcepos.results.figures import style

_POINTS = 300


def draw(runs: Runs, path: Path) -> None:
    """Draw a row of panels for each length of the searches: search and final training, by seconds and by steps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with style.drawing():
        figure, panels = style.panels(len(SHARES), 2, 3.2 * len(SHARES), 9, sharey=True)
        for place, axes in enumerate(panels):
            share, by = SHARES[place // 2], ("seconds", "steps")[place % 2]
            for way, of_way in runs.items():
                lines = [run.whole(1.0 if way == NOTEBOOK else share) for run in of_way]
                _draw_way(axes, way, lines, by)
            axes.axhline(np.median(targets(runs, share)), color=style.GREY, linestyle="--", linewidth=0.8)
            axes.set(xlabel=by, xscale="log", yscale="log", title=f"search: {share:g} of the notebook's seconds")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter(NullFormatter())
        for axes in panels[::2]:
            axes.set_ylabel("best validation error so far (mm)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        figure.savefig(path)


def _draw_way(axes: Axes, way: str, lines: list[Timeline], by: str) -> None:
    ends = [getattr(line, by) for line in lines]
    at = np.geomspace(min(each[0] for each in ends), max(each[-1] for each in ends), _POINTS)
    low, middle, high = np.percentile(
        [_best_at(at, each, line.best) for each, line in zip(ends, lines, strict=True)], [25, 50, 75],
        axis=0, method="nearest",
    )  # fmt: skip
    known = np.isfinite(high)
    width, color = (2.5, style.BLACK) if way == NOTEBOOK else (1.2, None)
    (curve,) = axes.plot(at[known], middle[known], label=style.literal(way), linewidth=width, color=color)
    axes.fill_between(at[known], low[known], high[known], color=curve.get_color(), alpha=0.1, linewidth=0)


def _best_at(at: Floats, ends: Floats, best: Floats) -> Floats:
    """Return (m,) the best error of the epochs that had ended at these moments (m,); infinity before the first."""
    return np.append(np.inf, best)[np.searchsorted(ends, at, side="right")]
