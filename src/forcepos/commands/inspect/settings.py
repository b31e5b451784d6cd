"""The keys under `data` with which training reads the tables that are inspected."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import Guesses
from forcepos.config.schema import TableConfig
from forcepos.data.readers.files import FORMATS, find_files
from forcepos.data.readers.lines import SPACE
from forcepos.data.readers.table import Table
from forcepos.runtime.errors import InputError

_CUT_STEPS, _CUT_S = 20, 1.0  # a step longer than both starts a new recording, where no column does
UNSET: dict[str, Any] = {"name": "table", "offset_mm": [0.0] * 3, **dict.fromkeys(("targets", "point", "rate_hz"))}


def format_keys(source: Table) -> dict[str, Any]:
    """Return the keys that the ending of the file does not imply."""
    layout = source.layout
    csv = layout and layout.separator != SPACE
    kind = "csv" if csv else source.kind.lower()
    keys = {
        "format": kind if FORMATS.get(source.path.suffix.lower()) != kind else None,
        "separator": layout.separator.decode() if layout and csv else None,
        "decimal": "," if layout and layout.decimal == "," else None,
        "header": bool(layout.names) if layout and not layout.marked else None,
    }
    return {key: value for key, value in keys.items() if value is not None}


def role_keys(guesses: Guesses, columns: dict[str, Column], step_s: float) -> dict[str, Any]:
    """Return the keys that name the columns of each role other than that of a feature."""
    named, touched = (columns[name].distinct if name else None for name in (guesses.recording, guesses.point))
    by_visit = guesses.point and (not guesses.recording or (named or np.inf) < (touched or 0))
    pauses = step_s and not guesses.point and guesses.recording in {None, guesses.session}
    used = {*guesses.features, *guesses.positions, *guesses.time, guesses.recording, guesses.point, guesses.label}
    keys = {
        "targets": [*guesses.positions] or None,
        "target_scale_mm": guesses.scale_mm if guesses.scale_mm != 1 else None,
        "label": guesses.label,
        "recording": None if by_visit else guesses.recording,
        "visits": True if by_visit else None,
        "gap_s": float(f"{max(_CUT_STEPS * step_s, _CUT_S):.3g}") if pauses else None,
        "point": guesses.point,
        "session": guesses.session,
        "time": guesses.time[0] if guesses.time else None,
        "time_unit": guesses.time_unit if guesses.time else None,
        "nanoseconds": guesses.time[1] if len(guesses.time) == 2 else None,
        "missing": "drop" if any(columns[name].missing for name in used if name) else None,
    }
    return {key: value for key, value in keys.items() if value is not None}


def path_of(sources: Sequence[Table], names: Sequence[str], folder: Path, keys: dict[str, Any]) -> str:
    """Return a file, a pattern or a folder by which training finds exactly these files; else a folder of links.

    Raises:
        InputError: there is no such path, and links cannot be made in the folder.
    """
    files = sorted(source.path for source in sources)
    if len(files) == 1:
        return str(files[0])
    patterns = [*(name for name in names if "*" in name), f"{files[0].parent.as_posix()}/*{files[0].suffix}"]
    for pattern in [*patterns, *(name for name in names if Path(name).is_dir())]:
        with suppress(InputError):
            if sorted(find_files(TableConfig(**UNSET | {"features": [], "path": pattern} | keys))) == files:
                return pattern
    try:
        common = Path(os.path.commonpath([path.absolute().parent for path in files]))
        for path in files:
            link = folder / "files" / path.absolute().relative_to(common)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())
    except OSError as error:
        raise InputError(f"give a folder or a pattern with exactly these files: {error}") from error
    return str(folder / "files")
