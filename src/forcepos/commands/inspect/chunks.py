"""Conversion of a chunk of a table to numbers and texts, added to the statistics of their columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import PER_SECOND
from forcepos.data.recordings import Float64

_PROBED = 1000
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE)


def read_chunk(chunk: pa.Table, columns: Iterable[Column]) -> Iterator[tuple[Column, Float64 | None, pa.Array]]:
    """Yield each column's values, as numbers unless it is text, and as an array; add them to `columns`."""
    for column in columns:
        values = chunk.column(column.name)
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
    if _is_time(kind):
        return "time" if column.kind in {"empty", "time"} else "text"
    if column.kind == "time":
        return "text"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "integer" if column.kind in {"empty", "integer"} else column.kind
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return column.kind if column.numeric else _kind_of_strings(values)


def _is_time(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (pa.types.is_timestamp, pa.types.is_date, pa.types.is_time, pa.types.is_duration)
    )


def _kind_of_strings(values: pa.Array) -> str:
    """Return the kind of a column of strings: numeric where few of them are not numbers."""
    words = [value for value in _texts(values.slice(0, _PROBED)).to_pylist() if value]
    numbers = sum(bool(_NUMBER.fullmatch(word)) for word in words)
    return "number" if numbers > 0.8 * len(words) else "text"


def _numbers(column: Column, values: pa.Array) -> Float64:
    """Return numbers, times in seconds; NaN where a value is missing or not a number."""
    if values.null_count == len(values):
        return np.full(len(values), np.nan)
    if column.kind == "time":
        return _seconds(column, values)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    return _parsed_numbers(column, _texts(values))


def _seconds(column: Column, values: pa.Array) -> Float64:
    """Return times since the column's first one: as float64, nanoseconds since an epoch would be rounded."""
    kind, unit_ns = values.type, 1
    if pa.types.is_date32(kind):
        values, unit_ns = values.cast(pa.int32()), 86_400 * 10**9
    else:
        unit_ns = 10**6 if pa.types.is_date64(kind) else round(1e9 / PER_SECOND[kind.unit])
        values = values.cast(pa.int32()) if pa.types.is_time32(kind) else values
    counted = values.cast(pa.int64())
    if column.begin_ns is None:
        column.begin_ns = counted.drop_null()[0].as_py() * unit_ns
    begin, rest_ns = divmod(column.begin_ns, unit_ns)
    since_begin = pc.subtract(counted, pa.scalar(begin, pa.int64())).cast(pa.float64(), safe=False)
    return np.asarray(since_begin.to_numpy(zero_copy_only=False) * (unit_ns / 1e9) - rest_ns / 1e9)


def _parsed_numbers(column: Column, values: pa.Array) -> Float64:
    """Parse strings, of which some are not numbers."""
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values.to_pylist()):
        try:
            numbers[row] = float(value) if value else np.nan
        except ValueError:
            column.not_numbers += 1
            column.example = column.example or value[:30]
    return numbers


def _texts(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type) or not _is_valid(values):
        raw = values.cast(pa.large_binary()).to_pylist()
        return pa.array(
            [None if value is None else value.decode("utf-8", "replace") for value in raw], pa.string()
        )
    try:
        return values.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, structures, times beyond what can be written
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _is_valid(values: pa.Array) -> bool:
    """Return whether strings are valid UTF-8."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return True
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
