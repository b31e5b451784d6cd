"""The steps of an inspection: survey, draft, checks of training, remarks, figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from forcepos.commands.inspect.draft import check_draft_path, draft, training_command
from forcepos.commands.inspect.facts import facts, remarks
from forcepos.commands.inspect.roles import Guesses, UserHints
from forcepos.commands.inspect.show import show
from forcepos.commands.inspect.sources import open_sources
from forcepos.commands.inspect.survey import survey_sources
from forcepos.commands.inspect.training import training_warnings
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.wording import visible


def inspect(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Inspect files, print the findings and return them; draw figures into `folder`.

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
    overrides = _overrides(survey.guesses)
    command = training_command(options.write, overrides)
    text = draft(survey, options.files, command)
    found = facts(survey)
    found |= {"remarks": remarks(survey, found), "training": training_warnings(survey, text, overrides)}
    show(survey, found, [*(f"note: {remark}" for remark in found["remarks"]), *found["training"]])
    found["figures"] = []
    if not options.no_figures:
        from forcepos.commands.inspect.figures import save_figures  # noqa: PLC0415  # matplotlib takes a second

        found["figures"] = [str(path) for path in save_figures(survey, folder)]
        sys.stderr.write(f"figures: {', '.join(found['figures'])}\n")
    if options.write is not None:
        try:
            options.write.parent.mkdir(parents=True, exist_ok=True)
            with options.write.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise InputError(f"--write {options.write}: cannot be written: {error}") from error
        sys.stderr.write(visible(f"config: {options.write}; train with {command}") + "\n")
    return found | {"config": str(options.write) if options.write else None}


def _overrides(guesses: Guesses) -> list[str]:
    """Return the overrides that training needs besides data=…: a model that suits the targets."""
    axes = len(guesses.positions)
    if not axes and guesses.label:
        return ["model=cnn_classification"]
    return [f"model.axes=[{','.join('xyz'[:axes])}]"] if axes in {1, 2} else []
