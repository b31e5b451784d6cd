"""Figures of a survey, as PNG."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from forcepos.commands.inspect.health import Measures
from forcepos.commands.inspect.survey import Survey
from forcepos.results.figures import style

_PANELS, _LINES = 8, 7  # panels of a figure, lines of a panel
_NAMED = 150  # points, beyond which their names would cover one another
_SAMPLED = 20_000  # rows
_WORST = 24  # channels


def save_figures(survey: Survey, measures: Measures, folder: Path) -> list[Path]:
    """Draw the signals and their health, if there are any; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("signals.png", "health.png")] if survey.recordings.channels else []
    with style.drawing():
        for path in paths:
            figure = _signals(survey) if path.stem == "signals" else _health(measures)
            figure.savefig(path)
    return paths


def _signals(survey: Survey) -> Figure:
    """Draw each channel over the rows; borders between recordings are grey."""
    recordings = survey.recordings
    kinds: dict[str, list[int]] = {}
    for place, name in enumerate(recordings.channels):
        kinds.setdefault(survey.guesses.kinds[name] or "other", []).append(place)
    panels = [
        (kind, places[n : n + _LINES]) for kind, places in kinds.items() for n in range(0, len(places), _LINES)
    ]
    groups = panels[:_PANELS]
    figure, drawn = style.panels(len(groups), 1, 0.7 + 1.5 * len(groups), 8, sharex=True)
    row, border = np.arange(0, survey.rows, -(-survey.rows // _SAMPLED)), recordings.bounds[1:, 0]
    for (kind, places), axes in zip(groups, drawn, strict=True):
        signals = ((recordings.channels[place], recordings.signals[row, place]) for place in places)
        style.draw_signals(axes, row, signals, linewidth=0.6, rasterized=True)
        axes.set_ylabel(kind)
        if len(border) <= _NAMED:
            axes.vlines(border, 0, 1, transform=axes.get_xaxis_transform(), color=style.GREY, linewidth=0.4)
    drawn[-1].set_xlabel("row")
    return figure


def _health(measures: Measures) -> Figure:
    """Draw drift, offsets and bias of the worst channels."""
    worst = sorted(measures, key=lambda name: max(measures[name].values(), default=0.0))[-_WORST:]
    figure, (left, right) = style.panels(1, 2, 1.2 + 0.25 * len(worst), 8, sharey=True)
    place = np.arange(len(worst))
    for key, axes, shift in (("drift", left, 0.2), ("offset", left, -0.2), ("bias", right, 0.0)):
        axes.barh(place + shift, [measures[name].get(key, 0.0) for name in worst], 0.4, label=key)
    left.set(xlabel="in standard deviations of noise", yticks=place, yticklabels=map(style.literal, worst))
    left.legend()
    right.set(xlabel="correlation of recordings' means with the position", xlim=(0, 1))
    return figure
