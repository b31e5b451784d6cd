"""Reads any table into recordings: a chunk at a time, straight into arrays that are allocated once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import pyarrow as pa

from forcepos.config.schema import TableConfig
from forcepos.config.table_keys import known_axes
from forcepos.data.readers.binary import FeatherTable, ParquetTable
from forcepos.data.readers.columns import Columns, find_columns
from forcepos.data.readers.files import find_files, format_of, short_names
from forcepos.data.readers.rows import Rows
from forcepos.data.readers.text import TextTable
from forcepos.data.readers.units import (
    order_by_recording,
    points_in_grid,
    rate_hz,
    sorted_labels,
    split_at_gaps,
    warn_where_time_goes_back,
)
from forcepos.data.recordings import Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines

_SHOWN = 10
_Of = TypeVar("_Of")
_Made = TypeVar("_Made")


class Table(Protocol):
    """A file of any format."""

    path: Path
    names: list[str] | None
    width: int

    def rows(self, columns: Columns) -> int:
        """Return an upper bound of the number of rows."""

    def chunks(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """Yield chunks with some or all of the wanted columns, named by their index among these."""


@dataclass(frozen=True)
class _Opened:
    """A file with its wanted columns and its name in messages."""

    table: Table
    columns: Columns
    name: str


def read_table(config: TableConfig) -> Recordings:
    """Read the recordings of the files that `data.path` names.

    Raises:
        InputError: a file or a column is missing, unreadable, empty, not numeric or named twice, or a line is
            broken; lists the problems of all files.
    """
    problems: list[str] = []
    files = find_files(config)
    opened = _apply(list(zip(files, short_names(files), strict=True)), lambda one: _open(*one, config), problems)
    counted = _apply(opened, lambda one: (one, one.table.rows(one.columns)), problems)
    rows = _allocate(config, sum(count for _, count in counted))
    for one, _ in counted:
        problems += _add(rows, one, len(files) > 1)
    if problems:
        # What `check` would report once the files can be read: better reported with everything else.
        values = [
            line for one, _ in counted for line in rows.not_finite(str(one.table.path), one.name, one.columns)
        ]
        raise InputError(_message([*problems, *values]))
    rows.finish()
    return _recordings(rows, opened[0].columns)


def _allocate(config: TableConfig, count: int) -> Rows:
    try:
        return Rows(config, count)
    except (MemoryError, ValueError) as error:  # a file may claim any number of rows
        raise InputError(f"data.path={config.path}: {count:,} rows do not fit into memory") from error


def _open(path: Path, name: str, config: TableConfig) -> _Opened:
    table: Table
    match format_of(path, config):
        case "feather":
            table = FeatherTable(path)
        case "parquet":
            table = ParquetTable(path)
        case kind:
            table = TextTable(path, kind, config)
    return _Opened(table, find_columns(path, table.names, table.width, config), name)


def _apply(items: Sequence[_Of], make: Callable[[_Of], _Made], problems: list[str]) -> list[_Made]:
    """Apply `make` to each item; where it raises an InputError, add the message to `problems` instead."""
    made = []
    for item in items:
        try:
            made.append(make(item))
        except InputError as error:
            problems.append(str(error))
    return made


def _add(rows: Rows, one: _Opened, several: bool) -> list[str]:
    """Read a file and return what is wrong with it."""
    try:
        rows.add(one.table.chunks(one.columns), one.name, several)
    except InputError as error:
        return [str(error)]
    return rows.errors(str(one.table.path), one.columns)


def _message(problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return "\n  ".join(["the tables cannot be read:", *first_lines(problems, _SHOWN)])


def _recordings(rows: Rows, columns: Columns) -> Recordings:
    config = rows.config
    order = order_by_recording(rows.recording)
    if order is not None:
        rows.reorder(order)
    recording, names = _split_recordings(rows)
    rate = config.rate_hz or rate_hz(recording, rows.time_s, config.time or "")
    rows.time_s = rows.time_s[:0].copy()  # the time is no longer needed, but its memory is
    labels, label_names = _classes(rows)
    return Recordings(
        signals=rows.signals,
        positions=rows.positions,
        recording=recording,
        point=rows.point if config.point else points_in_grid(rows.positions, config.point_grid_mm),
        channels=columns.names[: len(config.features)],
        names=names,
        rate_hz=rate,
        axes=known_axes(config),
        labels=labels,
        label_names=label_names,
    )


def _split_recordings(rows: Rows) -> tuple[Int32, tuple[str, ...]]:
    """Return the recording (rows,) of each row, and the recordings' names; split at gaps in time if asked to."""
    names, config = rows.recordings.names, rows.config
    if config.gap_s is not None:
        return split_at_gaps(rows.recording, names, rows.time_s, config.gap_s)
    if config.time:
        warn_where_time_goes_back(rows.recording, names, rows.time_s)
    return rows.recording, tuple(names)


def _classes(rows: Rows) -> tuple[Int32 | None, tuple[str, ...]]:
    if not rows.config.label:
        return None, ()
    names = rows.classes.names
    if len(names) < 2:
        raise InputError(f"data.label={rows.config.label} has only one class, {names[0]}: nothing to classify")
    return sorted_labels(rows.label, names)
