"""The rows of all files, in arrays that are allocated once and filled from the first row on."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.data.readers.table import TIMES, WORDS, Chunk, Table, Wanted, explained
from forcepos.data.readers.times import SECONDS
from forcepos.data.readers.words import Words
from forcepos.data.recordings import Float32, Float64
from forcepos.runtime.errors import InputError

_ROWS_AT_ONCE = 4096  # as many as a processor's cache holds


class Rows:
    """The rows read so far; arrays of columns that the config does not name are empty."""

    def __init__(self, config: TableConfig, columns: Sequence[Wanted], count: int, several: bool) -> None:
        # The columns are those of the first file; the roles are the same in all.
        # `several`: there is more than one file, so that recordings need the file's name in theirs.
        self.config, self.columns, self.several, self.filled = config, columns, several, 0
        self.signals: Float32 = np.empty((count, len(config.features)), np.float32)
        self.positions: Float32 = np.zeros((count, 3), np.float32)  # mm, plate frame; 0 without a target
        timed = any(column.role == "time" for column in columns)
        self.time_s: Float64 = np.empty(count if timed else 0, np.float64)
        self.words = {
            place: Words(count, exact=config.visits and column.role == "point")
            for place, column in enumerate(columns)
            if column.role in WORDS
        }
        self.recordings = self.of("recording") or Words(count)  # without a column for it, names of files
        self._missing: dict[int, tuple[int, int]] = {}  # of the last file's columns: count and first row

    def of(self, role: str) -> Words | None:
        """Return the column of words with this role, if there is one."""
        return next((words for place, words in self.words.items() if self.columns[place].role == role), None)

    def add(self, table: Table, columns: Sequence[Wanted], name: str, strict: bool) -> list[str]:
        """Add the rows of a file; describe missing times, recordings, points and labels, a line each.

        A chunk need not have all columns. `strict`: refuse broken lines; False: drop them.
        """
        self._missing, begin = {}, self.filled
        following = dict.fromkeys(range(len(columns)), begin)  # next row of each column
        for chunk in table.chunks(columns, strict):
            with explained(table.title, table.kind):
                self._take(chunk, following, f"{name} " if self.several else "")
            del chunk  # it may be all that keeps a long column in memory, and the next one is about to be read
        self.filled = following[0]
        if not self.config.recording:
            self.recordings.numbers[begin : self.filled] = self.recordings.number(name, name)
        return [
            f"{table.title}: {count} rows have no {column.role.replace('keep', 'value')} in {column.name}, "
            f"the first in row {row - begin}; data.missing=drop drops such rows"
            for column, (count, row) in ((columns[place], found) for place, found in self._missing.items())
        ]

    def _take(self, chunk: Chunk, following: dict[int, int], file: str) -> None:
        """Fill in the columns of a chunk, from the next row of each on."""
        config = self.config
        signals, targets = {}, {}
        for place, column in chunk.items():
            rows = slice(following[place], following[place] + len(column))
            following[place] = rows.stop
            role = self.columns[place].role
            if role == "feature":
                signals[place] = _values(column, config)
            elif role == "target":
                axis = place - len(config.features)
                targets[axis] = _values(column, config) * config.target_scale_mm + config.offset_mm[axis]
            elif role in WORDS:
                numbers = self.words[place].encode(column, file if role == "recording" else "")
                self.words[place].numbers[rows] = numbers
                self._count_missing(place, rows, numbers < 0)
            else:  # a time, or nanoseconds, which follow it and are added to it
                times = _values(column, config, role)
                self.time_s[rows] = times if role == "time" else self.time_s[rows] + times
                self._count_missing(place, rows, ~np.isfinite(times))
        put_columns(self.signals[rows], signals)
        put_columns(self.positions[rows], targets)

    def _count_missing(self, place: int, rows: slice, missing: NDArray[np.bool_]) -> None:
        places = np.flatnonzero(missing)
        if len(places):
            count, first = self._missing.get(place, (0, rows.start + int(places[0])))
            self._missing[place] = count + len(places), first

    def finish(self) -> None:
        """Drop rows that were never filled, since a text may have blank lines.

        Raises:
            InputError: there is no row.
        """
        if not self.filled:
            raise InputError(f"data.path={self.config.path} has no rows")
        self.signals, self.positions = self.signals[: self.filled], self.positions[: self.filled]
        self.time_s = self.time_s[: self.filled]
        for words in {self.recordings, *self.words.values()}:
            words.numbers = words.numbers[: self.filled]

    def take(self, order: NDArray[np.intp]) -> None:
        """Keep these rows, in this order, a column at a time: there is no memory for a second array of signals."""
        if len(order) < self.filled or (order[1:] < order[:-1]).any():
            for table in (self.signals, self.positions):
                for column in range(table.shape[1]):
                    table[: len(order), column] = table[order, column]
            self.signals, self.positions = self.signals[: len(order)], self.positions[: len(order)]
            self.time_s = self.time_s[order] if len(self.time_s) else self.time_s
        for words in {self.recordings, *self.words.values()}:
            words.keep(order)


def put_columns(values: Float32, columns: Mapping[int, Float64]) -> None:
    """Copy columns into an array of rows, as many rows at once as a processor's cache holds."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is reported as not finite
        for first in range(0, len(values), _ROWS_AT_ONCE):
            rows = slice(first, first + _ROWS_AT_ONCE)
            for place, column in columns.items():
                values[rows, place] = column[rows]


def _values(column: pa.Array, config: TableConfig, role: str = "") -> Float64:
    """(rows,) numbers, missing ones as NaN; a time in s."""
    kind, scale = column.type, SECONDS[{"time": config.time_unit, "nanoseconds": "ns"}.get(role, "s")]
    if any(is_kind(kind) for is_kind in TIMES):
        column = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        scale = 86_400.0 if pa.types.is_date32(kind) else SECONDS[getattr(kind, "unit", "ms")]
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    values = np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
    return values if scale == 1 else np.asarray(values * scale)
