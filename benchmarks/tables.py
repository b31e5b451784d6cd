"""From tables of 5 million rows to recordings: Feather, Parquet, CSV; beside pandas' read of the same columns."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks.table import Table
from benchmarks.turns import Job, in_turn, spread, with_memory
from forcepos import compose, load_recordings

_MODULE = "benchmarks.tables"
ROWS, FEATURES, RECORDINGS = 5_000_000, 10, 500
_AT_ONCE = 50_000
_TARGETS = ("x", "y", "z")
_OTHERS = 5  # columns that are not needed
ARRAYS_MB = ROWS * (FEATURES + len(_TARGETS)) * 4 / 1024**2  # signals and positions


def tables(rounds: int) -> list[Table]:
    """Times, and peaks of memory beside the float32 arrays that come out."""
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder))
        jobs = {
            f"{what}, {kind}": Job(_MODULE, job, [f"{folder}/table.{kind}"])
            for kind in ("feather", "one_batch.feather", "parquet", "csv")
            for what, job in (("pandas", "with_pandas"), ("forcepos", "with_forcepos"))
        }
        told = {name: in_turn({name: job}, rounds, warm_up=0)[name] for name, job in jobs.items()}
    table = Table(
        f"{ROWS:,} rows, {FEATURES} features: {ARRAYS_MB:.0f} MB of float32",
        ("what", "seconds", "MB at most, above the interpreter's", "times the float32 arrays"),
    )
    for name, figures in told.items():
        above = figures["above_mb"]
        table.add(name, spread(figures["seconds"], 1), spread(above, 0), spread(above / ARRAYS_MB))
    return [table]


def write_tables(folder: Path) -> None:
    """The same rows in three formats: features, targets, time, the recording, and columns that nobody needs."""
    first = next(_pieces())
    feather = pa.ipc.new_file(
        folder / "table.feather", first.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
    )
    parquet = pyarrow.parquet.ParquetWriter(folder / "table.parquet", first.schema)
    text = pyarrow.csv.CSVWriter(folder / "table.csv", first.schema)
    with feather, parquet, text:
        together = []
        for piece in _pieces():
            feather.write_table(piece)
            text.write_table(piece)
            together.append(piece)
            if len(together) == 20:  # a million rows is a usual row group
                parquet.write_table(pa.concat_tables(together))
                together = []
    whole = pa.ipc.open_file(folder / "table.feather").read_all().combine_chunks()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(folder / "table.one_batch.feather", whole.schema, options=options) as feather:
        feather.write_batch(whole.to_batches()[0])


def _pieces() -> Iterator[pa.Table]:
    rng = np.random.default_rng(1)
    names = [*_features(), *(f"other_{number}" for number in range(_OTHERS))]
    for first in range(0, ROWS, _AT_ONCE):
        row = np.arange(first, first + _AT_ONCE)
        recording = row * RECORDINGS // ROWS
        # Four digits after the point, as recorders write them.
        columns = {name: np.round(rng.normal(scale=10, size=_AT_ONCE), 4) for name in names}
        places = {axis: np.round(np.sin(recording * (place + 1)) * 50, 4) for place, axis in enumerate(_TARGETS)}
        recordings = pa.array([f"visit_{number}" for number in recording])
        yield pa.table({"t": row * 0.001, **columns, **places, "visit": recordings})


def _features() -> list[str]:
    return [f"feature_{number}" for number in range(FEATURES)]


def with_forcepos(path: str) -> Callable[[], dict[str, float]]:
    """Read and check."""
    from forcepos.data import loading  # noqa: F401, PLC0415  # else within the time that is measured

    logging.disable()
    columns = [f"data.features=[{','.join(_features())}]", f"data.targets=[{','.join(_TARGETS)}]"]
    config = compose(
        "data=table", f"data.path={path}", *columns, "data.time=t", "data.recording=visit", "data.rate_hz=1000"
    )

    return with_memory(lambda: load_recordings(config))


def with_pandas(path: str) -> Callable[[], dict[str, float]]:
    """Read the needed columns."""
    columns = [*_features(), *_TARGETS, "t", "visit"]
    match Path(path).suffix:
        case ".feather":
            return with_memory(lambda: pd.read_feather(path, columns=columns))
        case ".parquet":
            return with_memory(lambda: pd.read_parquet(path, columns=columns))
        case _:
            return with_memory(lambda: pd.read_csv(path, usecols=columns))
