"""Loads recordings from the source that `data` names: a simulation, or tables, read straight into arrays."""

import logging
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from forcepos.config.contradictions import known_axes
from forcepos.config.schema import Config, DataConfig, SimulatedConfig, TableConfig
from forcepos.data.checks.check import check, drop_short
from forcepos.data.points import number_points
from forcepos.data.readers.files import find_columns, hint_at_kinds, natural_sort_key, wanted_columns
from forcepos.data.readers.opening import find_sources, report_joined
from forcepos.data.readers.rows import Bools, Rows
from forcepos.data.readers.times import begins, measure, rate_of, steps_of, time_warnings
from forcepos.data.recordings import Float64, Int32, Recordings, tare, tare_rows
from forcepos.data.simulation.simulation import Simulation
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some, once_each

log = logging.getLogger(__name__)
_SHOWN = 10
_MOST_ROWS = 2**31  # that can be numbered


@dataclass(frozen=True)
class Loaded:
    """Recordings with the signals that the model sees, and the simulation if they come from one."""

    recordings: Recordings
    simulation: Simulation | None = None


def load_checked(config: Config) -> Loaded:
    """Load the recordings of a run and check them as well; log warnings."""
    loaded = load_recordings(config.data, config.model.window)
    for warning in check(loaded.recordings, config.model.window):
        log.warning("%s", warning)
    return loaded


def load_recordings(config: DataConfig, window: int = 1) -> Loaded:
    """Read or simulate the recordings; drop a table's that are shorter than a window, unless they are visits.

    An InputError names the file, recording or column that cannot be used and the reason.
    """
    if isinstance(config, TableConfig):
        recordings = tare(read_table(config), config)
        recordings = recordings if config.visits else drop_short(recordings, window)
        if len(recordings.label_names) == 1:
            given = f"label={config.label}" if config.label else f"label_from={config.label_from}"
            raise InputError(f"data.{given} has only one class, {recordings.label_names[0]}: nothing to classify")
        return Loaded(recordings)
    if not isinstance(config, SimulatedConfig):
        raise TypeError(f"not a data source: {type(config)}")
    rows = math.prod(config.grid) * config.visits * config.rows
    with suppress(MemoryError):
        if rows <= _MOST_ROWS:
            simulation = Simulation(config)
            return Loaded(simulation.recordings.select(config.features), simulation)
    reduce = "reduce data.grid, data.visits or data.rows"
    raise InputError(f"{rows:,} simulated rows do not fit into memory: {reduce}")


def read_table(config: TableConfig, strict: bool = True) -> Recordings:
    """Read the recordings of the files that `data.path` names; an InputError lists the problems of all files.

    `strict`: refuse broken lines and missing values, as the config says, and warn of what is wrong with time;
    False: drop broken lines and rows without a time or a name, and keep missing signals and targets.
    """
    files, tables, wanted, most = [], [], wanted_columns(config), 0
    problems: list[tuple[str, str]] = []  # with the file of each
    sources = find_sources(config)
    for source in sources:
        try:
            table = source.open(config)
            tables.append(table)
            columns = find_columns(table, wanted)
            most += table.rows(columns)
            files.append((table, columns, source.words))
        except InputError as error:
            problems.append((str(source.path), str(error)))
    if problems and (not files or len({table.path.parent for table in tables}) > 1):
        problems += hint_at_kinds(config, tables)
    found = ((table.title, table.layout) for table in tables if files)
    for doubt in once_each([(title, f"{title}: {of.doubt}") for title, of in found if of and of.doubt]):
        log.warning("%s", doubt)
    rows = Rows(config, files[0][1] if files else [], most, len(sources) > 1)
    for table, columns, words in files:
        try:
            missing = rows.add(table, columns, words, strict)
            problems += [(table.title, line) for line in missing if strict and config.missing == "refuse"]
        except InputError as error:
            problems.append((str(table.path), str(error)))
    if lines := once_each(problems):
        all_of_them = "\n  ".join(["the tables cannot be read:", *first_lines(lines, _SHOWN)])
        raise InputError(lines[0] if len(lines) == 1 else all_of_them)
    report_joined(tables)
    return _recordings(rows, strict)


def _recordings(rows: Rows, strict: bool) -> Recordings:
    config, missing = rows.config, rows.gather(strict)
    steps = steps_of(rows.time_s, rows.recordings.numbers) if len(rows.time_s) else rows.time_s
    recordings = _all_rows(rows, steps)
    recordings = _look_at_time(rows, recordings, steps, strict) if len(steps) else recordings
    rows.time_s = steps = steps[:0].copy()  # frees what takes the most memory, before points and checks need some
    recordings = recordings.only(~missing) if missing.any() else recordings
    if not config.point:
        found = number_points(recordings.positions, recordings.recording, config.point_grid_mm)
        recordings = replace(recordings, point=found)
    session = recordings.recording if recordings.session is None else recordings.session
    low, high = (one.reduceat(session, recordings.bounds[:, 0]) for one in (np.minimum, np.maximum))
    if several := [recordings.names[number] for number in np.flatnonzero(low < high)]:
        within = f"the session changes within {len(several)} recordings, {name_some(several, _SHOWN)}"
        raise InputError(f"{within}: name a column in data.recording, data.recording={config.session} at least")
    return recordings


def _all_rows(rows: Rows, steps: Float64) -> Recordings:
    config, recording, names = rows.config, rows.recordings.numbers, rows.recordings.names
    named = [_named(rows, role) for role in ("point", "label", "session")]
    (point, points), (labels, label_names), (session, session_names) = named
    if config.visits and point is not None:
        new = begins(point) | begins(recording)
        recording, names = _split(point, points, new, "visit")
    if config.gap_s is not None and len(steps):
        new = begins(recording) | (steps < 0) | (steps > config.gap_s)
        recording, names = _split(recording, names, new, "part")
    point = np.zeros_like(recording) if point is None else point
    channels = tuple(column.name for column in rows.columns if column.role == "feature")
    kept = {name: words.values for name, words in zip(config.keep or (), rows.of("keep"), strict=True)}
    return Recordings(
        signals=rows.signals, positions=rows.positions, recording=recording, point=point, channels=channels,
        names=tuple(names), rate_hz=config.rate_hz, axes=known_axes(config), labels=labels,
        label_names=label_names, kept=kept, session=session, session_names=session_names,
    )  # fmt: skip


def _named(rows: Rows, role: str) -> tuple[Int32 | None, tuple[str, ...]]:
    """Return the words with this role, numbers (rows,) and names, those of labels in the order of names."""
    for words in rows.of(role):
        if role != "label":
            return words.numbers, tuple(words.names)
        order = sorted(range(len(words.names)), key=lambda one: natural_sort_key(words.names[one]))
        return np.argsort(order).astype(np.int32)[words.numbers], tuple(words.names[one] for one in order)
    return None, ()


def _split(numbers: Int32, names: Sequence[str], new: Bools, word: str) -> tuple[Int32, list[str]]:
    """Begin a recording at each of the `new` rows (rows,): its name is that of its row, counted if not alone."""
    given = [names[number] for number in numbers[new].tolist()]
    total, seen = Counter(given), {name: count(1) for name in given}
    first = {"visit": 2, "part": 1}[word]  # the number that is shown first
    counted = [(name, next(seen[name])) for name in given]
    shown = [f"{name} {word} {nth}" if total[name] > 1 and nth >= first else name for name, nth in counted]
    return np.cumsum(new, dtype=np.int32) - np.int32(1), shown


def _look_at_time(rows: Rows, recordings: Recordings, steps: Float64, strict: bool) -> Recordings:
    """Return the recordings with their rate and times; warn of the latter, if `strict`."""
    config = rows.config
    steps[recordings.bounds[:, 0]] = np.nan
    rate_hz = config.rate_hz or rate_of(steps, config, strict)
    if config.tare == "time" and rate_hz:  # no window crosses the end of the rows that tare drops
        steps[recordings.numbered_rows() == tare_rows(config, rate_hz)[1]] = np.nan
    times = measure(steps, rows.recordings.numbers, rows.recordings.names)
    for warning in time_warnings(times, config, rows.numbers.typed) if strict else ():
        log.warning("%s", warning)
    return replace(recordings, rate_hz=rate_hz, times=times)
