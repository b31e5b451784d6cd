"""Figures of a survey, as PNG."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from forcepos.commands.inspect.facts import balance, channels, quantity
from forcepos.commands.inspect.reading import GAP_STEPS
from forcepos.commands.inspect.survey import Survey
from forcepos.results.figures import style

_PANELS, _LINES = 8, 7  # panels of a figure, lines of a panel
_NAMED = 150  # points, beyond which their names would cover one another


def save_figures(survey: Survey, folder: Path) -> list[Path]:
    """Draw all figures that the data allow; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    drawn = {
        "points": _points if len(survey.guesses.positions) > 1 else None,
        "signals": _signals if channels(survey) else None,
        "time": _time if len(survey.times.steps.rows) else None,
        "balance": _balance if balance(survey) or len(survey.recordings) > 1 else None,
    }
    with style.drawing():
        for name, figure in ((name, draw(survey)) for name, draw in drawn.items() if draw):
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1])
    return paths


def _points(survey: Survey) -> Figure:
    """Draw rows from above, and the mean position of each recording."""
    figure, axes = style.single(height=5, width=6)
    has_names = survey.sources[0].names is not None
    shown = (style.literal(name) if has_names else f"column {name}" for name in survey.guesses.positions)
    across, up, *third = (f"{name} ({survey.guesses.unit})" for name in shown)
    axes.set(xlabel=across, ylabel=up, aspect="equal")
    x, y, *rest = (survey.sample[name] for name in survey.guesses.positions)
    colours = {"c": rest[0], "cmap": "viridis"} if rest else {"c": style.GREY}
    dots = axes.scatter(x, y, s=3, rasterized=True, **colours)
    if rest:
        figure.colorbar(dots, label=third[0], shrink=0.85)
    named = [each for each in survey.recordings if each.position and each.point]
    for each in named if len(named) <= _NAMED else ():
        place = (each.position[0], each.position[1])
        axes.plot(*place, "+", color=style.VERMILLION)
        axes.annotate(style.literal(each.point), place, (3, 3), textcoords="offset points", fontsize=6)
    what = quantity(len(survey.points), "point") if survey.points else "positions"
    figure.suptitle(f"{what} in {quantity(len(survey.recordings), 'recording')}")
    return figure


def _signals(survey: Survey) -> Figure:
    """Draw each channel over the rows; borders between recordings are grey."""
    kinds: dict[str, list[str]] = {}
    for column in channels(survey):
        kinds.setdefault(survey.guesses.kinds[column.name] or "other", []).append(column.name)
    panels = [(kind, names[n : n + _LINES]) for kind, names in kinds.items() for n in range(0, len(names), _LINES)]
    groups = panels[:_PANELS]
    figure = style.new_figure(0.7 + 1.5 * len(groups), 8)
    drawn = list(figure.subplots(len(groups), sharex=True, squeeze=False).flat)
    row = np.linspace(0, survey.rows, len(survey.sample), endpoint=False)
    border = row[np.flatnonzero(np.diff(survey.sample.index))]
    for (name, columns), axes in zip(groups, drawn, strict=True):
        signals = ((column, survey.sample[column]) for column in columns)
        style.draw_signals(axes, row, signals, linewidth=0.6, rasterized=True)
        axes.set_ylabel(name)
        if len(border) <= _NAMED:
            axes.vlines(border, 0, 1, transform=axes.get_xaxis_transform(), color=style.GREY, linewidth=0.4)
    drawn[-1].set_xlabel("row")
    return figure


def _time(survey: Survey) -> Figure:
    """Draw a histogram of the steps of time from row to row."""
    steps = survey.times.steps.rows[survey.times.steps.rows > 0] * 1e3
    if not len(steps):
        return style.message("time does not advance")
    figure, axes = style.single(height=2.8)
    axes.hist(steps, np.geomspace(steps.min() * 0.9, steps.max() * 1.1, 60).tolist(), color=style.BLUE)
    gap_ms = GAP_STEPS * survey.times.median_s * 1e3
    axes.axvline(gap_ms, color=style.VERMILLION, linewidth=1, label="gaps begin here")
    axes.set(xscale="log", yscale="log", xlabel="step of time from row to row (ms)", ylabel="rows")
    axes.legend()
    return figure


def _balance(survey: Survey) -> Figure:
    """Draw the number of rows of each class and of each recording."""
    classes = balance(survey).items()
    bars = [(f"class of {style.literal(name)}", [*counts], [*counts.values()]) for name, counts in classes]
    if len(survey.recordings) > 1:
        rows = [recording.rows for recording in survey.recordings]
        bars.append(("recording", [recording.name for recording in survey.recordings], rows))
    bars = bars[:_PANELS]
    figure = style.new_figure(0.5 + 1.9 * len(bars), 8)
    for (what, names, rows), axes in zip(bars, figure.subplots(len(bars), squeeze=False).flat, strict=True):
        if len(names) > _NAMED:  # as one shape: thousands of bars take minutes
            axes.fill_between(range(len(names)), rows, step="mid", color=style.BLUE)
        else:
            axes.bar(range(len(names)), rows, color=style.BLUE)
        axes.set(xlabel=what, ylabel="rows")
        if len(names) <= 40:
            rotation = 45 if len(names) > 12 else 0
            axes.set_xticks(range(len(names)), map(style.literal, names), rotation=rotation)
    return figure
