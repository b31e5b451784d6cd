"""From a part of a table to numbers and texts, each counted in its column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.data.recordings import Float64
from forcepos.inspection.columns import Column

_LOOKED_AT = 1000
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE)


def read_part(part: pa.Table, columns: Sequence[Column]) -> Iterator[tuple[Column, Float64 | None, pa.Array]]:
    """Each column's values as numbers, or as text where it is one; both count in `columns`."""
    for column in columns:
        values = part.column(column.name)
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
        column.kind = _kind(column, values)
        numbers = None if column.kind == "text" else _numbers(column, values)
        texts = _texts(values) if numbers is None else values
        if numbers is None:
            column.add_texts(texts)
        else:
            column.add_numbers(numbers)
        yield column, numbers, texts


def _kind(column: Column, values: pa.Array) -> str:
    kind = values.type
    if pa.types.is_null(kind) or column.kind == "text" or values.null_count == len(values):
        return column.kind
    if (
        pa.types.is_timestamp(kind)
        or pa.types.is_date(kind)
        or pa.types.is_time(kind)
        or pa.types.is_duration(kind)
    ):
        return "time"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "whole" if column.kind in {"empty", "whole"} else column.kind
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number" if column.kind != "time" else "text"
    return column.kind if column.numeric else _of_words(values)


def _of_words(values: pa.Array) -> str:
    """A column of numbers may have some words in it, which are faults then."""
    words = [value for value in _texts(values.slice(0, _LOOKED_AT)).to_pylist() if value]
    numbers = sum(bool(_NUMBER.fullmatch(word)) for word in words)
    return "number" if numbers > 0.8 * len(words) else "text"


def _numbers(column: Column, values: pa.Array) -> Float64:
    """Missing values and what is no number as NaN; times in seconds."""
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    if column.kind == "time":
        return _seconds(column, values)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    return _read_as_numbers(column, _texts(values))


def _seconds(column: Column, values: pa.Array) -> Float64:
    """Times since the column's first one: whole numbers of nanoseconds would be rounded."""
    kind = pa.duration("ns") if pa.types.is_duration(values.type) else pa.timestamp("ns")
    counted = values.cast(kind).cast(pa.int64())
    if column.begin_ns is None:
        column.begin_ns = counted.drop_null()[0].as_py()
    apart = pc.subtract(counted, column.begin_ns).cast(pa.float64(), safe=False)
    return np.asarray(apart.to_numpy(zero_copy_only=False)) / 1e9


def _read_as_numbers(column: Column, values: pa.Array) -> Float64:
    """Of a part that has words among its numbers."""
    numbers = np.full(len(values), np.nan)
    for place, value in enumerate(values.to_pylist()):
        try:
            numbers[place] = float(value) if value else np.nan
        except ValueError:
            column.not_numbers += 1
            column.example = column.example or value[:30]
    return numbers


def _texts(values: pa.Array) -> pa.Array:
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        decoded = [None if value is None else value.decode("utf-8", "replace") for value in values.to_pylist()]
        return pa.array(decoded, pa.string())
    return values.cast(pa.string())
