"""Reads any table into recordings: a chunk at a time, straight into arrays that are allocated once."""

from collections.abc import Sequence
from pathlib import Path

from forcepos.config.contradictions import known_axes
from forcepos.config.schema import TableConfig
from forcepos.data.readers.binary import FeatherTable, ParquetTable
from forcepos.data.readers.files import find_columns, find_files, format_of, short_names, wanted_columns
from forcepos.data.readers.layout import Written
from forcepos.data.readers.reader import PluginTable, Reader
from forcepos.data.readers.rows import File, Rows
from forcepos.data.readers.table import Table
from forcepos.data.readers.text import TextTable
from forcepos.data.readers.units import (
    median_step_s,
    order_by_recording,
    points_in_grid,
    sorted_labels,
    split_at_gaps,
    split_visits,
    warn_where_time_goes_back,
)
from forcepos.data.recordings import Float64, Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines

_SHOWN = 10
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
            table = _open(path, config)
            columns = find_columns(table, wanted)
            count += table.rows(columns)
            files.append(File(table, columns, name))
        except InputError as error:
            problems.append(str(error))
    rows = _read(config, files, count, problems) if files else None
    if problems or rows is None:
        whole = first_lines(problems, _SHOWN)
        raise InputError(
            problems[0] if len(problems) == 1 else "\n  ".join(["the tables cannot be read:", *whole])
        )
    rows.finish()
    return _recordings(rows)


def _read(config: TableConfig, files: Sequence[File], count: int, problems: list[str]) -> Rows:
    """Read all rows of the files, `count` at most, and add what is wrong with them to the problems."""
    try:
        rows = Rows(config, files[0].columns, count)
    except (MemoryError, ValueError) as error:  # a file may claim any number of rows
        raise InputError(f"data.path={config.path}: {count:,} rows do not fit into memory") from error
    several = len(files) + len(problems) > 1
    for file in files:
        try:
            problems += rows.add(file, several)
        except InputError as error:
            problems.append(str(error))
    return rows


def _open(path: Path, config: TableConfig) -> Table:
    if isinstance(config, Reader):
        return PluginTable(path, config)
    match format_of(path, config):
        case "feather":
            return FeatherTable(path)
        case "parquet":
            return ParquetTable(path)
        case kind:
            return TextTable(path, Written(kind, config.separator, config.decimal, config.header))


def _recordings(rows: Rows) -> Recordings:
    config, point = rows.config, rows.of("point")
    order = order_by_recording(rows.recordings.numbers)
    if order is not None:
        rows.reorder(order)
    recording, names = _split_recordings(rows)
    rate = config.rate_hz or _rate_hz(rows.time_s, config, recording)
    rows.time_s = rows.time_s[:0].copy()  # the time is no longer needed, but its memory is
    labels, label_names = _classes(rows)
    kept = [words.values for place, words in rows.words.items() if rows.columns[place].role == "keep"]
    return Recordings(
        signals=rows.signals,
        positions=rows.positions,
        recording=recording,
        point=point.numbers if point else points_in_grid(rows.positions, config.point_grid_mm),
        channels=tuple(column.name for column in rows.columns if column.role == "feature"),
        names=tuple(names),
        rate_hz=rate,
        axes=known_axes(config),
        labels=labels,
        label_names=label_names,
        kept=dict(zip(config.keep or (), kept, strict=True)),
    )


def _rate_hz(time_s: Float64, config: TableConfig, recording: Int32) -> float:
    """Round as each kind of file always was: the fingerprint of the recordings depends on it."""
    if config.nanoseconds:
        return round(1 / median_step_s(recording, time_s, f"{config.time} and {config.nanoseconds}"), 6)
    every = max(1, len(time_s) // _STEPS_LOOKED_AT)
    return float(f"{1 / median_step_s(recording, time_s, config.time or '', every):.6g}")


def _split_recordings(rows: Rows) -> tuple[Int32, Sequence[str]]:
    """Return the recording (rows,) of each row, split by visits and gaps if asked to, and all names."""
    config, recording, names = rows.config, rows.recordings.numbers, rows.recordings.names
    point = rows.of("point")
    if config.visits and point:
        recording, names = split_visits(recording, point.numbers, point.names)
    if config.gap_s is not None:
        return split_at_gaps(recording, names, rows.time_s, config.gap_s)
    if len(rows.time_s):
        warn_where_time_goes_back(recording, names, rows.time_s)
    return recording, names


def _classes(rows: Rows) -> tuple[Int32 | None, tuple[str, ...]]:
    label = rows.of("label")
    if not label:
        return None, ()
    if len(label.names) < 2:
        only = f"data.label={rows.config.label} has only one class, {label.names[0]}"
        raise InputError(f"{only}: nothing to classify")
    return sorted_labels(label.numbers, label.names)
