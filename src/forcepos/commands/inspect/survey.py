"""Opens the tables that are inspected, recognised by their content, and reads all of them as training does."""

import os
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.conversions import foreign_format
from forcepos.commands.inspect.guesses import guess, guess_roles, median_step
from forcepos.commands.inspect.roles import PER_SECOND, Guesses
from forcepos.config.schema import TableConfig
from forcepos.data.readers.files import FORMATS, find_columns, find_files, matching_files
from forcepos.data.readers.lines import SPACE
from forcepos.data.readers.opening import open_any
from forcepos.data.readers.read import read_table
from forcepos.data.readers.table import Table, explained
from forcepos.data.recordings import Float64, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.wording import first_lines, name_some

_SKIPPED = (".md", ".yaml", ".yml", ".json", ".png", ".svg", ".html", ".log", ".py")
_PROBED = 50_000  # rows from which roles are guessed
_CUT_STEPS, _CUT_S = 20, 1.0  # a step longer than both starts a new recording, where no column does
_SHORT = 10  # rows: as a recording, a visit must be longer
_NO_CHANNELS = {"row number", "commanded position", "commanded angle", "commanded value", "position", "seconds"}
_UNSET: dict[str, Any] = {
    "name": "table",
    "offset_mm": [0.0] * 3,
    **dict.fromkeys(("targets", "point", "rate_hz")),
}


@dataclass
class Survey:
    """Everything that inspect finds in the tables.

    Attributes:
        skipped: for each file of a folder that is no table, why it is none.
        columns: statistics of all columns, by the names that training finds them by.
        steps_s: the first steps of time from row to row.
        settings: the keys under `data` with which training reads the tables, without the features.
        recordings: all rows, with every channel as a signal.
    """

    sources: Sequence[Table]
    skipped: Sequence[str]
    columns: dict[str, Column]
    guesses: Guesses
    steps_s: Float64
    settings: dict[str, Any]
    recordings: Recordings

    @property
    def rows(self) -> int:
        return len(self.recordings.recording)

    @property
    def points(self) -> int:
        """How many points were touched; 0 where neither a column nor positions tell."""
        known = self.guesses.point or self.guesses.positions
        return int(self.recordings.point.max()) + 1 if known else 0


def open_sources(names: Sequence[str]) -> tuple[list[Table], list[str]]:
    """Open the tables among files, folders and patterns, in order; also return why files of folders are skipped.

    Raises:
        InputError: a file is missing, empty or not a table, or tables differ in their columns.
    """
    sources: list[Table] = []
    skipped: list[str] = []
    for name in names:
        found = matching_files(name, lambda path: path.is_file() and path.suffix.lower() not in _SKIPPED)
        if not found and not Path(name).is_dir():
            raise InputError(f"{name} is not a file, a folder or a pattern that matches a file")
        for path in found:
            try:
                sources.append(_open(path, sources))
            except InputError as error:
                if not Path(name).is_dir():
                    raise
                skipped.append(str(error))
    if not sources:
        raise InputError("\n  ".join([f"{', '.join(names)}: no tables found", *first_lines(skipped, 10)]))
    return sources, skipped


def _open(path: Path, others: Sequence[Table]) -> Table:
    with explained(path, "table"):
        foreign = foreign_format(path)
    try:
        table = open_any(path)
    except InputError as error:
        raise InputError(foreign or str(error)) from error
    if foreign and table.kind == "text":  # such as JSON, whose lines have commas
        raise InputError(foreign)
    find_columns(table, [("", name) for name in table.names or []])
    if others and table.columns != others[0].columns:
        there = {*table.columns}, {*others[0].columns}
        names = {"adds": there[0] - there[1], "lacks": there[1] - there[0]}
        different = [f"it {verb} {name_some(sorted(those), 5)}" for verb, those in names.items() if those]
        what = " and ".join(different) or "their order differs"
        raise InputError(f"{path} has different columns from {others[0].path}: {what}")
    return table


def survey_sources(sources: Sequence[Table], skipped: Sequence[str], hints: Namespace, folder: Path) -> Survey:
    """Read all tables; `hints` are the files and columns that the user names, `folder` is for links to files.

    Raises:
        InputError: there are no rows, or a file cannot be read.
    """
    columns, start = _read_columns(sources, _PROBED)
    guesses = guess(columns, start, hints)
    units = zip(guesses.time, (guesses.time_unit, "ns"), strict=False)
    steps_s = sum((np.diff(start[name]) / PER_SECOND[unit] for name, unit in units), np.zeros(1))
    columns, _ = _read_columns(sources)
    guess_roles(guesses, columns, hints)
    keys = _format(sources[0])
    settings = {"path": _path(sources, hints.files, folder, keys)} | keys
    settings |= _roles(guesses, columns, median_step(steps_s))
    recordings = _read(settings, guesses, columns)
    return Survey(sources, skipped, columns, guesses, steps_s, settings, recordings)


def _read_columns(
    sources: Sequence[Table], most: int | None = None
) -> tuple[dict[str, Column], dict[str, Float64]]:
    """Read the columns of all rows, or of the first; return their statistics, and of the first their numbers."""
    named = sources[0].columns
    names = [name if name.strip() or str(place) in named else str(place) for place, name in enumerate(named)]
    columns = {name: Column(name) for name in names}
    start: dict[str, list[Float64]] = {}
    rows = 0
    for source, chunk in ((each, chunk) for each in sources for chunk in each.chunks(strict=False)):
        if most is not None and rows >= most:
            break
        with explained(source.title, source.kind):
            for place, column in enumerate(columns.values()):
                numbers = column.add(chunk[place])
                if numbers is not None and most is not None:
                    start.setdefault(column.name, []).append(numbers)
        rows += len(chunk[0])
        stop_if_asked()
    if not rows:
        raise InputError(f"{name_some([str(source.path) for source in sources], 3)}: no rows")
    return columns, {name: np.concatenate(numbers) for name, numbers in start.items()}


def _format(source: Table) -> dict[str, Any]:
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


def _roles(guesses: Guesses, columns: dict[str, Column], step_s: float) -> dict[str, Any]:
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


def _read(settings: dict[str, Any], guesses: Guesses, columns: dict[str, Column]) -> Recordings:
    """Read all rows as training does, with every channel; change the settings where they do not suit the rows."""
    names = channels(guesses, columns)
    others = {} if names or settings.get("targets") else {"keep": [*columns][:1]}
    config = TableConfig(**_UNSET | {"features": names} | others | settings | {"missing": "refuse", "label": None})
    try:
        recordings = read_table(config, strict=False)
    except InputError:  # training will say so; here, without what divides the rows
        roles = dict.fromkeys(("time", "nanoseconds", "recording", "point", "session", "gap_s"))
        recordings = read_table(replace(config, visits=False, **roles), strict=False)
    if config.visits and np.diff(recordings.bounds).min() < _SHORT:  # rows of several points in turn
        del settings["visits"]
        settings["recording"] = guesses.recording = guesses.recording or guesses.point
        recordings = read_table(replace(config, visits=False, recording=guesses.recording), strict=False)
    if config.gap_s and recordings.times and len(recordings.times.names) == len(recordings.names):
        del settings["gap_s"]
    return replace(recordings, channels=tuple(names))  # numbers as such


def channels(guesses: Guesses, columns: dict[str, Column]) -> list[str]:
    """Name the columns with measurements: not time, positions, names or commands."""
    others = guesses.taken | {name for name, kind in guesses.kinds.items() if kind in _NO_CHANNELS}
    return [column.name for column in columns.values() if column.readable and column.name not in others]


def _path(sources: Sequence[Table], names: Sequence[str], folder: Path, keys: dict[str, Any]) -> str:
    """Return a file, a pattern or a folder by which training finds exactly these files; else a folder of links.

    Raises:
        InputError: there is no such path, and links cannot be made in the folder.
    """
    files = sorted(source.path for source in sources)
    if len(files) == 1:
        return str(files[0])
    patterns = [*(name for name in names if "*" in name), f"{files[0].parent.as_posix()}/*{files[0].suffix}"]
    for path in [*patterns, *(name for name in names if Path(name).is_dir())]:
        with suppress(InputError):
            if sorted(find_files(TableConfig(**_UNSET | {"features": [], "path": path} | keys))) == files:
                return path
    try:
        common = Path(os.path.commonpath([path.absolute().parent for path in files]))
        for path in files:
            link = folder / "files" / path.absolute().relative_to(common)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())
    except OSError as error:
        raise InputError(f"give a folder or a pattern with exactly these files: {error}") from error
    return str(folder / "files")
