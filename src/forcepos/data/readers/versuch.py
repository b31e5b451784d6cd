"""The notebook's Feather files: 48 columns of numbers and the name of the touched point in each row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.config.schema import VersuchConfig
from forcepos.data.readers.rows import put_columns
from forcepos.data.recordings import Float32, Float64, Int32, Recordings
from forcepos.runtime.errors import InputError


def read_versuch(config: VersuchConfig) -> Recordings:
    """Read the recordings of a Feather file; a run of rows with the same point is one recording.

    Raises:
        InputError: the file or a column is missing, unreadable, empty, not numeric or named twice.
    """
    path = Path(config.path)
    numbers, others = _wanted(config)
    with _open(path, [*numbers, *others]) as source:
        rest = _reader(source, others).read_all()
        if rest.num_rows == 0:
            raise InputError(f"{path} has no rows")
        signals = np.empty((rest.num_rows, len(config.features)), np.float32)
        positions = np.empty((rest.num_rows, len(config.targets)), np.float32)
        _fill(_reader(source, numbers), config, signals, positions)
    recording, point, names = _recordings(rest.column(config.point))
    return Recordings(
        signals=signals,
        positions=positions,
        recording=recording,
        point=point,
        channels=tuple(config.features),
        names=names,
        rate_hz=config.rate_hz or _rate_hz(rest, config, recording),
    )


def _wanted(config: VersuchConfig) -> tuple[list[str], list[str]]:
    """Columns that are read as numbers, and those with a row's point and time."""
    for key, names in (("data.features", config.features), ("data.targets", config.targets)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"{key} names {', '.join(twice)} twice")
    times = [name for name in (config.seconds, config.nanoseconds) if name and not config.rate_hz]
    return list(dict.fromkeys([*config.features, *config.targets])), list(dict.fromkeys([config.point, *times]))


@contextmanager
def _open(path: Path, wanted: list[str]) -> Iterator[pa.NativeFile]:
    """Open the file and check that it has all wanted columns."""
    if not path.is_file():
        raise InputError(f"data.path={path} is not a file")
    try:
        with pa.memory_map(str(path)) as source:
            _check_names(path, pa.ipc.open_file(source).schema.names, wanted)
            yield source
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} cannot be read as a Feather file: {error}") from error


def _reader(source: pa.NativeFile, names: list[str]) -> pa.ipc.RecordBatchFileReader:
    """Open the file for reading these columns only."""
    present = pa.ipc.open_file(source).schema.names
    options = pa.ipc.IpcReadOptions(included_fields=[present.index(name) for name in names])
    return pa.ipc.open_file(source, options=options)


def _check_names(path: Path, present: list[str], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in present]
    twice = [name for name in wanted if present.count(name) > 1]
    problems = [f"{path} lacks {', '.join(missing)}; it has {', '.join(present)}"] if missing else []
    if twice:
        problems.append(f"{path} has more than one column named {', '.join(twice)}")
    if problems:
        raise InputError("\n  ".join(problems))


def _fill(
    reader: pa.ipc.RecordBatchFileReader, config: VersuchConfig, signals: Float32, positions: Float32
) -> None:
    """Read features and targets, missing values as NaN.

    One batch of rows at a time: reading the whole table first would cost time and memory.
    """
    first = 0
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        rows = slice(first, first + batch.num_rows)
        put_columns(signals[rows], dict(enumerate(_values(batch, name) for name in config.features)))
        moved = zip(config.targets, config.offset_mm, strict=True)
        put_columns(positions[rows], dict(enumerate(_values(batch, name) + offset for name, offset in moved)))
        first += batch.num_rows


def _values(table: pa.Table | pa.RecordBatch, name: str) -> Float64:
    """Return a column's numbers, missing ones as NaN."""
    column = table.column(name)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        example = next((value for value in column.slice(0, 100).to_pylist() if value is not None), None)
        raise InputError(f"column {name} holds {column.type} ({example!r}), not numbers")
    column = column.cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy())


def _recordings(points: pa.ChunkedArray) -> tuple[Int32, Int32, tuple[str, ...]]:
    """Return the recording and the point (rows,) of each row, and the recordings' names."""
    if points.null_count:
        raise InputError(f"{points.null_count} rows name no point")
    encoded = pc.dictionary_encode(points.combine_chunks().cast(pa.string()))
    point = encoded.indices.to_numpy().astype(np.int32)
    first = np.flatnonzero(np.diff(point, prepend=-1))
    recording = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(point)))).astype(np.int32)
    point_names = encoded.dictionary.to_pylist()
    visits: dict[int, int] = {}
    names = []
    for number in point[first].tolist():
        visits[number] = visits.get(number, 0) + 1
        names.append(point_names[number] + (f" visit {visits[number]}" if visits[number] > 1 else ""))
    return recording, point, tuple(names)


def _rate_hz(table: pa.Table, config: VersuchConfig, recording: Int32) -> float:
    """Rows per second, from the median step of time within a recording."""
    if not config.seconds or not config.nanoseconds:
        raise InputError("data.rate_hz has no value, and data.seconds or data.nanoseconds names no column")
    time_s = _values(table, config.seconds) + 1e-9 * _values(table, config.nanoseconds)
    steps = np.diff(time_s)[np.diff(recording) == 0]
    step = float(np.median(steps)) if len(steps) else np.nan
    if not step > 0:
        raise InputError(f"time in {config.seconds} and {config.nanoseconds} does not advance: set data.rate_hz")
    return round(1 / step, 6)
