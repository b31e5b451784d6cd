"""Accumulation of recordings, times and a sample of rows, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from forcepos.commands.inspect.chunks import read_chunk
from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import PER_SECOND, Guesses
from forcepos.commands.inspect.times import StridedSample, Times
from forcepos.data.recordings import Float64

_SAMPLED = 20_000  # rows for figures
_NEW_FILE = object()


@dataclass(frozen=True)
class Recording:
    """Attributes: `position` is the mean, in the unit of the file; `stuck` names the columns that never change."""

    name: str
    point: str
    rows: int
    position: tuple[float, ...]
    stuck: tuple[str, ...]


class RecordingBuilder:
    """Collects rows in order; a recording may extend over several chunks."""

    def __init__(self, numeric: tuple[str, ...], axes: int) -> None:
        self._numeric, self._axes = numeric, axes
        self.done: list[Recording] = []
        self._visits: dict[str, int] = {}
        self._open("", "")

    def _open(self, name: str, point: str) -> None:
        self._name, self._point, self._rows = name, point, 0
        self._low = np.full(len(self._numeric), np.inf)
        self._high = np.full(len(self._numeric), -np.inf)
        self._sums = np.zeros(self._axes)
        self._known = np.zeros(self._axes)

    def begin(self, name: str, point: str) -> None:
        """Start a new recording."""
        self.close()
        self._open(name, point)

    def close(self) -> None:
        """End the open recording."""
        if not self._rows:
            return
        stuck = self._low == self._high if self._rows > 1 else np.zeros(len(self._numeric), bool)
        names = tuple(name for name, one in zip(self._numeric, stuck, strict=True) if one)
        position = tuple((self._sums / np.maximum(self._known, 1)).tolist()) if self._known.all() else ()
        visit = self._visits[self._name] = self._visits.get(self._name, 0) + 1
        name = self._name + (f", part {visit}" if visit > 1 else "")
        self.done.append(Recording(name, self._point, self._rows, position, names))
        self._rows = 0

    def add(self, low: Float64, high: Float64, positions: Float64) -> None:
        """Add rows to the open recording: minima and maxima of each column, and positions (rows, axes)."""
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        known: NDArray[np.bool_] = np.isfinite(positions)
        self._sums += np.where(known, positions, 0).sum(axis=0)
        self._known += known.sum(axis=0)
        self._rows += len(positions)


class Reading:
    """Reads the chunks of one file after the other."""

    def __init__(self, guesses: Guesses, columns: Sequence[Column], times: Times) -> None:
        self._guesses, self._columns, self.times = guesses, columns, times
        self._key = guesses.recording or guesses.point
        self.numeric: tuple[str, ...] = ()
        self.sample = StridedSample(_SAMPLED)
        self._builder = RecordingBuilder((), 0)  # until the first chunk shows which columns are numeric
        self._file, self._row, self._count = "", 0, 0
        self._last: Any = _NEW_FILE
        self._last_s = np.nan

    @property
    def recordings(self) -> list[Recording]:
        """Return the recordings that have ended."""
        return self._builder.done

    def start_file(self, name: str) -> None:
        """Expect chunks of another file."""
        self._file, self._row, self._last, self._last_s = name, 0, _NEW_FILE, np.nan

    def finish(self) -> None:
        """End the last recording."""
        self._builder.close()

    def add(self, chunk: pa.Table) -> None:
        """Add the rows of a chunk."""
        numbers: dict[str, Float64] = {}
        arrays: dict[str, pa.Array] = {}
        for column, values, array in read_chunk(chunk, self._columns):
            arrays[column.name] = array
            if values is not None:
                numbers[column.name] = values
        if not self._count:
            self.numeric = tuple(numbers)
            self._builder = RecordingBuilder(self.numeric, len(self._guesses.positions))
        absent = np.full(chunk.num_rows, np.nan)
        timed = self._guesses.time and set(self._guesses.time) <= {*numbers}
        time_s = seconds(self._guesses, numbers) if timed else absent
        first = self._first_rows(arrays, time_s)
        table = np.column_stack([numbers.get(name, absent) for name in self.numeric] or [absent])
        self._split(table, first, arrays)
        self.sample.add(np.column_stack([self._count + np.cumsum(first) - 1, time_s, table]))
        self._row += chunk.num_rows
        self._count += int(first.sum())

    def _first_rows(self, arrays: Mapping[str, pa.Array], time_s: Float64) -> NDArray[np.bool_]:
        """Return (rows,) whether a recording starts; add the steps of time within recordings to `times`."""
        first = np.zeros(len(time_s), bool)
        first[0] = self._last is _NEW_FILE
        if self._key:
            keys = arrays[self._key]
            keys = keys.cast(pa.string()) if pa.types.is_null(keys.type) else keys
            changed = pc.fill_null(pc.not_equal(keys[1:], keys[:-1]), True)
            first[1:] = changed.to_numpy(zero_copy_only=False)
            first[0] |= self._last != keys[0].as_py()
            self._last = keys[-1].as_py()
        else:
            self._last = None
        steps = np.diff(time_s, prepend=self._last_s)
        self._last_s = float(time_s[-1])
        counted = ~first & np.isfinite(steps)
        self.times.add(steps[counted], self._row + np.flatnonzero(counted))
        if not self._key:
            first |= counted & ((steps > self.times.cut_s) | (steps < 0))
        return first

    def _split(self, table: Float64, first: NDArray[np.bool_], arrays: Mapping[str, pa.Array]) -> None:
        """Add rows to the recordings that they belong to."""
        cuts = np.unique([0, *np.flatnonzero(first)])
        low = np.minimum.reduceat(np.where(np.isfinite(table), table, np.inf), cuts, axis=0)
        high = np.maximum.reduceat(np.where(np.isfinite(table), table, -np.inf), cuts, axis=0)
        axes = [self.numeric.index(name) for name in self._guesses.positions if name in self.numeric]
        for number, (start, stop) in enumerate(zip(cuts, [*cuts[1:], len(table)], strict=True)):
            if first[start]:
                self._builder.begin(self._name(arrays, start), self._value(self._guesses.point, arrays, start))
            self._builder.add(low[number], high[number], table[start:stop, axes])

    def _name(self, arrays: Mapping[str, pa.Array], row: int) -> str:
        return self._value(self._key, arrays, row) or self._file

    def _value(self, column: str | None, arrays: Mapping[str, pa.Array], row: int) -> str:
        return str(arrays[column][row].as_py()) if column else ""


def seconds(guesses: Guesses, numbers: Mapping[str, Float64]) -> Float64:
    """Return the time of each row, from the origin."""
    first = numbers[guesses.time[0]] - guesses.origin
    if len(guesses.time) == 2:
        return first + numbers[guesses.time[1]] / PER_SECOND["ns"]
    return first / PER_SECOND[guesses.time_unit]
