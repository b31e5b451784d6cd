"""Pictures of a recording's signals."""

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64
from forcepos.results.figures import style

_UNITS = {"exT": "Nm", "msT": "Nm", "T": "Nm", "F": "N"}
_OTHER = "other"
# exT_A1 is one of exT, Fx one of F; the x of "index" is no axis.
_PREFIX = re.compile(r"([A-Za-z]+?)_?(?:A?\d+|(?<=[A-Z_])[xyz])")
_ROWS_AS_LINES = 1000  # longer recordings are drawn as pixels in an SVG


def recording_signals(
    signals: Float32, channels: Sequence[str], time_s: Float64, tested: NDArray[np.bool_], title: str
) -> Figure:
    """Plot the signals of one recording over time, a panel for each kind, rows of the test subset shaded.

    Args:
        signals: (rows, channels) in Nm and N.
        time_s: (rows,) in order.
        tested: (rows,) whether a row belongs to the test subset.
    """
    groups = _groups(channels)
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0  # how wide a row is
    firsts, ends = np.flatnonzero(np.diff(tested, prepend=False, append=False)).reshape(-1, 2).T
    blocks = list(zip(time_s[firsts] - step / 2, time_s[ends - 1] - time_s[firsts] + step, strict=True))
    figure = style.new_figure(0.6 + 1.7 * len(groups))
    panels = list(figure.subplots(len(groups), sharex=True, squeeze=False).flat)
    for (name, columns), axes in zip(groups.items(), panels, strict=True):
        shown = ((channels[column], signals[:, column]) for column in columns)
        style.draw_signals(axes, time_s, shown, linewidth=0.9, rasterized=len(time_s) > _ROWS_AS_LINES)
        axes.set_ylabel(style.with_unit(style.literal(name), _UNITS.get(name, "")))
        axes.broken_barh(
            blocks, (0, 1), transform=axes.get_xaxis_transform(),
            facecolors=style.ORANGE, edgecolors="none", alpha=0.25, zorder=0, rasterized=True,
        )  # fmt: skip
    panels[-1].set_xlabel("time (s)")
    shaded = "; shaded: test subset" if tested.any() else ""
    figure.suptitle(f"{style.literal(title)}{shaded}", fontsize="medium")
    return figure


def _groups(channels: Sequence[str]) -> dict[str, list[int]]:
    """Group columns by the channels' prefix, those without one last."""
    groups: dict[str, list[int]] = {}
    for column, channel in enumerate(channels):
        match = _PREFIX.fullmatch(channel)
        groups.setdefault(match[1] if match else _OTHER, []).append(column)
    return dict(sorted(groups.items(), key=lambda group: group[0] == _OTHER))
