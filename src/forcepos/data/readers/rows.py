"""The rows of all files, in arrays that are allocated once and filled from the first row on."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.data.readers.table import TIMES, WORDS, Chunk, Table, Wanted, Words, explained
from forcepos.data.readers.times import SECONDS, most_of
from forcepos.data.recordings import Float32, Float64, move
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
Bools = NDArray[np.bool_]
_SHOWN = 10  # columns in a message


class Numbers:
    """Turns columns into float64: times into s, since the first whole number, as it has few digits since 1970."""

    def __init__(self, time_unit: str = "s") -> None:
        self.typed = False  # whether times are of a time type
        self._origin: int | None = None  # in the time's own unit
        self._units = {"time": SECONDS[time_unit], "nanoseconds": SECONDS["ns"]}

    def read(self, column: pa.Array, role: str) -> Float64:
        """(rows,) numbers, or times in s, or what is to be added to them; missing ones as NaN."""
        unit, kind = self._units.get(role, 1), column.type
        if typed := any(is_kind(kind) for is_kind in TIMES):
            unit = 86_400 if pa.types.is_date32(kind) else SECONDS[getattr(kind, "unit", "ms")]
            column = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        if role == "time" and pa.types.is_signed_integer(column.type):
            self._origin = pc.min(column).as_py() if self._origin is None else self._origin
            column, self.typed = pc.subtract(column.cast(pa.int64()), self._origin or 0), typed
        column = column if pa.types.is_float64(column.type) else column.cast(pa.float64(), safe=False)
        values = np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
        return values if unit == 1 else np.asarray(values * unit)


class Rows:
    """The rows read so far; arrays of columns that the config does not name are empty."""

    def __init__(self, config: TableConfig, columns: Sequence[Wanted], count: int, several: bool) -> None:
        # Columns: those of the first file, with the roles of all. Several files: recordings carry the file's name.
        self.config, self.columns, self.several, self.filled = config, columns, several, 0
        roles = self.roles = [column.role for column in columns]
        try:
            self.signals: Float32 = np.empty((count, len(config.features)), np.float32)
            self.positions: Float32 = np.zeros((count, 3), np.float32)  # mm, plate frame; 0 without a target
        except (MemoryError, ValueError) as error:  # a file may claim any number of rows
            raise InputError(f"data.path={config.path}: {count:,} rows do not fit into memory") from error
        self.time_s: Float64 = np.empty(count if "time" in self.roles else 0, np.float64)
        self.numbers = Numbers(config.time_unit)
        # By the place of a column, or by role where the path of a file gives one word for all of its rows.
        paths = {"recording": "recording" not in roles, "label": config.label_from, "session": config.session_from}
        words: list[tuple[int | str, str]] = [(at, role) for at, role in enumerate(roles) if role in WORDS]
        words += [(role, role) for role, given in paths.items() if given]
        self.words = {key: Words(count, role, exact=config.visits and role == "point") for key, role in words}
        (self.recordings,) = self.of("recording")

    def of(self, role: str) -> list[Words]:
        """Return the words with this role, of columns or of the files' paths."""
        return [words for words in self.words.values() if words.role == role]

    def add(self, table: Table, columns: Sequence[Wanted], words: Mapping[str, str], strict: bool) -> list[str]:
        """Add the rows of a file; describe missing times and words, a line for each column.

        `words`: what the file's path says of all rows, by role; `strict`: refuse broken lines; False: drop them.
        """
        begin = self.filled
        following = dict.fromkeys(range(len(columns)), begin)  # next row of each column
        for chunk in table.chunks(columns, strict):
            with explained(table.title, table.kind):
                self._take(chunk, following, f"{words['recording']} " if self.several else "")
            del chunk  # it may be all that keeps a long column in memory, and the next one is about to be read
        self.filled = following[0]
        for role in words.keys() & self.words.keys() if self.filled > begin else ():
            self.words[role].numbers[begin : self.filled] = self.words[role].number(words[role], words[role])
        return [
            f"{table.title}: {lacking.sum()} rows have no {role.replace('keep', 'value')} in {column}, "
            f"the first in row {lacking.argmax()}; data.missing=drop drops such rows"
            for role, column, lacking in self._lacking(slice(begin, self.filled), numbers=False)
            if lacking.any()
        ]

    @np.errstate(over="ignore")  # what float32 cannot hold becomes infinite, which is reported
    def _take(self, chunk: Chunk, following: dict[int, int], file: str) -> None:
        """Fill in the columns of a chunk, from the next row of each on."""
        for place, column in chunk.items():
            rows, role = slice(following[place], following[place] + len(column)), self.roles[place]
            following[place] = rows.stop
            if role in WORDS:
                words = self.words[place]
                words.numbers[rows] = words.encode(column, file if role == "recording" else "")
                continue
            values, axis = self.numbers.read(column, role), place - len(self.config.features)
            if role == "feature":
                self.signals[rows, place] = values
            elif role == "target":
                values_mm = values * self.config.target_scale_mm + self.config.offset_mm[axis]
                self.positions[rows, axis] = values_mm
            else:  # a time, or nanoseconds, which follow it and are added to it
                self.time_s[rows] = values if role == "time" else self.time_s[rows] + values

    def gather(self, strict: bool) -> Bools:
        """Put the rows of each recording together, and say which rows (rows,) lack a value; log that they go.

        Missing signals and targets count only if `strict`, with data.missing=drop; else they are refused later.
        """
        if not self.filled:
            raise InputError(f"data.path={self.config.path} has no rows")
        missing, counts = np.zeros(self.filled, bool), list[str]()
        for _, column, lacking in self._lacking(slice(self.filled), strict and self.config.missing == "drop"):
            missing |= lacking
            counts += [f"{lacking.sum()} in {column}"] if lacking.any() else []
        shown, names = name_some(counts, _SHOWN), self.recordings.names
        if missing.all():
            raise InputError(f"data.path={self.config.path}: each of {len(missing)} rows lacks a value: {shown}")
        self._order(missing)
        if strict and counts:
            rows, dropped = (np.bincount(self.recordings.numbers, each, len(names)) for each in (None, missing))
            gone = [name for name, left in zip(names, rows - dropped, strict=True) if not left]
            nothing = f"; nothing is left of {name_some(gone, _SHOWN)}" if gone else ""
            which = f"{dropped.sum():.0f} of {self.filled} rows, which lack a value ({shown})"
            log.warning("dropped %s: %s; no window crosses them%s", which, most_of(dropped, names), nothing)
        return missing

    def _order(self, missing: Bools) -> None:
        """Order all rows by recording; a row without one, or without a point, has that of the row before."""
        end = self.filled  # a text may have blank lines
        self.signals, self.positions, self.time_s = self.signals[:end], self.positions[:end], self.time_s[:end]
        for words in self.words.values():
            words.numbers = words.numbers[:end]
            if words.role in {"recording", "point"} and words.numbers.min() < 0:
                known = pc.fill_null_forward(pa.array(words.numbers, mask=words.numbers < 0))
                words.numbers = np.array(pc.fill_null_backward(known), np.int32)
        number = self.recordings.numbers
        if (number[1:] < number[:-1]).any():
            log.warning("the rows of a recording are not contiguous in the table: they are put together")
            order, numbers = np.argsort(number, kind="stable"), [words.numbers for words in self.words.values()]
            for values in [self.signals, self.positions, missing, self.time_s, *numbers]:
                if len(values):
                    move(values, order)

    def _lacking(self, rows: slice, numbers: bool) -> Iterator[tuple[str, str, Bools]]:
        """Yield roles and names of columns, and which of the rows lack a value there."""
        both = [*self.signals.T, *self.positions.T]
        for place, (role, name, _) in enumerate(self.columns):
            if role in WORDS:
                yield role, name, self.words[place].numbers[rows] < 0
            elif role == "time":
                also = f" and {self.config.nanoseconds}" if self.config.nanoseconds else ""
                yield role, name + also, ~np.isfinite(self.time_s[rows])
            elif numbers and role != "nanoseconds":
                yield role, name, ~np.isfinite(both[place][rows])
