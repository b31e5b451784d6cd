"""Opens the tables that are inspected, recognised by their content, and reads all of them as training does."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.conversions import foreign_format
from forcepos.commands.inspect.guesses import guess
from forcepos.commands.inspect.roles import Guesses
from forcepos.commands.inspect.settings import UNSET, settings_of
from forcepos.config.schema import TableConfig
from forcepos.data.loading import read_table
from forcepos.data.readers.files import find_columns, matching_files
from forcepos.data.readers.opening import open_any
from forcepos.data.readers.table import Table, explained
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.wording import first_lines, name_some

_SKIPPED = (".md", ".yaml", ".yml", ".json", ".png", ".svg", ".html", ".log", ".py")
_SHORT = 10  # rows: as a recording, a visit must be longer
_NO_CHANNELS = {"row number", "commanded position", "commanded angle", "commanded value", "position", "seconds"}


@dataclass
class Survey:
    """Everything that inspect finds in the tables.

    Attributes:
        skipped: for each file of a folder that is no table, why it is none.
        columns: statistics of all columns, by the names that training finds them by.
        settings: the keys under `data` with which training reads the tables, without the features.
        recordings: all rows, with every channel as a signal.
    """

    sources: Sequence[Table]
    skipped: dict[Path, str]
    columns: dict[str, Column]
    guesses: Guesses
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


def survey_of(hints: Namespace) -> Survey:
    """Read all tables; `hints` are the files and columns that the user names.

    Raises:
        InputError: a file is missing, empty, damaged or no table, or they differ in their columns.
    """
    sources: list[Table] = []
    skipped: dict[Path, str] = {}
    for name in hints.files:
        found = matching_files(name, lambda path: path.is_file() and path.suffix.lower() not in _SKIPPED)
        if not found and not Path(name).is_dir():
            raise InputError(f"{name} is not a file, a folder or a pattern that matches a file")
        for path in found:
            try:
                sources.append(_open(path, sources))
            except InputError as error:
                if not Path(name).is_dir():
                    raise
                skipped[path] = str(error)
    if not sources:
        why = [f"{', '.join(hints.files)}: no tables found", *first_lines([*skipped.values()], 10)]
        raise InputError("\n  ".join(why))
    columns = _read_columns(sources)
    guesses = guess(columns, hints)
    settings = settings_of(sources, hints.files, guesses, columns)
    return Survey(sources, skipped, columns, guesses, settings, _read(settings, guesses, columns))


def _open(path: Path, others: Sequence[Table]) -> Table:
    with explained(path, "table"):
        foreign = foreign_format(path)
    try:
        table = open_any(path)
    except InputError as error:
        raise InputError(foreign or str(error)) from error
    if foreign and table.kind == "text":  # such as JSON, whose lines have commas
        raise InputError(foreign)
    find_columns(table, [("", name) for name in table.columns])
    if others and table.columns != others[0].columns:
        there = {*table.columns}, {*others[0].columns}
        names = {"adds": there[0] - there[1], "lacks": there[1] - there[0]}
        different = [f"it {verb} {name_some(sorted(those), 5)}" for verb, those in names.items() if those]
        what = " and ".join(different) or "their order differs"
        raise InputError(f"{path} has different columns from {others[0].path}: {what}")
    return table


def _read_columns(sources: Sequence[Table]) -> dict[str, Column]:
    named = sources[0].columns
    names = [name if name.strip() or str(place) in named else str(place) for place, name in enumerate(named)]
    columns = {name: Column(name) for name in names}
    for source, chunk in ((each, chunk) for each in sources for chunk in each.chunks(strict=False)):
        with explained(source.title, source.kind):
            for place, column in enumerate(columns.values()):
                column.add(chunk[place])
        stop_if_asked()
    if not columns[names[0]].rows:
        raise InputError(f"{name_some([str(source.path) for source in sources], 3)}: no rows")
    return columns


def _read(settings: dict[str, Any], guesses: Guesses, columns: dict[str, Column]) -> Recordings:
    """Read all rows as training does, with every channel; change the settings where they do not suit the rows."""
    others = guesses.taken | {name for name, kind in guesses.kinds.items() if kind in _NO_CHANNELS}
    names = [name for name, column in columns.items() if column.readable and name not in others]
    keep = [] if names or guesses.positions else [*columns][:1]
    keys = UNSET | {"features": names, "keep": keep} | settings | {"missing": "refuse", "label": None}
    config = TableConfig(**keys)
    try:
        recordings = read_table(config, strict=False)
    except InputError:  # training will say so; here, without what divides the rows
        unset = dict.fromkeys(("time", "nanoseconds", "recording", "point", "session", "gap_s"))
        recordings = read_table(TableConfig(**keys | unset | {"visits": False}), strict=False)
    if config.visits and np.diff(recordings.bounds).min() < _SHORT:  # rows of several points in turn
        del settings["visits"]
        settings["recording"] = guesses.recording = guesses.recording or guesses.point
        recordings = read_table(replace(config, visits=False, recording=guesses.recording), strict=False)
    if config.gap_s and recordings.times and len(recordings.times.names) == len(recordings.names):
        del settings["gap_s"]
    return replace(recordings, channels=tuple(names))  # numbers as such
