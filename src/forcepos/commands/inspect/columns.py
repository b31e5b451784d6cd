"""Facts about each column of a table, gathered in one pass: parts come in, sums and extremes stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.data.recordings import Float64

MANY = 1000  # values that are told apart; a column with more is taken for continuous
_TRIED = 4 * MANY


@dataclass
class Column:
    """What is known of a column.

    Attributes:
        kind: number, whole, time, text, or empty.
        counts: how often each value occurs, None where there are more than MANY.
        not_numbers: values that are no numbers, in a column of numbers; the first of them in `example`.
        rising: steps upwards less steps downwards, and all steps.
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
    squares: float = 0.0  # sum of squared distances from the mean
    counts: dict[float | str, int] | None = field(default_factory=dict)
    up: int = 0
    down: int = 0
    wander: float = 0.0  # sum of squared steps
    last: float = np.nan
    begin_ns: int | None = None  # of a column of times, which are counted in seconds from there

    @property
    def known(self) -> int:
        return self.rows - self.missing

    @property
    def numeric(self) -> bool:
        return self.kind in {"number", "whole"}

    @property
    def spread(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(self.squares / self.known)) if self.known and self.kind != "text" else 0.0

    @property
    def distinct(self) -> int | None:
        return None if self.counts is None else len(self.counts)

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers, however they are written."""
        few = self.counts is not None and all(
            isinstance(value, float) and value == int(value) for value in self.counts
        )
        return self.kind == "whole" or (self.kind == "number" and few)

    @property
    def smooth(self) -> bool:
        """Whether it goes from value to value in steps that are small beside its spread."""
        steps = self.up + self.down
        return steps > 0 and self.spread > 0 and np.sqrt(self.wander / self.known) < 0.1 * self.spread

    def add_numbers(self, values: Float64) -> None:
        """More rows; NaN is a missing value."""
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
        apart = mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + apart**2 * before * more / (before + more)
        self.mean += apart * more / (before + more)

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
        self.wander += float(np.nansum(steps**2))
        self.last = float(values[-1])

    def _add_counts(self, values: Float64) -> None:
        if self.counts is None or len(np.unique(values[:_TRIED])) > MANY:
            self.counts = None
            return
        self._count(*(found.tolist() for found in np.unique(values, return_counts=True)))

    def add_texts(self, values: pa.Array) -> None:
        """More rows of a column of text."""
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
        if len(self.counts) > MANY:
            self.counts = None
