"""Figures of a survey, as PNG."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from forcepos.commands.inspect.facts import balance, quantity
from forcepos.commands.inspect.survey import Survey
from forcepos.results.figures import style

_PANELS, _LINES = 8, 7  # panels of a figure, lines of a panel
_NAMED = 150  # points, beyond which their names would cover one another
_SAMPLED = 20_000  # rows
_WORST = 24  # channels
_GAP_STEPS = 5


def save_figures(survey: Survey, measures: dict[str, dict[str, float]], folder: Path) -> list[Path]:
    """Draw all figures that the data allow; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    drawn = {
        "points": _points if len(survey.guesses.positions) > 1 else None,
        "signals": _signals if survey.recordings.channels else None,
        "time": _time if len(survey.steps_s) and survey.guesses.time else None,
        "balance": _balance if balance(survey) or len(survey.recordings.names) > 1 else None,
    }
    with style.drawing():
        figures = {name: draw(survey) for name, draw in drawn.items() if draw}
        if survey.recordings.channels:
            figures["health"] = _health(measures)
        for name, figure in figures.items():
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1])
    return paths


def _points(survey: Survey) -> Figure:
    """Draw rows from above, and the mean position of each recording."""
    figure, axes = style.single(height=5, width=6)
    has_names = survey.sources[0].names is not None
    shown = (style.literal(name) if has_names else f"column {name}" for name in survey.guesses.positions)
    across, up, *third = (f"{name} (mm)" for name in shown)
    axes.set(xlabel=across, ylabel=up, aspect="equal")
    places = survey.recordings.positions[:: -(-survey.rows // _SAMPLED)]
    colours = {"c": places[:, 2], "cmap": "viridis"} if third else {"c": style.GREY}
    dots = axes.scatter(places[:, 0], places[:, 1], s=3, rasterized=True, **colours)
    if third:
        figure.colorbar(dots, label=third[0], shrink=0.85)
    first = survey.recordings.bounds[:, 0]
    means = np.add.reduceat(survey.recordings.positions, first, axis=0) / np.diff(survey.recordings.bounds)
    for place, name in zip(means, survey.recordings.names, strict=True) if len(first) <= _NAMED else ():
        axes.plot(*place[:2], "+", color=style.VERMILLION)
        axes.annotate(style.literal(name), place[:2], (3, 3), textcoords="offset points", fontsize=6)
    what = quantity(survey.points, "point") if survey.points else "positions"
    figure.suptitle(f"{what} in {quantity(len(first), 'recording')}")
    return figure


def _signals(survey: Survey) -> Figure:
    """Draw each channel over the rows; borders between recordings are grey."""
    recordings = survey.recordings
    kinds: dict[str, list[str]] = {}
    for name in recordings.channels:
        kinds.setdefault(survey.guesses.kinds[name] or "other", []).append(name)
    panels = [(kind, names[n : n + _LINES]) for kind, names in kinds.items() for n in range(0, len(names), _LINES)]
    groups = panels[:_PANELS]
    figure = style.new_figure(0.7 + 1.5 * len(groups), 8)
    drawn = list(figure.subplots(len(groups), sharex=True, squeeze=False).flat)
    row = np.arange(0, survey.rows, -(-survey.rows // _SAMPLED))
    border = recordings.bounds[1:, 0]
    for (name, columns), axes in zip(groups, drawn, strict=True):
        signals = ((column, recordings.signals[row, recordings.channels.index(column)]) for column in columns)
        style.draw_signals(axes, row, signals, linewidth=0.6, rasterized=True)
        axes.set_ylabel(name)
        if len(border) <= _NAMED:
            axes.vlines(border, 0, 1, transform=axes.get_xaxis_transform(), color=style.GREY, linewidth=0.4)
    drawn[-1].set_xlabel("row")
    return figure


def _time(survey: Survey) -> Figure:
    """Draw a histogram of the first steps of time from row to row."""
    steps = survey.steps_s[survey.steps_s > 0] * 1e3
    if not len(steps):
        return style.message("time does not advance")
    figure, axes = style.single(height=2.8)
    axes.hist(steps, np.geomspace(steps.min() * 0.9, steps.max() * 1.1, 60).tolist(), color=style.BLUE)
    axes.axvline(_GAP_STEPS * np.median(steps), color=style.VERMILLION, linewidth=1, label="gaps begin here")
    axes.set(xscale="log", yscale="log", xlabel="step of time from row to row (ms)", ylabel="rows")
    axes.legend()
    return figure


def _balance(survey: Survey) -> Figure:
    """Draw the number of rows of each class and of each recording."""
    bars = [(f"class of {style.literal(name)}", counts) for name, counts in balance(survey).items()]
    rows = np.diff(survey.recordings.bounds)[:, 0].tolist()
    bars = [*bars[: _PANELS - 1], ("recording", dict(zip(survey.recordings.names, rows, strict=True)))]
    figure = style.new_figure(0.5 + 1.9 * len(bars), 8)
    for (what, counts), axes in zip(bars, figure.subplots(len(bars), squeeze=False).flat, strict=True):
        place = range(len(counts))  # as one shape: thousands of bars take minutes
        axes.fill_between(place, [*counts.values()], step="mid", color=style.BLUE)
        axes.plot(place, [*counts.values()], ".", color=style.BLUE)
        axes.set(xlabel=what, ylabel="rows", ylim=(0, None))
        if len(counts) <= 40:
            axes.set_xticks(place, map(style.literal, counts), rotation=45 if len(counts) > 12 else 0)
    return figure


def _health(measures: dict[str, dict[str, float]]) -> Figure:
    """Draw drift, offsets and bias of the worst channels."""
    worst = sorted(measures, key=lambda name: max(measures[name].values(), default=0.0))[-_WORST:]
    figure = style.new_figure(1.2 + 0.25 * len(worst), 8)
    left, right = figure.subplots(1, 2, sharey=True)
    place = np.arange(len(worst))
    for key, axes, shift in (("drift", left, 0.2), ("offset", left, -0.2), ("follows", right, 0.0)):
        axes.barh(place + shift, [measures[name].get(key, 0.0) for name in worst], 0.4, label=key)
    left.set(xlabel="in standard deviations of noise", yticks=place, yticklabels=map(style.literal, worst))
    left.legend()
    right.set(xlabel="correlation of recordings' means with the position", xlim=(0, 1))
    return figure
