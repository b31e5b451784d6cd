"""Figures of a survey, as PNG."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from forcepos.commands.inspect.facts import channels, quantity
from forcepos.commands.inspect.survey import Survey
from forcepos.results.figures import style

_DPI = 150
_PANELS, _LINES = 8, 7  # panels of a figure, lines of a panel
_NAMED = 150  # points, beyond which their names would cover one another


def save_figures(survey: Survey, folder: Path) -> list[Path]:
    """Draw all figures that the data allow; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    drawn = {
        "points": _points if len(survey.guesses.positions) > 1 else None,
        "signals": _signals if channels(survey) else None,
    }
    with style.drawing():
        for name, figure in ((name, draw(survey)) for name, draw in drawn.items() if draw):
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1], dpi=_DPI)
    return paths


def _points(survey: Survey) -> Figure:
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
