"""The story of a look: tables, one pass, facts, draft, what training would say, pictures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from forcepos.commands.inspect.draft import draft
from forcepos.commands.inspect.draft_file import check_place, trains_with, write
from forcepos.commands.inspect.facts import balance, remarks, saturated, stuck
from forcepos.commands.inspect.roles import Told
from forcepos.commands.inspect.show import show
from forcepos.commands.inspect.sources import open_sources
from forcepos.commands.inspect.survey import Survey, survey
from forcepos.commands.inspect.training import warnings_of_training
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked


def inspect(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Look at the files, tell a person, and give the main facts.

    Raises:
        InputError: a file cannot be read, a column is not there, or the draft cannot be written.
    """
    if asked.write is not None:
        check_place(asked.write)
    told = Told(asked.time, tuple(asked.positions), asked.point, asked.label)
    if len(told.positions) > 3:
        raise InputError("--positions takes one to three columns: x, y, z")
    sources, left_out = open_sources(asked.files)
    seen = survey(sources, left_out, told, stop_if_asked)
    overrides = overrides_for(seen)
    text = draft(seen, asked.files, trains_with(asked.write, overrides))
    training = warnings_of_training(seen, text, overrides)
    looked = remarks(seen)
    show(seen, looked, training)
    figures = [] if asked.no_figures else _pictures(seen, folder)
    if asked.write is not None:
        write(asked.write, text)
        sys.stderr.write(f"config: {asked.write}; train with {trains_with(asked.write, overrides)}\n")
    return _facts(seen) | {
        "remarks": looked, "training": training, "figures": figures,
        "config": str(asked.write) if asked.write else None,
    }  # fmt: skip


def overrides_for(seen: Survey) -> list[str]:
    """What the command line needs beside data=…: a model that suits the targets."""
    axes = len(seen.guesses.positions)
    if not axes and seen.guesses.label:
        return ["model=cnn_classification"]
    return [f"model.axes=[{','.join('xyz'[:axes])}]"] if axes in {1, 2} else []


def _pictures(seen: Survey, folder: Path) -> list[str]:
    from forcepos.commands.inspect.pictures import save_pictures  # noqa: PLC0415  # matplotlib takes a second

    paths = [str(path) for path in save_pictures(seen, folder)]
    sys.stderr.write(f"pictures: {', '.join(paths)}\n")
    return paths


def _facts(seen: Survey) -> dict[str, Any]:
    guesses, times = seen.guesses, seen.times
    numbers = {name: column for name, column in seen.columns.items() if column.kind != "text" and column.known}
    return {
        "files": len(seen.sources),
        "recordings": len(seen.recordings),
        "points": len(seen.points) or None,
        "rows": seen.rows,
        "rate_hz": times.rate_hz,
        "gaps": {"count": times.gaps, "longest_s": round(times.longest_s, 9) if times.gaps else 0.0},
        "ranges": {name: [column.low, column.high] for name, column in numbers.items()},
        "missing": {name: column.missing for name, column in seen.columns.items() if column.missing},
        "stuck": stuck(seen),
        "saturated": saturated(seen),
        "balance": balance(seen),
        "guesses": {
            "time": list(guesses.time), "positions": list(guesses.positions), "recording": guesses.recording,
            "point": guesses.point, "label": guesses.label, "features": list(guesses.features),
        },
    }  # fmt: skip
