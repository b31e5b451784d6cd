"""Finds the sources that the config names, each a file or the files of a trial, which are put side by side."""

import glob
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.data.readers.files import (
    deep_files,
    find_columns,
    find_files,
    natural_sort_key,
    parts_of_paths,
    path_pattern,
    short_names,
)
from forcepos.data.readers.opening import open_table
from forcepos.data.readers.rows import Rows
from forcepos.data.readers.table import OF_PATHS, Chunk, Table, Wanted
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some

log = logging.getLogger(__name__)
_SHOWN = 5
_SAME_S = 1e-6  # times that differ by less are the same but for rounding
_OLD = 5  # median steps of a file: its newest row is suspect from then on


class Source(NamedTuple):
    """A file, or the files of a trial by their names in `data.join`; what their paths say of all rows, by role."""

    name: str  # of its recording
    path: Path  # of the file, or of the trial
    files: dict[str, Path]
    words: dict[str, str]

    def open(self, config: TableConfig) -> Table:
        """Open it as one table.

        Raises:
            InputError: a file is damaged, or not of the format that the config or its ending names.
        """
        tables = {name: open_table(path, config) for name, path in self.files.items()}
        table = JoinedTable(self.path, tables, config) if config.join else tables[""]
        table.path_words = self.words
        return table


def find_sources(config: TableConfig) -> list[Source]:
    """Find the sources in natural order of their paths.

    Raises:
        InputError: there are none, a trial lacks a file, or a path does not match a pattern.
    """
    found = _find_trials(config, config.join) if config.join else {path: {"": path} for path in find_files(config)}
    paths = [next(iter(files.values())) for files in found.values()]
    keys = {role: f"{role}_from" for role in ("recording", *OF_PATHS) if getattr(config, f"{role}_from")}
    words = {role: parts_of_paths(config, key, paths) for role, key in keys.items()}
    names = words.pop("recording", None) or short_names([*found], endings=not config.join)
    if (several := len(names) - len({*names})) > 0:
        log.info("data.recording_from=%s: %d files continue another's recording", config.recording_from, several)
    return [
        Source(name, path, files, {role: each[place] for role, each in words.items()})
        for place, (name, (path, files)) in enumerate(zip(names, found.items(), strict=True))
    ]


def _find_trials(config: TableConfig, join: Mapping[str, str]) -> dict[Path, dict[str, Path]]:
    """Find the files of each trial: in one folder, with one text for each `*`."""
    place, trials = Path(config.path), dict[tuple[str | None, ...], dict[str, Path]]()
    # Path.glob takes no absolute pattern.
    folders = [place] if place.is_dir() else [*filter(Path.is_dir, map(Path, glob.glob(config.path)))]  # noqa: PTH207
    files = {file for folder in folders for file in deep_files(folder, Path.is_file)}
    for name, pattern in join.items():
        regular = path_pattern(pattern, {}, star="([^/]*)")
        for file in files:
            if match := regular.fullmatch(file.as_posix()):
                trials.setdefault(match.groups(), {})[name] = file
    if not trials:
        raise InputError(f"data.path={config.path} is no folder, or holds no file that data.join names")
    found = {Path(folder or ".", "_".join(map(str, stars))): trials[folder, *stars] for folder, *stars in trials}
    order = sorted(found, key=lambda trial: natural_sort_key(str(trial)))
    lacking = [
        f"{trial} lacks {', '.join(f'{name}={join[name]}' for name in join if name not in found[trial])}"
        for trial in order
        if len(found[trial]) < len(join)
    ]
    if lacking:
        count = f"{len(lacking)} of {len(order)} trials lack a file of data.join:"
        raise InputError("\n  ".join([count, *first_lines(lacking, _SHOWN)]))
    return {trial: {name: found[trial][name] for name in join} for trial in order}


class JoinedTable(Table):
    """The files of a trial side by side, its columns FILE.COLUMN; rows and times are the first file's.

    A trial is read whole. `dropped` counts rows before another file's first one; `old_s` are the ages in s of
    rows of another file that were taken although they were several of its steps old.
    """

    kind = "joined"

    def __init__(self, path: Path, tables: Mapping[str, Table], config: TableConfig) -> None:
        names = [f"{name}.{column}" for name, table in tables.items() for column in table.columns]
        super().__init__(path, names, len(names))
        self._tables, self._config, self.dropped, self.old_s = tables, config, 0, np.empty(0)

    @property
    def numbered(self) -> dict[str, list[int]]:
        places = ((name, place) for name, table in self._tables.items() for place in range(table.width))
        numbered = {f"{name}.{number}": [place] for place, (name, number) in enumerate(places)}
        first = next(iter(self._tables))
        return numbered | {name: [one.place] for name, one in self._times(first).items()}

    def _times(self, name: str) -> dict[str, Wanted]:
        """Find a file's columns of time: the keys name those of all files, or FILE.COLUMN,… those of each."""
        found = {}
        for role in ("time", "nanoseconds"):
            if key := getattr(self._config, role):
                given = dict(one.split(".", 1) for one in key.split(",") if one.partition(".")[0] in self._tables)
                own = given.get(name) or next(iter(given.values()), key)
                (found[key],) = find_columns(self._tables[name], [(role, own)])
        return found

    def _of_each(self, columns: Sequence[Wanted]) -> Iterator[tuple[str, Table, dict[int, Wanted]]]:
        """Yield each file's name, table and wanted columns, by their index among all that are wanted."""
        begin = 0
        for name, table in self._tables.items():
            mine = {number: one._replace(place=one.place - begin) for number, one in enumerate(columns)}
            yield name, table, {number: one for number, one in mine.items() if 0 <= one.place < table.width}
            begin += table.width

    def rows(self, columns: Sequence[Wanted]) -> int:
        each = [table.rows([*mine.values()] or table.everything) for _, table, mine in self._of_each(columns)]
        return each[0] if self._config.join_by == "time" else max(each)

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:
        """Yield one chunk, of all rows.

        Raises:
            InputError: also if times have nothing in common, or numbers of rows differ.
        """
        rows = self._matches() if self._config.join_by == "time" else {}
        whole, lengths = dict[int, pa.Array](), dict[str, int]()
        for name, table, mine in self._of_each(columns or self.everything):
            if mine:
                arrays = _read_whole(table, columns and [*mine.values()], strict)
                lengths[name] = len(arrays[0])
                arrays = [array.take(pa.array(rows[name])) for array in arrays] if rows else arrays
                whole |= dict(zip(mine, arrays, strict=True))
        if not rows and len({*lengths.values()}) > 1:
            counts = ", ".join(f"{length} rows in {name}" for name, length in lengths.items())
            raise InputError(
                f"{self.title} has {counts}: data.join_by=row needs as many, data.join_by=time does not"
            )
        self.row_errors = [error for table in self._tables.values() for error in table.row_errors]
        yield dict(sorted(whole.items()))

    def _matches(self) -> dict[str, NDArray[np.intp]]:
        """Return (rows,) the row of each file that each joined row takes: the newest one, by its time."""
        clocks = {name: self._clock(name, table) for name, table in self._tables.items()}
        (first, time_s), *others = clocks.items()
        spans = {name: f"{name} {clock[0]:.10g} to {clock[-1]:.10g} s" for name, clock in clocks.items()}
        if apart := [name for name, clock in others if time_s[-1] < clock[0] or clock[-1] < time_s[0]]:
            both = f"{spans[first]}, {spans[apart[0]]}"
            raise InputError(
                f"{self.title}: times have nothing in common, {both}: check data.time, or data.join_by=row"
            )
        rows = {name: np.searchsorted(clock, time_s + _SAME_S, side="right") - 1 for name, clock in others}
        there = np.min([np.zeros(len(time_s), np.intp), *rows.values()], axis=0) >= 0
        self.dropped = int(np.count_nonzero(~there))
        ages = [(time_s - clock[rows[name]], np.median(np.diff(clock, append=np.inf))) for name, clock in others]
        self.old_s = np.concatenate(
            [age[there & (age > _OLD * step + _SAME_S)] for age, step in ages] or [self.old_s]
        )
        return {first: np.flatnonzero(there)} | {name: each[there] for name, each in rows.items()}

    def _clock(self, name: str, table: Table) -> Float64:
        """Return (rows,) the times of a file in s."""
        columns = [*self._times(name).values()]
        rows = Rows(self._config, columns, table.rows(columns), several=False)
        if missing := rows.add(table, columns, name, strict=True):
            raise InputError(missing[0])
        rows.finish()
        if (np.diff(rows.time_s) < 0).any():
            raise InputError(f"{table.title}: time goes backwards, so that only data.join_by=row can join it")
        return rows.time_s + rows.origin_s


def _read_whole(table: Table, columns: Sequence[Wanted] | None, strict: bool) -> list[pa.Array]:
    """Read some or all columns as one array each."""
    parts: dict[int, list[pa.Table]] = {number: [] for number in range(len(columns or table.everything))}
    for chunk in table.chunks(columns, strict):
        for number, array in chunk.items():
            parts[number].append(pa.table([array], ["0"]))
    if not parts[0]:
        raise InputError(f"{table.title} has no rows")
    # Of a text without wanted types, one chunk may hold whole numbers and the next one fractions.
    whole = [pa.concat_tables(part, promote_options="permissive") for part in parts.values()]
    return [one.combine_chunks().column(0).chunk(0) for one in whole]


def report_joined(tables: Sequence[Table]) -> None:
    """Log, once for all trials, how many rows found no match, or an old one."""
    joined = [table for table in tables if isinstance(table, JoinedTable)]
    if dropped := sum(table.dropped for table in joined):
        log.info("data.join: dropped %d rows, which are older than the first row of another file", dropped)
    if old := {str(table.path): table.old_s for table in joined if len(table.old_s)}:
        ages, where = np.concatenate([*old.values()]), name_some([*old], _SHOWN)
        log.warning(
            "data.join: for %d rows, another file's newest row is more than %d of its steps old, up to %.3g s: "
            "its messages were lost, or clocks differ, in %s", len(ages), _OLD, ages.max(), where,
        )  # fmt: skip
