"""The rows of all files, in arrays that are allocated once and filled from the first row on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.data.readers.table import WORDS, Chunk, Table, Wanted, explained
from forcepos.data.readers.units import Vocabulary
from forcepos.data.recordings import Float32, Float64, Int32
from forcepos.runtime.errors import InputError

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_ROWS_AT_ONCE = 4096  # as many as a processor's cache holds


@dataclass
class File:
    """A file that is read.

    Attributes:
        columns: the wanted ones.
        name: in messages, and of a recording.
        count: an upper bound of the number of its rows.
        rows: those that it has filled among the rows of all files.
    """

    table: Table
    columns: Sequence[Wanted]
    name: str
    count: int
    rows: slice = field(default_factory=lambda: slice(0))


@dataclass
class Rows:
    """The rows read so far; arrays of columns that the config does not name are empty.

    Attributes:
        signals: (count, features).
        positions: (count, 3) mm, plate frame; 0 along an axis without a target.
        columns: those of the first file; the roles are the same in all.
        time_s: (count,)
        recording, point, label: (count,) numbers in the vocabularies.
    """

    config: TableConfig
    columns: Sequence[Wanted]
    count: int
    filled: int = 0
    recordings: Vocabulary = field(default_factory=Vocabulary)
    points: Vocabulary = field(default_factory=Vocabulary)
    classes: Vocabulary = field(default_factory=Vocabulary)
    signals: Float32 = field(init=False)
    positions: Float32 = field(init=False)
    time_s: Float64 = field(init=False)
    recording: Int32 = field(init=False)
    point: Int32 = field(init=False)
    label: Int32 = field(init=False)
    # Number and length of each run of rows of one recording: little memory, where an array would take much.
    _runs: list[tuple[Int32, NDArray[np.intp]]] = field(default_factory=list)
    _missing: dict[str, tuple[int, int]] = field(default_factory=dict)  # of the last file: count and first row

    def __post_init__(self) -> None:
        config, count = self.config, self.count
        self.signals = np.empty((count, len(config.features)), np.float32)
        self.positions = np.zeros((count, 3), np.float32)
        self.time_s = np.empty(count if config.time else 0, np.float64)
        self.point = np.empty(count if config.point else 0, np.int32)
        self.label = np.empty(count if config.label else 0, np.int32)

    def add(self, file: File, several: bool) -> list[str]:
        """Add the rows of a file; describe missing times, recordings, points and labels, a line each.

        `several`: there are other files, so that recordings need the file in their names.
        A chunk need not have all columns.
        """
        self._missing, begin = {}, self.filled
        first = dict.fromkeys(range(len(file.columns)), begin)  # next row of each column
        for chunk in file.table.chunks(file.columns):
            with explained(file.table.path, file.table.kind):
                self._take(chunk, first, file.name, several)
            del chunk  # it may be all that keeps a long column in memory, and the next one is about to be read
        self.filled = first[0]
        file.rows = slice(begin, self.filled)
        if not self.config.recording and self.filled > begin:
            self._runs.append(
                (np.array([self.recordings.of(file.name)], np.int32), np.array([self.filled - begin]))
            )
        names = {column.role: column.name for column in file.columns}
        return [
            f"{file.table.path}: {count} rows have no {what} in {names[what]}, the first in row {row - begin}"
            for what, (count, row) in self._missing.items()
        ]

    def _take(self, chunk: Chunk, first: dict[int, int], file: str, several: bool) -> None:
        """Fill in the columns of a chunk, from the next row of each on."""
        begin, length = next((first[place], len(column)) for place, column in chunk.items())
        rows = slice(begin, begin + length)
        self._fill(rows, chunk)
        for place, column in chunk.items():
            if self.columns[place].role in WORDS:
                self._number(rows, self.columns[place].role, column, f"{file} " if several else "")
            first[place] = rows.stop

    def _fill(self, rows: slice, chunk: Chunk) -> None:
        """Fill in the numbers of a chunk."""
        config = self.config
        signals, targets = {}, {}
        for place, column in chunk.items():
            match self.columns[place].role:
                case "feature":
                    signals[place] = _values(column, config)
                case "target":
                    axis = place - len(config.features)
                    targets[axis] = _values(column, config) * config.target_scale_mm + config.offset_mm[axis]
                case "time":
                    self.time_s[rows] = _values(column, config, is_time=True)
                    self._count_missing("time", rows, ~np.isfinite(self.time_s[rows]))
                case "nanoseconds":  # after the time, to which they are added
                    fractions_s = 1e-9 * _values(column, config)
                    self._count_missing("nanoseconds", rows, ~np.isfinite(fractions_s))
                    self.time_s[rows] += fractions_s
        put_columns(self.signals[rows], signals)
        put_columns(self.positions[rows], targets)

    def _number(self, rows: slice, what: str, column: pa.Array, file: str) -> None:
        """Fill in the numbers of the recording, point or class that the rows belong to."""
        if what == "recording":
            numbers = self.recordings.of_column(column, file)
            begins = np.flatnonzero(np.diff(numbers, prepend=np.int32(-2)))
            self._runs.append((numbers[begins], np.diff(begins, append=len(numbers))))
        elif what == "point":
            numbers = self.point[rows] = self.points.of_column(column)
        else:
            numbers = self.label[rows] = self.classes.of_column(column)
        self._count_missing(what, rows, numbers < 0)

    def _count_missing(self, what: str, rows: slice, missing: NDArray[np.bool_]) -> None:
        places = np.flatnonzero(missing)
        if len(places):
            count, first = self._missing.get(what, (0, rows.start + int(places[0])))
            self._missing[what] = count + len(places), first

    def not_finite(self, file: File) -> Iterator[str]:
        """Describe the features and targets of a file that have values missing or not finite, a line each."""
        values = [*self.signals[file.rows].T, *self.positions[file.rows].T]
        for column, numbers in zip(file.columns, values, strict=False):
            missing = np.flatnonzero(~np.isfinite(numbers))
            if len(missing):
                where = f"{file.table.path}, column {column.name}"
                yield f"{where}: {len(missing)} values missing or not finite, the first in row {missing[0]}"

    def finish(self) -> None:
        """Drop rows that were never filled, since a text may have blank lines.

        Raises:
            InputError: there is no row.
        """
        if not self.filled:
            raise InputError(f"data.path={self.config.path} has no rows")
        for name in ("signals", "positions", "time_s", "point", "label"):
            setattr(self, name, getattr(self, name)[: self.filled])
        self.recording = np.repeat(*(np.concatenate(of) for of in zip(*self._runs, strict=True)))

    def reorder(self, order: NDArray[np.intp]) -> None:
        """Bring all rows into an order, a column at a time: there is no memory for a second array of signals."""
        for table in (self.signals, self.positions):
            for column in range(table.shape[1]):
                table[:, column] = table[order, column]
        for name in ("time_s", "recording", "point", "label"):
            values = getattr(self, name)
            setattr(self, name, values[order] if len(values) else values)


def put_columns(values: Float32, columns: Mapping[int, Float64]) -> None:
    """Copy columns into an array of rows, as many rows at once as a processor's cache holds."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is reported as not finite
        for first in range(0, len(values), _ROWS_AT_ONCE):
            rows = slice(first, first + _ROWS_AT_ONCE)
            for place, column in columns.items():
                values[rows, place] = column[rows]


def _values(column: pa.Array, config: TableConfig, is_time: bool = False) -> Float64:
    """(rows,) numbers, missing ones as NaN; a time in s."""
    kind, scale = column.type, SECONDS[config.time_unit] if is_time else 1.0
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        column, scale = column.cast(pa.int64()), SECONDS[kind.unit]
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    values = np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
    return values if scale == 1 else np.asarray(values * scale)
