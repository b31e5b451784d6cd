"""Columns: conversion of their values to numbers or texts, and statistics of them, chunk by chunk."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.data.readers.lines import MISSING
from forcepos.data.readers.table import TIMES
from forcepos.data.readers.times import SECONDS
from forcepos.data.recordings import Float64

_MOST_DISTINCT = 1000  # a column with more distinct values is taken for continuous
_PROBED = 50_000  # values of which the course is looked at
_MOSTLY = 0.8  # share of numbers among texts above which the others are faults


class Course(NamedTuple):
    """What the first values of a column do from row to row."""

    increases: bool
    counts: bool  # rows, from whatever number on, and maybe anew in each recording
    smooth: bool  # in steps that are small compared with the standard deviation
    step: float  # the median of the steps forward; 0 where there is none


@dataclass
class Column:
    """Statistics of one column."""

    name: str
    kind: str = "empty"  # or number, integer, time (in s), text
    as_text: bool = False  # numbers, but written as texts: training does not read them
    rows: int = 0
    known: int = 0
    not_numbers: int = 0  # values of a numeric column that are none; `example` is the first of them
    example: str = ""
    low: float = np.inf
    high: float = -np.inf
    mean: float = 0.0
    squares: float = 0.0  # of deviations from the mean
    std: float = 0.0
    # How often each value occurs, integers of whatever size; None where there are more than _MOST_DISTINCT.
    counts: Counter[float | str] | None = field(default_factory=Counter)
    start: Float64 = field(default_factory=lambda: np.empty(0))  # the first _PROBED values; NaN where no number

    @cached_property
    @np.errstate(over="ignore", invalid="ignore")  # of the squares of huge values
    def course(self) -> Course:
        known = self.start[np.isfinite(self.start)] if self.kind != "text" else self.start[:0]
        steps, least = np.diff(known), 0.9 * (len(known) - 1)
        up, moves, ones = (int(one.sum()) for one in (steps > 0, steps != 0, steps == 1))
        smooth = moves > 0 and bool(np.sqrt(np.mean(steps**2)) < 0.1 * np.std(known))
        step = float(np.median(steps[steps > 0])) if up else 0.0
        return Course(up > 0.95 * moves and moves > least > 0.9, ones > least > 1, smooth, step)

    @property
    def readable(self) -> bool:
        """Return whether training can read it as numbers."""
        return self.kind in {"number", "integer"} and not self.as_text

    @property
    def reach(self) -> float:
        return max(abs(self.low), abs(self.high))

    @property
    def distinct(self) -> int | None:
        return None if self.counts is None else len(self.counts)

    @property
    def discrete(self) -> bool:
        """Return whether all values are texts or whole numbers, of whatever type."""
        if self.kind != "number" or self.counts is None:
            return self.kind in {"integer", "text"}
        return all(not isinstance(value, str) and value == int(value) for value in self.counts)

    @np.errstate(over="ignore", invalid="ignore")  # of the squares of huge values
    def add(self, values: pa.Array) -> None:
        """Add rows."""
        kind, numbers = _numbers(values)
        if len(self.start) < _PROBED:
            self.start = np.append(self.start, numbers[: _PROBED - len(self.start)])
        both, self.rows = {self.kind, kind} - {"empty"} or {"empty"}, self.rows + len(values)
        self.kind = both.pop() if len(both) == 1 else "number" if both == {"number", "integer"} else "text"
        finite = numbers[np.isfinite(numbers)]
        if self.kind == "text":
            words, finite = _texts(values).drop_null(), finite[:0]
            self.known += len(words)
            self._count(words)
        elif kind == "number" and not (pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)):
            self.as_text = True
            words = _texts(values).filter(pa.array(np.isnan(numbers))).drop_null()
            self.not_numbers += len(words)
            self.example = self.example or (words[0].as_py()[:30] if len(words) else "")
        if len(finite):
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
            step, share = float(finite.mean()) - self.mean, len(finite) / (self.known + len(finite))
            self.squares += float(((finite - self.mean - step) ** 2).sum()) + step * (step * share * self.known)
            self.mean += step * share
            self.known += len(finite)
            self.std = float(np.sqrt(self.squares / self.known))
            self._count(values.drop_null() if pa.types.is_integer(values.type) else pa.array(finite))

    def _count(self, values: pa.Array) -> None:
        if self.counts is not None and len(values[: 4 * _MOST_DISTINCT].unique()) <= _MOST_DISTINCT:
            for found in pc.value_counts(values).to_pylist():
                self.counts[found["values"]] += found["counts"]
            self.counts = self.counts if len(self.counts) <= _MOST_DISTINCT else None
        else:
            self.counts = None


def _numbers(values: pa.Array) -> tuple[str, Float64]:
    """Return the kind of a column and its numbers, times in seconds; NaN where a value is missing or no number."""
    kind = values.type
    if values.null_count == len(values):
        return "empty", np.full(len(values), np.nan)
    if any(is_kind(kind) for is_kind in TIMES):
        unit_s = 86_400.0 if pa.types.is_date32(kind) else SECONDS[getattr(kind, "unit", "ms")]
        counted = values.cast(pa.int32() if kind.bit_width == 32 else pa.int64()).cast(pa.float64(), safe=False)
        return "time", np.asarray(counted.to_numpy(zero_copy_only=False) * unit_s)
    whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if whole or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return "integer" if whole else "number", numbers
    words = pd.Series(_texts(values).to_pylist(), dtype=object)
    numbers = pd.to_numeric(words, errors="coerce").to_numpy(np.float64)
    return "number" if np.isfinite(numbers).sum() > _MOSTLY * words.notna().sum() else "text", numbers


def _texts(values: pa.Array) -> pa.Array:
    """Return values as texts, whatever they are; null where training takes them for missing."""
    values = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    try:
        raw = values.cast(pa.large_binary()).to_pylist()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, structures, times
        raw = [str(one).encode("utf-8", "replace") if one.is_valid else None for one in values]
    texts = [None if one is None else one.decode("utf-8", "replace") for one in raw]  # maybe no valid UTF-8
    return pa.array([None if text in MISSING else text for text in texts], pa.string())
