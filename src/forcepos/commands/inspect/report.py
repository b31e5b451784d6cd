"""The steps of an inspection: survey, draft, checks of training, remarks, figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from forcepos.commands.inspect.draft import draft
from forcepos.commands.inspect.draft_file import check_draft_path, training_command, write_draft
from forcepos.commands.inspect.facts import balance, remarks, saturated, stuck
from forcepos.commands.inspect.roles import ROLES, UserHints
from forcepos.commands.inspect.show import show
from forcepos.commands.inspect.sources import open_sources
from forcepos.commands.inspect.survey import Survey, survey_sources
from forcepos.commands.inspect.training import training_warnings
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.wording import visible


def inspect(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Inspect files, print the findings and return them.

    Raises:
        InputError: a file cannot be read, a column does not exist, or the draft cannot be written.
    """
    if options.write is not None:
        check_draft_path(options.write)
    hints = UserHints(options.time, tuple(options.positions), options.point, options.label)
    if len(hints.positions) > 3:
        raise InputError("--positions takes one to three columns: x, y, z")
    sources, skipped = open_sources(options.files)
    survey = survey_sources(sources, skipped, hints, stop_if_asked)
    overrides = _overrides(survey)
    text = draft(survey, options.files, training_command(options.write, overrides))
    training = training_warnings(survey, text, overrides)
    notes = remarks(survey)
    show(survey, notes, training)
    figures = [] if options.no_figures else _figures(survey, folder)
    if options.write is not None:
        write_draft(options.write, text)
        wrote = f"config: {options.write}; train with {training_command(options.write, overrides)}"
        sys.stderr.write(visible(wrote) + "\n")
    return _facts(survey) | {
        "remarks": notes, "training": training, "figures": figures,
        "config": str(options.write) if options.write else None,
    }  # fmt: skip


def _overrides(survey: Survey) -> list[str]:
    """Return the overrides that training needs besides data=…: a model that suits the targets."""
    axes = len(survey.guesses.positions)
    if not axes and survey.guesses.label:
        return ["model=cnn_classification"]
    return [f"model.axes=[{','.join('xyz'[:axes])}]"] if axes in {1, 2} else []


def _figures(survey: Survey, folder: Path) -> list[str]:
    from forcepos.commands.inspect.figures import save_figures  # noqa: PLC0415  # matplotlib takes a second

    paths = [str(path) for path in save_figures(survey, folder)]
    sys.stderr.write(f"figures: {', '.join(paths)}\n")
    return paths


def _facts(survey: Survey) -> dict[str, Any]:
    times = survey.times
    numbers = {name: column for name, column in survey.columns.items() if column.kind != "text" and column.known}
    return {
        "files": len(survey.sources),
        "recordings": len(survey.recordings),
        "points": len(survey.points) or None,
        "rows": survey.rows,
        "rate_hz": times.rate_hz,
        "gaps": {"count": times.gaps, "longest_s": round(times.longest_s, 9) if times.gaps else 0.0},
        "ranges": {name: [column.low, column.high] for name, column in numbers.items()},
        "missing": {name: column.missing for name, column in survey.columns.items() if column.missing},
        "stuck": stuck(survey),
        "saturated": saturated(survey),
        "balance": balance(survey),
        "guesses": {role: getattr(survey.guesses, role) for role in ROLES},
    }
