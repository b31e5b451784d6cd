"""Reads any table into recordings: a chunk at a time, straight into arrays that are allocated once."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forcepos.config.contradictions import known_axes
from forcepos.config.schema import TableConfig
from forcepos.data.points import number_points
from forcepos.data.readers.files import find_columns, hint_at_kinds, natural_sort_key, wanted_columns
from forcepos.data.readers.joined import find_sources, report_joined
from forcepos.data.readers.rows import Rows
from forcepos.data.readers.times import Times, measure, rate_of, steps_of, time_warnings
from forcepos.data.recordings import Float64, Int32, Recordings
from forcepos.data.tare import tare_rows
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some, once_each

log = logging.getLogger(__name__)
_SHOWN = 10


def read_table(config: TableConfig, strict: bool = True) -> Recordings:
    """Read the recordings of the files that `data.path` names.

    Args:
        strict: refuse broken lines and missing values, as the config says, and warn of what is wrong with time;
            False: drop broken lines and rows without a time or a name, and keep missing signals and targets.

    Raises:
        InputError: a file or a column is missing, unreadable, empty, not numeric or named twice, or a line is
            broken; lists the problems of all files.
    """
    files, tables, wanted, count = [], [], wanted_columns(config), 0
    problems: list[tuple[str, str]] = []  # with the file of each
    sources = find_sources(config)
    for source in sources:
        try:
            table = source.open(config)
            tables.append(table)
            columns = find_columns(table, wanted)
            count += table.rows(columns)
            files.append((table, columns, source.name))
        except InputError as error:
            problems.append((str(source.path), str(error)))
    if problems and (not files or len({table.path.parent for table in tables}) > 1):
        problems += hint_at_kinds(config, tables)
    if not files:
        raise _problems(problems)
    found = ((table.title, table.layout) for table in tables)
    for doubt in once_each([(title, f"{title}: {of.doubt}") for title, of in found if of and of.doubt]):
        log.warning("%s", doubt)
    rows = Rows(config, files[0][1], count, len(sources) > 1)
    for table, columns, name in files:
        try:
            missing = rows.add(table, columns, name, strict)
            problems += [(table.title, line) for line in missing if strict and config.missing == "refuse"]
        except InputError as error:
            problems.append((str(table.path), str(error)))
    if problems:
        raise _problems(problems)
    rows.finish()
    report_joined(tables)
    recordings = _recordings(rows, strict)
    _refuse_mixed_sessions(recordings, config)
    return recordings


def _refuse_mixed_sessions(recordings: Recordings, config: TableConfig) -> None:
    session = recordings.session
    if session is None:
        return
    mixed = session != session[recordings.bounds[recordings.recording, 0]]
    if several := [recordings.names[number] for number in np.unique(recordings.recording[mixed])]:
        within = f"the session changes within {len(several)} recordings, {name_some(several, _SHOWN)}"
        raise InputError(f"{within}: name a column in data.recording, data.recording={config.session} at least")


def _problems(problems: Sequence[tuple[str, str]]) -> InputError:
    lines = once_each(problems)
    all_of_them = "\n  ".join(["the tables cannot be read:", *first_lines(lines, _SHOWN)])
    return InputError(lines[0] if len(lines) == 1 else all_of_them)


def _recordings(rows: Rows, strict: bool) -> Recordings:
    config, missing = rows.config, rows.gather(strict)
    steps = steps_of(rows.time_s, rows.recordings.numbers) if len(rows.time_s) else rows.time_s
    recordings = _all_rows(rows, *_split_recordings(rows, steps))
    if len(steps):
        rate_hz, times = _look_at_time(rows, recordings, steps, strict)
        recordings = replace(recordings, rate_hz=rate_hz, times=times)
    recordings = recordings.only(~missing) if missing.any() else recordings
    if len(recordings.label_names) == 1 and strict:
        given = f"label={config.label}" if config.label else f"label_from={config.label_from}"
        raise InputError(f"data.{given} has only one class, {recordings.label_names[0]}: nothing to classify")
    if not config.point:
        found = number_points(recordings.positions, recordings.recording, config.point_grid_mm)
        recordings = replace(recordings, point=found)
    return recordings


def _all_rows(rows: Rows, recording: Int32, names: Sequence[str]) -> Recordings:
    config, point, session = rows.config, rows.of("point"), rows.of("session")
    labels, label_names = _classes(rows)
    return Recordings(
        signals=rows.signals,
        positions=rows.positions,
        recording=recording,
        point=point[0].numbers if point else np.zeros_like(recording),
        channels=tuple(column.name for column in rows.columns if column.role == "feature"),
        names=tuple(names),
        rate_hz=config.rate_hz,
        axes=known_axes(config),
        labels=labels,
        label_names=label_names,
        kept={name: words.values for name, words in zip(config.keep or (), rows.of("keep"), strict=True)},
        session=session[0].numbers if session else None,
        session_names=tuple(session[0].names) if session else (),
    )


def _look_at_time(rows: Rows, recordings: Recordings, steps: Float64, strict: bool) -> tuple[float | None, Times]:
    config = rows.config
    steps[recordings.bounds[:, 0]] = np.nan
    rate_hz = config.rate_hz or rate_of(steps, config, strict)
    if config.tare == "time" and rate_hz:  # no window crosses the end of the rows that tare drops
        steps[recordings.numbered_rows() == tare_rows(config, rate_hz)[1]] = np.nan
    times = measure(steps, rows.recordings.numbers, rows.recordings.names)
    for warning in time_warnings(times, config, rows.typed) if strict else ():
        log.warning("%s", warning)
    return rate_hz, times


def _split_recordings(rows: Rows, steps: Float64) -> tuple[Int32, Sequence[str]]:
    """Return the recording (rows,) of each row, split by visits and gaps if asked to, and all names."""
    config, recording, names = rows.config, rows.recordings.numbers, rows.recordings.names
    for point in rows.of("point") if config.visits else ():
        begins = (np.diff(point.numbers, prepend=-1) != 0) | (np.diff(recording, prepend=-1) != 0)
        names = _numbered([point.names[number] for number in point.numbers[begins].tolist()], "visit", 2)
        recording = np.cumsum(begins, dtype=np.int32) - np.int32(1)
    if config.gap_s is not None:
        begins = (np.diff(recording, prepend=-1) != 0) | (steps < 0) | (steps > config.gap_s)
        names = _numbered([names[number] for number in recording[begins].tolist()], "part", 1)
        recording = np.cumsum(begins, dtype=np.int32) - np.int32(1)
    return recording, names


def _numbered(names: Sequence[str], word: str, first: int) -> list[str]:
    """Number the occurrences of names that occur more than once, from the `first` one on."""
    total, seen, numbered = Counter(names), Counter[str](), []
    for name in names:
        seen[name] += 1
        told = total[name] > 1 and seen[name] >= first
        numbered.append(f"{name} {word} {seen[name]}" if told else name)
    return numbered


def _classes(rows: Rows) -> tuple[Int32 | None, tuple[str, ...]]:
    for label in rows.of("label"):
        # In the order of their names: the numbers must not depend on the order of rows.
        names = sorted(label.names, key=natural_sort_key)
        rank = {name: number for number, name in enumerate(names)}
        return np.array([rank[name] for name in label.names], np.int32)[label.numbers], tuple(names)
    return None, ()
