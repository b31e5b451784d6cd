"""Opens the tables that are inspected, recognised by their content, and reads all of them in one pass."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.guesses import guess, guess_roles
from forcepos.commands.inspect.reading import Reading, Recording, Times, median_step, seconds
from forcepos.commands.inspect.roles import Guesses
from forcepos.data.readers.files import find_columns, matching_files
from forcepos.data.readers.opening import open_any
from forcepos.data.readers.table import Table, explained
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.wording import first_lines, name_some

_SKIPPED = (".md", ".yaml", ".yml", ".json", ".png", ".svg", ".html", ".log", ".py")
_PROBED = 50_000  # rows from which roles are guessed


@dataclass
class Survey:
    """Everything that one pass over all tables finds."""

    sources: Sequence[Table]
    skipped: Sequence[str]  # for each file of a folder that is no table, why it is none
    columns: dict[str, Column]
    guesses: Guesses
    times: Times
    recordings: list[Recording]
    sample: pd.DataFrame  # numeric columns of rows at equal distances, by the number of the recording

    @property
    def rows(self) -> int:
        return sum(recording.rows for recording in self.recordings)

    @property
    def points(self) -> list[str]:
        return list(dict.fromkeys(recording.point for recording in self.recordings if recording.point))


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
    table = open_any(path)
    find_columns(table, [("", name) for name in table.columns])
    if others and table.columns != others[0].columns:
        ours, theirs = pd.Index(table.columns), pd.Index(others[0].columns)
        names = {"adds": ours.difference(theirs, sort=False), "lacks": theirs.difference(ours, sort=False)}
        different = [f"it {verb} {name_some([*those], 5)}" for verb, those in names.items() if len(those)]
        what = " and ".join(different) or "their order differs"
        raise InputError(f"{path} has different columns from {others[0].path}: {what}")
    return table


def survey_sources(sources: Sequence[Table], skipped: Sequence[str], hints: Namespace) -> Survey:
    """Read all tables once; `hints` are the columns that the user names.

    Raises:
        InputError: there are no rows, or a file cannot be read.
    """
    guesses, median_s = _first_look(sources, hints)
    columns = {name: Column(name) for name in sources[0].columns}
    reading = Reading(guesses, columns.values(), Times(median_s))
    for source in sources:
        reading.start_file(source.path.stem)
        for chunk in source.chunks(strict=False):
            with explained(source.title, source.kind):
                reading.add(chunk)
            stop_if_asked()
    guess_roles(guesses, columns, hints)
    return Survey(sources, skipped, columns, guesses, reading.times, reading.recordings, reading.sample)


def _first_look(sources: Sequence[Table], hints: Namespace) -> tuple[Guesses, float]:
    """Guess from the first rows, of as many files as it takes; also return the median step of time."""
    columns = {name: Column(name) for name in sources[0].columns}
    start: dict[str, list[Float64]] = {}
    rows = 0
    for source, chunk in ((each, chunk) for each in sources for chunk in each.chunks(strict=False)):
        with explained(source.title, source.kind):
            for place, column in enumerate(columns.values()):
                numbers, _ = column.add(chunk[place])
                if numbers is not None:
                    start.setdefault(column.name, []).append(numbers)
        rows += len(chunk[0])
        if rows >= _PROBED:
            break
    if not rows:
        raise InputError(f"{name_some([str(source.path) for source in sources], 3)}: no rows")
    first = {name: np.concatenate(numbers) for name, numbers in start.items()}
    guesses = guess(columns, first, hints)
    if not guesses.time:
        return guesses, 0.0
    known = first[guesses.time[0]][np.isfinite(first[guesses.time[0]])]
    guesses.origin = float(known[0]) if len(known) else 0.0
    return guesses, median_step(np.diff(seconds(guesses, first)))
