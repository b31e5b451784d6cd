"""The keys under `data` with which training reads the tables that are inspected."""

import glob
from collections.abc import Sequence
from contextlib import suppress
from os.path import commonprefix
from pathlib import Path
from typing import Any

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import PER_SECOND, Guesses
from forcepos.config.schema import TableConfig
from forcepos.data.readers.files import FORMATS, find_files
from forcepos.data.readers.lines import SPACE
from forcepos.data.readers.table import Table
from forcepos.runtime.errors import InputError

_CUT_STEPS, _CUT_S = 20, 1.0  # a step longer than both starts a new recording, where no column does
UNSET: dict[str, Any] = {"name": "table", "offset_mm": [0.0] * 3, **dict.fromkeys(("targets", "point", "rate_hz"))}


def settings_of(
    sources: Sequence[Table], names: Sequence[str], guesses: Guesses, columns: dict[str, Column]
) -> dict[str, Any]:
    """Return the keys other than the features; `names` is what the user typed.

    Raises:
        InputError: no one path finds exactly these files.
    """
    keys = {key: value for key, value in _format_keys(sources[0]).items() if value is not None}
    distinct = [(columns[name].distinct or 0) if name else 0 for name in (guesses.recording, guesses.point)]
    units = zip(guesses.time, (guesses.time_unit, "ns"), strict=False)
    steps_s = sum((np.diff(columns[name].start) / PER_SECOND[unit] for name, unit in units), np.zeros(1))
    step_s = float(np.median(steps_s[steps_s > 0])) if (steps_s > 0).any() else 0.0
    by_visit = guesses.point and (not guesses.recording or 0 < distinct[0] < distinct[1])
    pauses = step_s and not guesses.point and guesses.recording in {None, guesses.session}
    used = {*guesses.features, *guesses.positions, *guesses.time, guesses.recording, guesses.point, guesses.label}
    roles = {
        "targets": [*guesses.positions],
        "target_scale_mm": guesses.scale_mm if guesses.scale_mm != 1 else None,
        "label": guesses.label,
        "recording": None if by_visit else guesses.recording,
        "visits": bool(by_visit),
        "gap_s": float(f"{max(_CUT_STEPS * step_s, _CUT_S):.3g}") if pauses else None,
        "point": guesses.point,
        "session": guesses.session,
        "time": guesses.time[0] if guesses.time else None,
        "time_unit": guesses.time_unit if guesses.time else None,
        "nanoseconds": guesses.time[1] if len(guesses.time) == 2 else None,
        "missing": "drop" if any(columns[name].known < columns[name].rows for name in used if name) else None,
    }
    return {"path": _path_of(sources, names, keys)} | keys | {key: value for key, value in roles.items() if value}


def _format_keys(source: Table) -> dict[str, Any]:
    """Return what the ending of the file does not imply; None where it does."""
    layout = source.layout
    csv = layout and layout.separator != SPACE
    kind = "csv" if csv else source.kind.lower()
    return {
        "format": kind if FORMATS.get(source.path.suffix.lower()) != kind else None,
        "separator": layout.separator.decode() if layout and csv else None,
        "decimal": "," if layout and layout.decimal == "," else None,
        "header": bool(layout.names) if layout and not layout.marked else None,
    }


def _path_of(sources: Sequence[Table], names: Sequence[str], keys: dict[str, Any]) -> str:
    files = sorted(source.path for source in sources)
    if len(files) == 1:
        return str(files[0])
    texts = [glob.escape(str(path)) for path in files]
    reverse = [text[::-1] for text in texts]
    start, end = commonprefix(texts), commonprefix(reverse)[::-1]  # noqa: RUF071  # by characters, as meant
    here = glob.escape(files[0].parent.as_posix())
    patterns = [*(name for name in names if "*" in name), f"{here}/*{files[0].suffix}", f"{start}*{end}"]
    for pattern in [*patterns, *(name for name in names if Path(name).is_dir())]:
        with suppress(InputError):
            if sorted(find_files(TableConfig(**UNSET | {"features": [], "path": pattern} | keys))) == files:
                return pattern
    helps = (
        "if several are parts of one trial, data.join puts them side by side; else give them a folder of their own"
    )
    raise InputError(f"no one pattern finds these {len(files)} tables without other files: {helps}")
