"""Reads any table into recordings: a chunk at a time, straight into arrays that are allocated once."""

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np

from forcepos.config.contradictions import known_axes
from forcepos.config.schema import TableConfig
from forcepos.data.points import number_points
from forcepos.data.readers.files import (
    find_columns,
    find_files,
    natural_sort_key,
    short_names,
    wanted_columns,
)
from forcepos.data.readers.missing import drop_missing
from forcepos.data.readers.opening import open_table
from forcepos.data.readers.rows import Rows
from forcepos.data.readers.table import Table, Wanted
from forcepos.data.readers.times import measure, rate_of, steps_of, time_warnings
from forcepos.data.recordings import Float64, Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, once_each

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
    files, wanted, count = [], wanted_columns(config), 0
    problems: list[tuple[str, str]] = []  # with the file of each
    paths = find_files(config)
    for path, name in zip(paths, short_names(paths), strict=True):
        try:
            table = open_table(path, config)
            columns = find_columns(table, wanted)
            count += table.rows(columns)
            files.append((table, columns, name))
        except InputError as error:
            problems.append((str(path), str(error)))
    if not files:
        raise _problems(problems)
    rows = _rows(config, files, count, len(paths) > 1)
    for table, columns, name in files:
        try:
            missing = rows.add(table, columns, name, strict)
            problems += [(table.title, line) for line in missing if strict and config.missing == "refuse"]
        except InputError as error:
            problems.append((str(table.path), str(error)))
    if problems:
        raise _problems(problems)
    rows.finish()
    return _recordings(rows, strict)


def _problems(problems: Sequence[tuple[str, str]]) -> InputError:
    lines = once_each(problems)
    all_of_them = "\n  ".join(["the tables cannot be read:", *first_lines(lines, _SHOWN)])
    return InputError(lines[0] if len(lines) == 1 else all_of_them)


def _rows(
    config: TableConfig, files: Sequence[tuple[Table, list[Wanted], str]], count: int, several: bool
) -> Rows:
    """Make room for all rows of the files, `count` at most."""
    try:
        return Rows(config, files[0][1], count, several)
    except (MemoryError, ValueError) as error:  # a file may claim any number of rows
        raise InputError(f"data.path={config.path}: {count:,} rows do not fit into memory") from error


def _recordings(rows: Rows, strict: bool) -> Recordings:
    config, point = rows.config, rows.of("point")
    breaks, dropped = drop_missing(rows, strict)
    steps = steps_of(rows.time_s, rows.recordings.numbers, breaks, dropped) if len(rows.time_s) else rows.time_s
    recording, names = _split_recordings(rows, steps)
    rate, times = config.rate_hz, None
    if len(rows.time_s):
        rate = rate or rate_of(rows.time_s, recording, config, strict)
        rows.time_s = rows.time_s[:0].copy()  # the time is no longer needed, but its memory is
        steps[recording[1:] != recording[:-1]] = np.nan
        times = measure(steps, rows.recordings.numbers, rows.recordings.names)
    for warning in time_warnings(times, config) if times and strict else ():
        log.warning("%s", warning)
    labels, label_names = _classes(rows)
    kept = [words.values for place, words in rows.words.items() if rows.columns[place].role == "keep"]
    return Recordings(
        signals=rows.signals,
        positions=rows.positions,
        recording=recording,
        point=point.numbers if point else number_points(rows.positions, recording, config.point_grid_mm),
        channels=tuple(column.name for column in rows.columns if column.role == "feature"),
        names=tuple(names),
        rate_hz=rate,
        axes=known_axes(config),
        labels=labels,
        label_names=label_names,
        kept=dict(zip(config.keep or (), kept, strict=True)),
        session=session.numbers if (session := rows.of("session")) else None,
        session_names=tuple(session.names) if session else (),
        breaks=breaks[recording[breaks] == recording[breaks - 1]],  # without those at which a recording begins
        times=times,
    )


def _split_recordings(rows: Rows, steps: Float64) -> tuple[Int32, Sequence[str]]:
    """Return the recording (rows,) of each row, split by visits and gaps if asked to, and all names."""
    config, recording, names = rows.config, rows.recordings.numbers, rows.recordings.names
    point = rows.of("point")
    if config.visits and point:
        begins = (np.diff(point.numbers, prepend=-1) != 0) | (np.diff(recording, prepend=-1) != 0)
        visits: Counter[str] = Counter()
        names = []
        for name in (point.names[number] for number in point.numbers[begins].tolist()):
            visits[name] += 1
            names.append(name + (f" visit {visits[name]}" if visits[name] > 1 else ""))
        recording = np.cumsum(begins, dtype=np.int32) - np.int32(1)
    return (
        _split_at_gaps(recording, names, steps, config.gap_s) if config.gap_s is not None else (recording, names)
    )


def _classes(rows: Rows) -> tuple[Int32 | None, tuple[str, ...]]:
    label = rows.of("label")
    if not label:
        return None, ()
    if len(label.names) < 2:
        only = f"data.label={rows.config.label} has only one class, {label.names[0]}"
        raise InputError(f"{only}: nothing to classify")
    # In the order of their names: the numbers must not depend on the order of rows.
    order = sorted(range(len(label.names)), key=lambda number: natural_sort_key(label.names[number]))
    return np.argsort(order).astype(np.int32)[label.numbers], tuple(label.names[number] for number in order)


def _split_at_gaps(
    recording: Int32, names: Sequence[str], step: Float64, gap_s: float
) -> tuple[Int32, tuple[str, ...]]:
    """Begin a new recording after a gap in time or where time goes backwards; return numbers (rows,) and names."""
    begins = np.append(True, (recording[1:] != recording[:-1]) | ~((step >= 0) & (step <= gap_s)))
    split = np.cumsum(begins, dtype=np.int32) - np.int32(1)
    whole = recording[np.flatnonzero(begins)]
    count = np.bincount(whole, minlength=len(names))
    place = np.arange(len(whole)) - np.searchsorted(whole, whole)
    return split, tuple(
        names[number] + (f" part {index + 1}" if count[number] > 1 else "")
        for number, index in zip(whole.tolist(), place.tolist(), strict=True)
    )
