"""Finds the sources that the config names, each a file or the files of a trial, which are put side by side."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forcepos.config.schema import TableConfig
from forcepos.data.readers import files as finding
from forcepos.data.readers.arrays import Loaded, LoadedTable
from forcepos.data.readers.opening import open_table
from forcepos.data.readers.rows import Rows
from forcepos.data.readers.table import OF_PATHS, Chunk, Table, Wanted, explained
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some

log = logging.getLogger(__name__)
_SHOWN = 5
_SAME_S = 1e-6  # times that differ by less are the same but for rounding
_OLD = 5  # median steps of a file: its newest row is suspect from then on
_DAY_S, _HOUR_S = 86_400, 3600


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
    single = [] if config.join else finding.find_files(config)
    found = _find_trials(config, config.join) if config.join else {path: {"": path} for path in single}
    paths = [next(iter(files.values())) for files in found.values()]
    keys = {role: f"{role}_from" for role in ("recording", *OF_PATHS) if getattr(config, f"{role}_from")}
    words = {role: finding.parts_of_paths(config, key, paths) for role, key in keys.items()}
    names = words.pop("recording", None) or finding.short_names([*found], endings=not config.join)
    if several := len(names) - len({*names}):
        log.info("data.recording_from=%s: %d files continue another's recording", config.recording_from, several)
    return [
        Source(name, path, files, {role: each[place] for role, each in words.items()})
        for place, (name, (path, files)) in enumerate(zip(names, found.items(), strict=True))
    ]


def _find_trials(config: TableConfig, join: Mapping[str, str]) -> dict[Path, dict[str, Path]]:
    """Find the files of each trial: in one folder, with one text for each `*`."""
    place = Path(config.path)
    folders = [place] if place.is_dir() else finding.matching_files(config.path, Path.is_file, Path.is_dir)
    files = {file.as_posix(): file for folder in folders for file in finding.deep_files(folder, Path.is_file)}
    trials: dict[Path, dict[str, Path]] = {}
    for name, pattern in join.items():
        regular = finding.path_pattern(pattern, {}, star="([^/]*)")
        for match in filter(None, map(regular.fullmatch, files)):
            trials.setdefault(Path(*match.groups("")), {})[name] = files[match[0]]
    if not trials:
        raise InputError(f"data.path={config.path} is no folder, or holds no file that data.join names")
    order = sorted(trials, key=lambda trial: finding.natural_sort_key(str(trial)))
    missing = {trial: [f"{name}={join[name]}" for name in join if name not in trials[trial]] for trial in order}
    if lacking := [f"{trial} lacks {', '.join(names)}" for trial, names in missing.items() if names]:
        count = f"{len(lacking)} of {len(order)} trials lack a file of data.join:"
        raise InputError("\n  ".join([count, *first_lines(lacking, _SHOWN)]))
    return {trial: {name: trials[trial][name] for name in join} for trial in order}


class JoinedTable(Table):
    """The files of a trial side by side, its columns FILE.COLUMN; rows and times are the first file's.

    A trial is read whole. `dropped` counts rows before another file's first one; `old_s` are the ages in s of
    rows of other files that were taken although they were several of their steps old.
    """

    kind = "joined"

    def __init__(self, path: Path, tables: Mapping[str, Table], config: TableConfig) -> None:
        names = [f"{name}.{column}" for name, table in tables.items() for column in table.columns]
        super().__init__(path, names, len(names))
        self._tables, self._config, self.dropped, self.old_s = tables, config, 0, np.empty(0)

    @property
    def numbered(self) -> dict[str, list[int]]:
        each = [f"{name}.{place}" for name, table in self._tables.items() for place in range(table.width)]
        first = {key: [one.place] for key, one in self._times(next(iter(self._tables))).items()}
        return {name: [place] for place, name in enumerate(each)} | first

    def _times(self, name: str) -> dict[str, Wanted]:
        """Find a file's columns of time: the keys name those of all files, or FILE.COLUMN,… those of each."""
        found = {}
        for role in ("time", "nanoseconds"):
            if key := getattr(self._config, role):
                given = dict(one.split(".", 1) for one in key.split(",") if one.partition(".")[0] in self._tables)
                own = given.get(name) or next(iter(given.values()), key)
                (found[key],) = finding.find_columns(self._tables[name], [(role, own)])
        return found

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # those of any
        return max(table.rows(table.everything) for table in self._tables.values())

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:
        """Yield one chunk, of all rows.

        Raises:
            InputError: also if times have nothing in common, or numbers of rows differ.
        """
        by_time, begin = self._config.join_by == "time", 0
        files, numbers = dict[str, pa.Table](), dict[str, list[int]]()
        for name, table in self._tables.items():
            mine = {number: one._replace(place=one.place - begin) for number, one in enumerate(columns or ())}
            mine = {number: one for number, one in mine.items() if 0 <= one.place < table.width}
            times = [*self._times(name).values()] if by_time else []
            if mine or times:
                files[name], numbers[name] = _read_whole(table, [*mine.values(), *times], strict), [*mine]
            begin += table.width
        self.row_errors = [error for table in self._tables.values() for error in table.row_errors]
        if not by_time and len({len(file) for file in files.values()}) > 1:
            counts = ", ".join(f"{len(file)} rows in {name}" for name, file in files.items())
            needs = "data.join_by=row needs as many, data.join_by=time does not"
            raise InputError(f"{self.title} has {counts}: {needs}")
        rows = self._matches(files) if by_time else {}
        yield {
            number: (column.take(rows[name]) if rows else column).combine_chunks()
            for name, file in files.items()
            for number, column in zip(numbers[name], file.columns, strict=False)  # times are last
        }

    def _matches(self, files: Mapping[str, pa.Table]) -> dict[str, pa.Array]:
        """Return (rows,) the row of each file that each joined row takes: the newest one, by its time."""
        (first, time_s), *others = self._clocks(files).items()
        for name, clock in others:
            if time_s[-1] < clock[0] or clock[-1] < time_s[0]:
                ours, other = (f"{one[0]:.10g} to {one[-1]:.10g} s" for one in (time_s, clock))
                nothing = f"times have nothing in common, {first} {ours}, {name} {other}"
                raise InputError(f"{self.title}: {nothing}: check data.time, or data.join_by=row")
        rows, old_s = {first: np.arange(len(time_s))}, np.zeros(len(time_s))
        for name, clock in others:
            rows[name] = np.searchsorted(clock, time_s + _SAME_S, side="right") - 1
            age_s, step_s = time_s - clock[rows[name]], np.median(np.diff(clock, append=np.inf))
            np.maximum(old_s, age_s, out=old_s, where=age_s > _OLD * step_s + _SAME_S)
        there = np.min([*rows.values()], axis=0) >= 0
        self.dropped, self.old_s = int(np.count_nonzero(~there)), old_s[there & (old_s > 0)]
        return {name: pa.array(each[there]) for name, each in rows.items()}

    def _clocks(self, files: Mapping[str, pa.Table]) -> dict[str, Float64]:
        """Return (rows,) the times of each file, its last columns, in s."""
        times = [*self._times(next(iter(files))).values()]
        rows, clocks = Rows(self._config, times, sum(map(len, files.values())), several=False), {}
        for name, file in files.items():
            begin, table = rows.filled, self._tables[name]
            read = LoadedTable(table.path, table.kind, partial(_loaded, file))
            last = range(file.num_columns - len(times), file.num_columns)
            own = [one._replace(place=place) for one, place in zip(self._times(name).values(), last, strict=True)]
            if missing := rows.add(read, own, name, strict=True):
                raise InputError(missing[0])
            clocks[name] = time_s = rows.time_s[begin : rows.filled]
            steps = np.diff(time_s)
            time_s[1:] += _DAY_S * np.cumsum((steps > -_DAY_S) & (steps <= _HOUR_S - _DAY_S))  # over midnight
            if (np.diff(time_s) < 0).any():
                raise InputError(f"{table.title}: time goes backwards, so that only data.join_by=row can join it")
        return clocks


def _read_whole(table: Table, columns: Sequence[Wanted], strict: bool) -> pa.Table:
    """Read columns whole, named by their index."""
    parts: list[list[pa.Array]] = [[] for _ in columns]
    for chunk in table.chunks(columns, strict):
        for number, array in chunk.items():
            parts[number].append(array)
    if not sum(map(len, parts[0])):
        raise InputError(f"{table.title} has no rows")
    with explained(table.title, table.kind):
        return pa.table([pa.chunked_array(part) for part in parts], [*map(str, range(len(parts)))])


def _loaded(table: pa.Table, _: Path) -> Loaded:
    return table, {}


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
