"""Statistics of each column, accumulated chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.data.recordings import Float64

_MOST_DISTINCT = 1000  # a column with more distinct values is taken for continuous
_PROBED = 4 * _MOST_DISTINCT


@dataclass
class Column:
    """Statistics of one column.

    Attributes:
        kind: number, integer, time, text, or empty.
        counts: how often each value occurs; None where there are more than _MOST_DISTINCT.
        not_numbers: how many values of a numeric column are not numbers; `example` is the first of them.
        up, down: steps from row to row that increase and decrease.
        begin_ns: of a column of times, the first; its values are seconds from there.
    """

    name: str
    kind: str = "empty"
    rows: int = 0
    missing: int = 0
    not_numbers: int = 0
    example: str = ""
    low: float = np.inf
    high: float = -np.inf
    at_low: int = 0
    at_high: int = 0
    mean: float = 0.0
    squared_deviations: float = 0.0
    counts: dict[float | str, int] | None = field(default_factory=dict)
    up: int = 0
    down: int = 0
    squared_steps: float = 0.0
    last: float = np.nan
    begin_ns: int | None = None

    @property
    def known(self) -> int:
        """Return how many values are not missing."""
        return self.rows - self.missing

    @property
    def numeric(self) -> bool:
        """Return whether the column holds numbers that are not times."""
        return self.kind in {"number", "integer"}

    @property
    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.squared_deviations / self.known)) if self.known and self.kind != "text" else 0.0

    @property
    def distinct(self) -> int | None:
        """Return the number of distinct values, None where there are many."""
        return None if self.counts is None else len(self.counts)

    @property
    def integral(self) -> bool:
        """Return whether all values are whole numbers, of whatever type."""
        if self.kind != "number" or self.counts is None:
            return self.kind == "integer"
        return all(isinstance(value, float) and value == int(value) for value in self.counts)

    @property
    def smooth(self) -> bool:
        """Return whether steps from row to row are small compared with the standard deviation."""
        steps = self.up + self.down
        return steps > 0 and self.std > 0 and np.sqrt(self.squared_steps / self.known) < 0.1 * self.std

    def add_numbers(self, values: Float64) -> None:
        """Add rows; NaN is a missing value."""
        finite = values[np.isfinite(values)]
        self.rows += len(values)
        self.missing += len(values) - len(finite)
        if not len(finite):
            return
        self._add_moments(finite)
        self._add_extremes(finite)
        self._add_steps(finite)
        self._add_counts(finite)

    def _add_moments(self, values: Float64) -> None:
        before, more = self.known - len(values), len(values)
        mean = float(values.mean())
        shift = mean - self.mean
        self.squared_deviations += float(((values - mean) ** 2).sum()) + shift**2 * before * more / (before + more)
        self.mean += shift * more / (before + more)

    def _add_extremes(self, values: Float64) -> None:
        low, high = float(values.min()), float(values.max())
        if low <= self.low:
            self.at_low = int((values == low).sum()) + (self.at_low if low == self.low else 0)
            self.low = low
        if high >= self.high:
            self.at_high = int((values == high).sum()) + (self.at_high if high == self.high else 0)
            self.high = high

    def _add_steps(self, values: Float64) -> None:
        steps = np.diff(values, prepend=self.last)
        self.up += int((steps > 0).sum())
        self.down += int((steps < 0).sum())
        self.squared_steps += float(np.nansum(steps**2))
        self.last = float(values[-1])

    def _add_counts(self, values: Float64) -> None:
        if self.counts is None or len(np.unique(values[:_PROBED])) > _MOST_DISTINCT:
            self.counts = None
            return
        self._count(*(found.tolist() for found in np.unique(values, return_counts=True)))

    def add_texts(self, values: pa.Array) -> None:
        """Add rows of a text column."""
        self.rows += len(values)
        self.missing += values.null_count
        if self.counts is not None:
            found = pc.value_counts(values.drop_null())
            self._count(found.field("values").to_pylist(), found.field("counts").to_pylist())

    def _count(self, values: Sequence[float | str], counts: Sequence[int]) -> None:
        if self.counts is None:
            return
        for value, count in zip(values, counts, strict=True):
            self.counts[value] = self.counts.get(value, 0) + count
        if len(self.counts) > _MOST_DISTINCT:
            self.counts = None
