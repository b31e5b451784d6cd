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
from forcepos.data.readers.opening import open_table
from forcepos.data.readers.rows import Rows
from forcepos.data.readers.table import Table, Wanted
from forcepos.data.recordings import Float64, Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, fold_alike, name_some

log = logging.getLogger(__name__)
_SHOWN = 10
# What differs between messages that say the same of several files: paths, numbers of lines, values.
_OF_A_FILE = r"^.*?(?=: | is | has | lacks | cannot | seems )|line [0-9]+|'[^'\n]*'|[0-9,]+ more lines"
_STEPS_LOOKED_AT = 1_000_000


def read_table(config: TableConfig) -> Recordings:
    """Read the recordings of the files that `data.path` names.

    Raises:
        InputError: a file or a column is missing, unreadable, empty, not numeric or named twice, or a line is
            broken; lists the problems of all files.
    """
    files, problems, wanted, count = [], [], wanted_columns(config), 0
    paths = find_files(config)
    for path, name in zip(paths, short_names(paths), strict=True):
        try:
            table = open_table(path, config)
            columns = find_columns(table, wanted)
            count += table.rows(columns)
            files.append((table, columns, name))
        except InputError as error:
            problems.append(str(error))
    doubts = [f"{table.title}: {table.layout.doubt}" for table, *_ in files if table.layout and table.layout.doubt]
    for doubt in fold_alike(doubts, _OF_A_FILE, "files"):
        log.warning(doubt)
    rows = _read(config, files, count, problems) if files else None
    if problems or rows is None:
        all_of_them = "\n  ".join(
            ["the tables cannot be read:", *first_lines(fold_alike(problems, _OF_A_FILE, "files"), _SHOWN)]
        )
        raise InputError(problems[0] if len(problems) == 1 else all_of_them)
    rows.finish()
    return _recordings(rows)


def _read(
    config: TableConfig, files: Sequence[tuple[Table, list[Wanted], str]], count: int, problems: list[str]
) -> Rows:
    """Read all rows of the files, `count` at most, and add what is wrong with them to the problems."""
    try:
        rows = Rows(config, files[0][1], count)
    except (MemoryError, ValueError) as error:  # a file may claim any number of rows
        raise InputError(f"data.path={config.path}: {count:,} rows do not fit into memory") from error
    several = len(files) + len(problems) > 1
    for file in files:
        try:
            problems += rows.add(*file, several)
        except InputError as error:
            problems.append(str(error))
    return rows


def _recordings(rows: Rows) -> Recordings:
    config, point = rows.config, rows.of("point")
    number = rows.recordings.numbers
    starts = int(np.count_nonzero(number[1:] != number[:-1])) + 1
    if starts > int(number.max()) + 1 or number[0] != 0:
        log.warning("the rows of a recording are not contiguous in the table: they are put together")
        rows.reorder(np.argsort(number, kind="stable"))
    recording, names = _split_recordings(rows)
    rate = config.rate_hz or _rate_hz(rows.time_s, config, recording)
    rows.time_s = rows.time_s[:0].copy()  # the time is no longer needed, but its memory is
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
    )


@np.errstate(over="ignore", invalid="ignore")  # of the differences of huge values, which make no rate
def _rate_hz(time_s: Float64, config: TableConfig, recording: Int32) -> float:
    """Return the rate from the median step of time within a recording."""
    every = 1 if config.nanoseconds else max(1, len(time_s) // _STEPS_LOOKED_AT)
    steps = time_s[1::every] - time_s[:-1:every]
    steps = steps[recording[1::every] == recording[:-1:every]]
    step = float(np.median(steps)) if len(steps) else np.nan
    if not step > 0:
        columns = f"{config.time} and {config.nanoseconds}" if config.nanoseconds else config.time
        raise InputError(f"time in {columns} does not advance: set data.rate_hz, or name another column")
    # Rounded as each kind of file always was: the fingerprint of the recordings depends on it.
    return round(1 / step, 6) if config.nanoseconds else float(f"{1 / step:.6g}")


def _split_recordings(rows: Rows) -> tuple[Int32, Sequence[str]]:
    """Return the recording (rows,) of each row, split by visits and gaps if asked to, and all names."""
    config, recording, names = rows.config, rows.recordings.numbers, rows.recordings.names
    point, time_s = rows.of("point"), rows.time_s
    if config.visits and point:
        begins = (np.diff(point.numbers, prepend=-1) != 0) | (np.diff(recording, prepend=-1) != 0)
        visits: Counter[str] = Counter()
        names = []
        for name in (point.names[number] for number in point.numbers[begins].tolist()):
            visits[name] += 1
            names.append(name + (f" visit {visits[name]}" if visits[name] > 1 else ""))
        recording = np.cumsum(begins, dtype=np.int32) - np.int32(1)
    if config.gap_s is not None:
        return _split_at_gaps(recording, names, time_s, config.gap_s)
    goes_back = (np.diff(time_s) < 0) & (recording[1:] == recording[:-1]) if len(time_s) else np.zeros(0, bool)
    if goes_back.any():
        back = np.bincount(recording[1:][goes_back], minlength=len(names))
        where = [f"{back[number]} times in {names[number]}" for number in np.flatnonzero(back).tolist()]
        shown = name_some(where, _SHOWN)
        log.warning("time goes backwards %s: set data.gap_s to begin a new recording there", shown)
    return recording, names


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
    recording: Int32, names: Sequence[str], time_s: Float64, gap_s: float
) -> tuple[Int32, tuple[str, ...]]:
    """Begin a new recording after a gap in time or where time goes backwards; return numbers (rows,) and names."""
    step = np.diff(time_s)
    begins = np.append(True, (recording[1:] != recording[:-1]) | ~((step >= 0) & (step <= gap_s)))
    split = np.cumsum(begins, dtype=np.int32) - np.int32(1)
    whole = recording[np.flatnonzero(begins)]
    count = np.bincount(whole, minlength=len(names))
    place = np.arange(len(whole)) - np.searchsorted(whole, whole)
    return split, tuple(
        names[number] + (f" part {index + 1}" if count[number] > 1 else "")
        for number, index in zip(whole.tolist(), place.tolist(), strict=True)
    )
