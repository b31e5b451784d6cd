"""Opens the sources that the config names, each a file or the files of a trial, which are put side by side."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from forcepos.config.schema import TableConfig
from forcepos.data.readers import files as finding
from forcepos.data.readers.arrays import LoadedTable, load_matlab, load_numpy
from forcepos.data.readers.binary import FeatherTable, ParquetTable
from forcepos.data.readers.layout import Written
from forcepos.data.readers.ros import RosTable
from forcepos.data.readers.rows import Numbers
from forcepos.data.readers.table import Chunk, PluginTable, Reader, Table, Wanted, explained
from forcepos.data.readers.text import TextTable
from forcepos.data.readers.times import DAY_S, HOUR_S
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some

log = logging.getLogger(__name__)
_SHOWN = 5
_SAME_S = 1e-6  # times that differ by less are the same but for rounding
_OLD = 5  # median steps of a file: its newest row is suspect from then on
_MAGIC = {
    b"ARROW1": "feather", b"FEA1": "feather", b"PAR1": "parquet", b"\x93NUMPY": "numpy", b"PK\x03\x04": "numpy",
    b"MATLAB 5": "matlab", b"MATLAB 7": "matlab", b"#ROSBAG": "ros", b"\x89MCAP": "ros", b"SQLite f": "ros",
}  # fmt: skip
_BINARY: dict[str, Callable[[Path], Table]] = {"feather": FeatherTable, "parquet": ParquetTable, "ros": RosTable}
_BINARY["numpy"] = lambda path: LoadedTable(path, "NumPy", load_numpy)
_BINARY["matlab"] = lambda path: LoadedTable(path, "MATLAB", load_matlab)


def open_table(path: Path, config: TableConfig) -> Table:
    """Open a file in the format that `data.format` or its ending names, which an InputError asks for."""
    if isinstance(config, Reader):
        return PluginTable(path, config)
    by_name = "ros" if path.is_dir() else finding.format_of(path)
    kind = by_name if config.format == "auto" else config.format
    if kind is None:
        raise InputError(f"{path} ends with none of {finding.ENDINGS}: set data.format")
    if kind in {"csv", "text"}:
        return TextTable(path, Written(kind, config.separator, config.decimal, config.header))
    return _BINARY[kind](path)


def open_any(path: Path) -> Table:
    """Open a file in the format that its content shows, text if it shows none; an empty one is an InputError."""
    if path.is_dir():
        return RosTable(path)
    with explained(path, "table"), path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise InputError(f"{path} is empty")
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    return _BINARY[kind](path) if kind else TextTable(path, None)


class Source(NamedTuple):
    """A file, or the files of a trial by their names in `data.join`; what their paths say of all rows, by role."""

    path: Path  # of the file, or of the trial
    files: dict[str, Path]
    words: dict[str, str]

    def open(self, config: TableConfig) -> Table:
        """Open it as one table; an InputError says that a file is damaged, or not of its format."""
        tables = {name: open_table(path, config) for name, path in self.files.items()}
        return JoinedTable(self.path, tables, config) if config.join else tables[""]


def find_sources(config: TableConfig) -> list[Source]:
    """Find the sources, one at least, in natural order of their paths."""
    trials = _find_trials(config, config.join) if config.join else {}
    found = trials or {path: {"": path} for path in finding.find_files(config)}
    paths = [next(iter(files.values())) for files in found.values()]
    roles = [role for role in ("recording", "label", "session") if getattr(config, f"{role}_from")]
    words = {role: finding.parts_of_paths(config, f"{role}_from", paths) for role in roles}
    names = words.setdefault("recording", finding.short_names([*found], endings=not config.join))
    if several := len(names) - len({*names}):
        log.info("data.recording_from=%s: %d files continue another's recording", config.recording_from, several)
    each = zip(found.items(), zip(*words.values(), strict=True), strict=True)
    return [Source(path, files, dict(zip(words, of_one, strict=True))) for (path, files), of_one in each]


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
        """Yield one chunk, of all rows; InputError if times have nothing in common, or numbers of rows differ."""
        by_time, begin = self._config.join_by == "time", 0
        columns, files, numbers = columns or self.everything, dict[str, pa.Table](), dict[str, list[int]]()
        for name, table in self._tables.items():
            inside, times = range(begin, begin + table.width), [*self._times(name).values()] if by_time else []
            numbers[name] = [number for number, one in enumerate(columns) if one.place in inside]
            mine = [columns[number]._replace(place=columns[number].place - begin) for number in numbers[name]]
            if mine or times:
                files[name] = _read_whole(table, [*mine, *times], strict)
            begin = inside.stop
        self.row_errors = [error for table in self._tables.values() for error in table.row_errors]
        if not by_time and len({len(file) for file in files.values()}) > 1:
            counts = ", ".join(f"{len(file)} rows in {name}" for name, file in files.items())
            advice = "data.join_by=row needs as many, data.join_by=time does not"
            raise InputError(f"{self.title} has {counts}: {advice}")
        rows = self._matches(files) if by_time else {}
        yield {
            number: (column.take(rows[name]) if rows else column).combine_chunks()
            for name, file in files.items()
            for number, column in zip(numbers[name], file.columns, strict=False)  # times are last
        }

    def _matches(self, files: Mapping[str, pa.Table]) -> dict[str, pa.Array]:
        """Return (rows,) the row of each file that each joined row takes: the newest one, by its time."""
        (first, time_s), *others = self._clocks(files).items()
        rows, old_s = {first: np.arange(len(time_s))}, np.zeros(len(time_s))
        for name, clock in others:
            if time_s[-1] < clock[0] or clock[-1] < time_s[0]:
                ours, other = (f"{one[0]:.10g} to {one[-1]:.10g} s" for one in (time_s, clock))
                nothing = f"times have nothing in common, {first} {ours}, {name} {other}"
                raise InputError(f"{self.title}: {nothing}: check data.time, or data.join_by=row")
            rows[name] = np.searchsorted(clock, time_s + _SAME_S, side="right") - 1
            age_s, step_s = time_s - clock[rows[name]], np.median(np.diff(clock, append=np.inf))
            np.maximum(old_s, age_s, out=old_s, where=age_s > _OLD * step_s + _SAME_S)
        there = np.min([*rows.values()], axis=0) >= 0
        self.dropped, self.old_s = int(np.count_nonzero(~there)), old_s[there & (old_s > 0)]
        return {name: pa.array(each[there]) for name, each in rows.items()}

    def _clocks(self, files: Mapping[str, pa.Table]) -> dict[str, Float64]:
        """Return (rows,) the times of each file, its last columns, in s."""
        numbers, clocks = Numbers(self._config.time_unit), dict[str, Float64]()
        for name, file in files.items():
            roles, title = [one.role for one in self._times(name).values()], self._tables[name].title
            columns = [column.combine_chunks() for column in file.columns[-len(roles) :]]
            with explained(title, self._tables[name].kind):
                clocks[name] = time_s = np.sum([*map(numbers.read, columns, roles)], axis=0)
            steps = np.diff(time_s)
            time_s[1:] += DAY_S * np.cumsum((steps > -DAY_S) & (steps <= HOUR_S - DAY_S))  # over midnight
            if not np.isfinite(time_s).all() or (np.diff(time_s) < 0).any():
                fault = "goes backwards" if np.isfinite(time_s).all() else "is missing in some rows"
                raise InputError(f"{title}: time {fault}, so that only data.join_by=row can join it")
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


def report_joined(tables: Sequence[Table]) -> None:
    """Log, once for all trials, how many rows found no match, or an old one."""
    joined = [table for table in tables if isinstance(table, JoinedTable)]
    if dropped := sum(table.dropped for table in joined):
        log.info("data.join: dropped %d rows, which are older than the first row of another file", dropped)
    if old := {str(table.path): table.old_s for table in joined if len(table.old_s)}:
        ages, where = np.concatenate([*old.values()]), name_some([*old], _SHOWN)
        rows = f"for {len(ages)} rows, another file's newest row is more than {_OLD} of its steps old"
        lost = f"up to {ages.max():.3g} s: its messages were lost, or clocks differ"
        log.warning("data.join: %s, %s, in %s", rows, lost, where)
