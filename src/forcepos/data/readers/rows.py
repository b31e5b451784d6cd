"""The rows of all files, in arrays that are allocated once and filled from the first row on."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.data.readers.table import OF_PATHS, TIMES, WORDS, Chunk, Table, Wanted, Words, explained
from forcepos.data.readers.times import SECONDS, most_of
from forcepos.data.recordings import Float32, Float64, move
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
Bools = NDArray[np.bool_]
_SHOWN = 10  # columns in a message
_ROWS_AT_ONCE = 4096  # as many as a processor's cache holds


class Rows:
    """The rows read so far; arrays of columns that the config does not name are empty."""

    def __init__(self, config: TableConfig, columns: Sequence[Wanted], count: int, several: bool) -> None:
        # The columns are those of the first file; the roles are the same in all.
        # `several`: there is more than one file, so that recordings need the file's name in theirs.
        self.config, self.columns, self.several, self.filled = config, columns, several, 0
        try:
            self.signals: Float32 = np.empty((count, len(config.features)), np.float32)
            self.positions: Float32 = np.zeros((count, 3), np.float32)  # mm, plate frame; 0 without a target
        except (MemoryError, ValueError) as error:  # a file may claim any number of rows
            raise InputError(f"data.path={config.path}: {count:,} rows do not fit into memory") from error
        timed = any(column.role == "time" for column in columns)
        self.time_s: Float64 = np.empty(count if timed else 0, np.float64)
        # By the place of a column, or by role where the path of a file gives one word for all of its rows.
        self.words: dict[int | str, Words] = {
            place: Words(count, column.role, exact=config.visits and column.role == "point")
            for place, column in enumerate(columns)
            if column.role in WORDS
        }
        self.words |= {role: Words(count, role) for role in OF_PATHS if getattr(config, f"{role}_from")}
        if not self.of("recording"):
            self.words["recording"] = Words(count, "recording")
        self.recordings = self.of("recording")[0]
        self.typed, self.origin_s = False, 0.0  # whether times are of a time type, and where they count from
        self._origin: int | None = None  # the same in the time's own unit

    def of(self, role: str) -> list[Words]:
        """Return the words with this role, of columns or of the files' paths."""
        return [words for words in self.words.values() if words.role == role]

    def add(self, table: Table, columns: Sequence[Wanted], name: str, strict: bool) -> list[str]:
        """Add the rows of a file; describe missing times and words, a line for each column.

        A chunk need not have all columns. `strict`: refuse broken lines; False: drop them.
        """
        begin = self.filled
        following = dict.fromkeys(range(len(columns)), begin)  # next row of each column
        for chunk in table.chunks(columns, strict):
            with explained(table.title, table.kind):
                self._take(chunk, following, f"{name} " if self.several else "")
            del chunk  # it may be all that keeps a long column in memory, and the next one is about to be read
        self.filled = following[0]
        for role, word in {"recording": name, **table.path_words}.items():
            if role in self.words and self.filled > begin:
                self.words[role].numbers[begin : self.filled] = self.words[role].number(word, word)
        return [
            f"{table.title}: {lacking.sum()} rows have no {role.replace('keep', 'value')} in {column}, "
            f"the first in row {lacking.argmax()}; data.missing=drop drops such rows"
            for role, column, lacking in self._lacking(slice(begin, self.filled), signals=False)
            if lacking.any()
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
                signals[place] = _values(column)
            elif role == "target":
                axis = place - len(config.features)
                targets[axis] = _values(column) * config.target_scale_mm + config.offset_mm[axis]
            elif role in WORDS:
                words = self.words[place]
                words.numbers[rows] = words.encode(column, file if role == "recording" else "")
            else:  # a time, or nanoseconds, which follow it and are added to it
                times = self._seconds(column, role)
                self.time_s[rows] = times if role == "time" else self.time_s[rows] + times
        put_columns(self.signals[rows], signals)
        put_columns(self.positions[rows], targets)

    def finish(self) -> None:
        """Drop rows that were never filled, since a text may have blank lines.

        Raises:
            InputError: there is no row.
        """
        if not self.filled:
            raise InputError(f"data.path={self.config.path} has no rows")
        self.signals, self.positions = self.signals[: self.filled], self.positions[: self.filled]
        self.time_s = self.time_s[: self.filled]
        for words in self.words.values():
            words.numbers = words.numbers[: self.filled]

    def gather(self, strict: bool) -> Bools:
        """Put the rows of each recording together, and say which rows (rows,) lack a value; log that they go.

        Missing signals and targets count only if `strict`, with data.missing=drop; else they are refused later.

        Raises:
            InputError: every row lacks a value.
        """
        missing, counts = np.zeros(self.filled, bool), list[str]()
        for _, column, lacking in self._lacking(slice(None), strict and self.config.missing == "drop"):
            missing |= lacking
            counts += [f"{lacking.sum()} in {column}"] if lacking.any() else []
        shown, names = name_some(counts, _SHOWN), self.recordings.names
        if missing.all():
            raise InputError(f"data.path={self.config.path}: each of {len(missing)} rows lacks a value: {shown}")
        self._order(missing)
        if strict and counts:
            rows, dropped = (np.bincount(self.recordings.numbers, each, len(names)) for each in (None, missing))
            gone = [name for name, left in zip(names, rows - dropped, strict=True) if not left]
            log.warning(
                "dropped %d of %d rows, which lack a value (%s): %s; no window crosses them%s",
                dropped.sum(), self.filled, shown, most_of(dropped, names),
                f"; nothing is left of {name_some(gone, _SHOWN)}" if gone else "",
            )  # fmt: skip
        return missing

    def _order(self, missing: Bools) -> None:
        """Order all rows by recording; a row without one, or without a point, has that of the row before."""
        for words in [self.recordings, *self.of("point")]:
            if words.numbers.min() < 0:
                known = np.flatnonzero(words.numbers >= 0)
                before = np.searchsorted(known, np.arange(self.filled), side="right") - 1
                words.numbers = words.numbers[known[np.maximum(before, 0)]]
        number = self.recordings.numbers
        if (number[1:] < number[:-1]).any():
            log.warning("the rows of a recording are not contiguous in the table: they are put together")
            order = np.argsort(number, kind="stable")
            times = [self.time_s] if len(self.time_s) else []
            numbers = [words.numbers for words in self.words.values()]
            for values in [self.signals, self.positions, missing, *times, *numbers]:
                move(values, order)

    def _lacking(self, rows: slice, signals: bool) -> Iterator[tuple[str, str, Bools]]:
        """Yield roles and names of columns, and which of the rows lack a value there."""
        width = len(self.config.features)
        for place, (role, name, _) in enumerate(self.columns):
            if place in self.words:
                yield role, name, self.words[place].numbers[rows] < 0
            elif role == "time":
                both = f"{name} and {self.config.nanoseconds}" if self.config.nanoseconds else name
                yield role, both, ~np.isfinite(self.time_s[rows])
            elif signals and role != "nanoseconds":
                values = self.signals[rows, place] if place < width else self.positions[rows, place - width]
                yield role, name, ~np.isfinite(values)

    def _seconds(self, column: pa.Array, role: str) -> Float64:
        """(rows,) times in s since `origin_s`, or what is to be added to them; missing ones as NaN."""
        whole, scale = _as_numbers(column, SECONDS["ns" if role == "nanoseconds" else self.config.time_unit])
        if role == "time" and pa.types.is_signed_integer(whole.type):  # float64 has few digits since 1970
            if self._origin is None and whole.null_count < len(whole):
                self._origin = int(pc.min(whole).as_py())
                self.origin_s = self._origin * scale
            whole, self.typed = pc.subtract(whole.cast(pa.int64()), self._origin or 0), whole is not column
        return _values(whole, scale)


def put_columns(values: Float32, columns: Mapping[int, Float64]) -> None:
    """Copy columns into an array of rows, as many rows at once as a processor's cache holds."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is reported as not finite
        for first in range(0, len(values), _ROWS_AT_ONCE):
            rows = slice(first, first + _ROWS_AT_ONCE)
            for place, column in columns.items():
                values[rows, place] = column[rows]


def _as_numbers(column: pa.Array, scale: float = 1) -> tuple[pa.Array, float]:
    """Return a column as it is, or times as whole numbers and how many seconds one is, instead of `scale`."""
    kind = column.type
    if not any(is_kind(kind) for is_kind in TIMES):
        return column, scale
    seconds = 86_400 if pa.types.is_date32(kind) else SECONDS[getattr(kind, "unit", "ms")]
    return column.cast(pa.int32() if kind.bit_width == 32 else pa.int64()), seconds


def _values(column: pa.Array, scale: float = 1) -> Float64:
    """(rows,) numbers, or times in s; missing ones as NaN."""
    column, scale = _as_numbers(column, scale)
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    values = np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
    return values if scale == 1 else np.asarray(values * scale)
