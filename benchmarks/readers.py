"""All of a million rows and 25 columns, as CSV, Feather and Parquet: beside pyarrow's streams and pandas."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from benchmarks.table import Table
from benchmarks.turns import Job, in_turn, spread, with_memory
from forcepos import compose

_MODULE = "benchmarks.readers"
ROWS, FEATURES, RECORDINGS = 1_000_000, 20, 500
_TARGETS = ("x", "y", "z")  # with the time and the recording, 25 columns
ARRAYS_MB = ROWS * (FEATURES + len(_TARGETS)) * 4 / 1024**2  # signals and positions
_FORMATS = ("csv", "feather", "parquet")
_READERS = {"pandas": "with_pandas", "pyarrow, streamed": "with_pyarrow", "forcepos": "with_forcepos"}


def readers(rounds: int) -> list[Table]:
    """Times, and peaks of memory above that of the interpreter."""
    table = Table(
        f"{ROWS:,} rows, {FEATURES + 5} columns: {ARRAYS_MB:.0f} MB of float32",
        ("format", "reader", "seconds", "MB at most, above the interpreter's"),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder))
        for kind in _FORMATS:
            jobs = {name: Job(_MODULE, job, [f"{folder}/table.{kind}"]) for name, job in _READERS.items()}
            for name, figures in in_turn(jobs, rounds, warm_up=0).items():
                table.add(kind, name, spread(figures["seconds"]), spread(figures["above_mb"], 0))
    return [table]


def write_tables(folder: Path) -> None:
    """The same rows in each format, with four digits after the point, as recorders write them."""
    rng, row = np.random.default_rng(1), np.arange(ROWS)
    recording = row * RECORDINGS // ROWS
    columns: dict[str, Any] = {"t": row * 0.001}
    columns |= {name: np.round(rng.normal(scale=10, size=ROWS), 4) for name in _features()}
    columns |= {axis: np.round(np.sin(recording * (place + 1)) * 50, 4) for place, axis in enumerate(_TARGETS)}
    table = pa.table(columns | {"visit": pa.array([f"visit_{number}" for number in recording])})
    pyarrow.csv.write_csv(table, folder / "table.csv")
    pyarrow.feather.write_feather(table, folder / "table.feather")
    pyarrow.parquet.write_table(table, folder / "table.parquet")


def _features() -> list[str]:
    return [f"feature_{number}" for number in range(FEATURES)]


def with_forcepos(path: str) -> Callable[[], dict[str, float]]:
    """Read to recordings."""
    from forcepos.data.loading import load_recordings  # noqa: PLC0415  # only this worker needs it

    logging.disable()
    columns = [f"data.features=[{','.join(_features())}]", f"data.targets=[{','.join(_TARGETS)}]"]
    config = compose("data=table", f"data.path={path}", *columns, "data.time=t", "data.recording=visit")
    return with_memory(lambda: load_recordings(config.data).recordings)


def with_pyarrow(path: str) -> Callable[[], dict[str, float]]:
    """Read a batch at a time into arrays of float32; what the words and times say is left aside."""

    def run() -> object:
        numbers = np.empty((ROWS, FEATURES + len(_TARGETS)), np.float32)
        first = 0
        for batch in _batches(path):
            for place, name in enumerate((*_features(), *_TARGETS)):
                numbers[first : first + batch.num_rows, place] = batch.column(name).to_numpy()
            first += batch.num_rows
        return numbers

    return with_memory(run)


def _batches(path: str) -> Iterator[pa.RecordBatch]:
    match Path(path).suffix:
        case ".feather":
            with pa.OSFile(path) as file:
                reader = pa.ipc.open_file(file)
                yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
        case ".parquet":
            yield from pyarrow.parquet.ParquetFile(path).iter_batches()
        case _:
            yield from pyarrow.csv.open_csv(path)


def with_pandas(path: str) -> Callable[[], dict[str, float]]:
    """Read all columns."""
    read: Any = {".feather": pd.read_feather, ".parquet": pd.read_parquet, ".csv": pd.read_csv}[Path(path).suffix]
    return with_memory(lambda: read(path))
