"""Columns: conversion of their values to numbers or texts, and statistics of them, chunk by chunk."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.commands.inspect.roles import PER_SECOND
from forcepos.data.readers.lines import is_number
from forcepos.data.recordings import Float64

_MOST_DISTINCT = 1000  # a column with more distinct values is taken for continuous
_PROBED = 4 * _MOST_DISTINCT
_PROBED_STRINGS = 1000


@dataclass
class Column:
    """Statistics of one column."""

    name: str
    kind: str = "empty"  # or number, integer, time, text
    rows: int = 0
    missing: int = 0
    not_numbers: int = 0  # values of a numeric column that are none; `example` is the first of them
    example: str = ""
    low: float = np.inf
    high: float = -np.inf
    origin: float = 0.0  # the first value, from which sums are taken: they keep the precision of the file
    total: float = 0.0
    squares: float = 0.0
    # How often each value occurs, integers of whatever size; None where there are more than _MOST_DISTINCT.
    counts: Counter[float | str] | None = field(default_factory=Counter)
    begin_ns: int | None = None  # of a column of times, the first; its values are seconds from there
    as_text: bool = False  # numbers, but written as texts: training does not read them

    @property
    def known(self) -> int:
        return self.rows - self.missing

    @property
    def readable(self) -> bool:
        """Return whether training can read it as numbers."""
        return self.kind in {"number", "integer"} and not self.as_text

    @property
    def mean(self) -> float:
        return self.origin + self.total / max(self.known, 1)

    @property
    def std(self) -> float:
        mean = self.total / max(self.known, 1)
        return float(np.sqrt(max(self.squares / max(self.known, 1) - mean * mean, 0.0)))

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
    def add(self, values: pa.Array) -> Float64 | None:
        """Add rows; return them as numbers unless they are text."""
        self.kind = self._kind_with(values)
        first, self.rows = not self.known, self.rows + len(values)
        if self.kind == "text":
            texts = _texts(values)
            self.missing += texts.null_count
            self._count(texts.drop_null())
            return None
        numbers = self._numbers(values)
        finite = numbers[np.isfinite(numbers)]
        self.missing += len(numbers) - len(finite)
        if len(finite):
            self.origin = float(finite[0]) if first else self.origin
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
            self.total += float((finite - self.origin).sum())
            self.squares += float(((finite - self.origin) ** 2).sum())
            self._count(values.drop_null() if pa.types.is_integer(values.type) else pa.array(finite))
        return numbers

    def _kind_with(self, values: pa.Array) -> str:
        kind = values.type
        if pa.types.is_null(kind) or self.kind == "text" or values.null_count == len(values):
            return self.kind
        is_time = pa.types.is_temporal(kind) and not pa.types.is_interval(kind)
        if is_time or self.kind == "time":
            return "time" if is_time and self.kind in {"empty", "time"} else "text"
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return "integer" if self.kind in {"empty", "integer"} else self.kind
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return "number"
        if self.kind in {"number", "integer"}:
            return self.kind
        words = [value for value in _texts(values.slice(0, _PROBED_STRINGS)).to_pylist() if value]
        numbers = sum(is_number(word.strip(), ".") for word in words)
        return "number" if numbers > 0.8 * len(words) else "text"  # a few others are faults

    def _numbers(self, values: pa.Array) -> Float64:
        """Return numbers, times in seconds; NaN where a value is missing or not a number."""
        kind = values.type
        if values.null_count == len(values):
            return np.full(len(values), np.nan)
        if self.kind == "time":
            return self._seconds(values)
        if pa.types.is_boolean(kind):
            values = values.cast(pa.int8())
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            self.as_text = True
            return self._parsed(_texts(values))
        return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))

    def _seconds(self, values: pa.Array) -> Float64:
        """Return times since the column's first one: as float64, nanoseconds since an epoch would be rounded."""
        kind = values.type
        dates_ns = {pa.date32(): 86_400 * 10**9, pa.date64(): 10**6}
        unit_ns = dates_ns[kind] if pa.types.is_date(kind) else round(1e9 / PER_SECOND[kind.unit])
        counted = (values.cast(pa.int32()) if kind.bit_width == 32 else values).cast(pa.int64())
        if self.begin_ns is None:
            self.begin_ns = counted.drop_null()[0].as_py() * unit_ns
        begin, rest_ns = divmod(self.begin_ns, unit_ns)
        since_begin = pc.subtract_checked(counted, pa.scalar(begin, pa.int64())).cast(pa.float64(), safe=False)
        return np.asarray(since_begin.to_numpy(zero_copy_only=False) * (unit_ns / 1e9) - rest_ns / 1e9)

    def _parsed(self, values: pa.Array) -> Float64:
        numbers = np.full(len(values), np.nan)
        for row, value in enumerate(values.to_pylist()):
            try:
                numbers[row] = float(value) if value else np.nan
            except ValueError:
                self.not_numbers += 1
                self.example = self.example or value[:30]
        return numbers

    def _count(self, values: pa.Array) -> None:
        if self.counts is None or len(values[:_PROBED].unique()) > _MOST_DISTINCT:
            self.counts = None
            return
        for found in pc.value_counts(values).to_pylist():
            self.counts[found["values"]] += found["counts"]
        if len(self.counts) > _MOST_DISTINCT:
            self.counts = None


def _texts(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.type in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):  # maybe no valid UTF-8
        raw = values.cast(pa.large_binary()).to_pylist()
        return pa.array([None if one is None else one.decode("utf-8", "replace") for one in raw], pa.string())
    try:
        return values.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, structures, times beyond what can be written
        return pa.array([None if value is None else str(value) for value in values], pa.string())
