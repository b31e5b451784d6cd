"""Accumulation of recordings, steps of time and a sample of rows, chunk by chunk."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import PER_SECOND, Guesses
from forcepos.data.readers.table import Chunk
from forcepos.data.recordings import Float64

GAP_STEPS = 5  # in median steps: a longer one is a gap
_CUT_STEPS, _CUT_S = 20, 1.0  # a step longer than both starts a new recording, where no column does
_KEPT = 100_000
_SAMPLED = 20_000  # rows for figures
_NEW_FILE = object()


class StridedSample:
    """A bounded sample of any number of rows: all at first, every second once there are too many, and so on."""

    def __init__(self, limit: int) -> None:
        self._limit, self._stride, self._seen = limit, 1, 0
        self.rows: Float64 = np.empty(0)

    def add(self, rows: Float64) -> None:
        """Add rows, along the first axis."""
        kept = rows[-self._seen % self._stride :: self._stride]
        self.rows = np.concatenate([self.rows, kept]) if self._seen else kept
        self._seen += len(rows)
        while len(self.rows) > self._limit:
            self.rows, self._stride = self.rows[::2], 2 * self._stride


@dataclass
class Times:
    """Statistics of the steps from row to row within a recording."""

    median_s: float  # of the first rows: the unit in which gaps are measured; 0 where there is no time
    gaps: int = 0
    longest_s: float = 0.0
    longest_row: int = 0
    back: int = 0  # steps backwards
    same: int = 0  # steps of zero
    steps: StridedSample = field(default_factory=lambda: StridedSample(_KEPT))

    @property
    def cut_s(self) -> float:
        return max(_CUT_STEPS * self.median_s, _CUT_S)

    @property
    def rate_hz(self) -> float | None:
        step = median_step(self.steps.rows)
        return round(1 / step, 6) if step else None

    def add(self, steps: Float64, rows: NDArray[np.intp]) -> None:
        """Add steps, with the row at which each ends."""
        self.steps.add(steps)
        self.back += int((steps < 0).sum())
        self.same += int((steps == 0).sum())
        self.gaps += int((steps > GAP_STEPS * self.median_s).sum())
        if len(steps) and steps.max() > self.longest_s:
            self.longest_s, self.longest_row = float(steps.max()), int(rows[steps.argmax()])


def median_step(steps: Float64) -> float:
    """Return the median of the steps forward; 0 where there is none."""
    forward = steps[steps > 0]
    return float(np.median(forward)) if len(forward) else 0.0


@dataclass(frozen=True)
class Recording:
    """Attributes: `position` is the mean, in the unit of the file; `stuck` names the columns that never change."""

    name: str
    point: str
    rows: int
    position: tuple[float, ...]
    stuck: tuple[str, ...]


class Reading:
    """Reads the chunks of one file after the other."""

    def __init__(self, guesses: Guesses, columns: Iterable[Column], times: Times) -> None:
        self._guesses, self._columns, self.times = guesses, tuple(columns), times
        self._key = guesses.recording or guesses.point
        self._numeric: tuple[str, ...] = ()  # as in the first chunk
        self._sample = StridedSample(_SAMPLED)
        self._names: list[tuple[str, str]] = []  # of each recording, with its point
        self._parts: list[tuple[Any, ...]] = []  # of each chunk, statistics of its recordings
        self._file, self._row = "", 0
        self._last: Any = _NEW_FILE
        self._last_s = np.nan

    @property
    def sample(self) -> pd.DataFrame:
        """Return rows at equal distances: their numeric columns, by the number of the recording."""
        rows = self._sample.rows
        return pd.DataFrame(rows[:, 1:], rows[:, 0], self._numeric)

    @property
    def recordings(self) -> list[Recording]:
        """Return all recordings; one may extend over several chunks."""
        low, high, sums, known, rows = (
            pd.concat(parts).groupby(level=0) for parts in zip(*self._parts, strict=True)
        )
        counts = rows.sum().to_numpy()
        stuck = low.min().eq(high.max()).mul(counts > 1, axis=0).to_numpy(bool)
        means = (sums.sum() / known.sum()).to_numpy()
        placed = np.isfinite(means).all(axis=1).tolist()
        visits: Counter[str] = Counter()
        found = []
        for number, (name, point) in enumerate(self._names):
            visits[name] += 1
            title = f"{name}, part {visits[name]}" if visits[name] > 1 else name
            position = tuple(means[number].tolist()) if placed[number] else ()
            unchanged = tuple(compress(self._numeric, stuck[number]))
            found.append(Recording(title, point, int(counts[number]), position, unchanged))
        return found

    def start_file(self, name: str) -> None:
        self._file, self._row, self._last, self._last_s = name, 0, _NEW_FILE, np.nan

    @np.errstate(over="ignore", invalid="ignore")  # of the sums and differences of huge values
    def add(self, chunk: Chunk) -> None:
        numbers: dict[str, Float64] = {}
        arrays: dict[str, pa.Array] = {}
        for place, column in enumerate(self._columns):
            values, arrays[column.name] = column.add(chunk[place])
            if values is not None:
                numbers[column.name] = values
        self._numeric = self._numeric if self._parts else tuple(numbers)
        timed = self._guesses.time and set(self._guesses.time) <= {*numbers}
        time_s = seconds(self._guesses, numbers) if timed else np.full(len(chunk[0]), np.nan)
        first = self._first_rows(arrays, time_s)
        number = len(self._names) + np.cumsum(first) - 1
        for row in np.flatnonzero(first).tolist():
            keys = (self._key, self._guesses.point)
            name, point = (str(arrays[key][row].as_py()) if key else "" for key in keys)
            self._names.append((name or self._file, point))
        self._row += len(chunk[0])
        rows = pd.DataFrame(numbers, number, dtype=float).reindex(columns=self._numeric)
        rows = rows.where(np.isfinite(rows))
        self._sample.add(np.column_stack([rows.index, rows]))
        groups = rows.groupby(level=0)
        places = rows.reindex(columns=[*self._guesses.positions]).groupby(level=0)
        self._parts.append((groups.min(), groups.max(), places.sum(), places.count(), groups.size()))

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


def seconds(guesses: Guesses, numbers: Mapping[str, Float64]) -> Float64:
    """Return the time of each row, from the origin."""
    first = numbers[guesses.time[0]] - guesses.origin
    if len(guesses.time) == 2:
        return first + numbers[guesses.time[1]] / PER_SECOND["ns"]
    return first / PER_SECOND[guesses.time_unit]
