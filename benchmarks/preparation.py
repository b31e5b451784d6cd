"""From a Feather file of the notebook's size to training arrays: beside the bare read, and the notebook's way."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.feather

from benchmarks.compare_notebook import MODELS
from benchmarks.notebook_file import POINTS, ROWS_A_POINT, full_size
from benchmarks.table import Table
from benchmarks.turns import Job, in_turn, spread, with_memory
from forcepos import compose, load_recordings
from forcepos.config.schema import TableConfig

_MODULE = "benchmarks.preparation"
_LABELLED_ROWS = 2000


def preparation(rounds: int) -> list[Table]:
    """Times and peaks of memory at full size; the notebook's way is done for a part and extrapolated."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(full_size(Path(folder)))
        jobs = {
            "read with pandas": Job(_MODULE, "read_with_pandas", [path]),
            "read with pyarrow": Job(_MODULE, "read_with_pyarrow", [path]),
            **{model: Job(_MODULE, "forcepos", [path, model]) for model in MODELS},
        }
        told = in_turn(jobs, rounds)
        part = str(full_size(Path(folder), rows_a_point=500))
        labels_s = POINTS * ROWS_A_POINT / _LABELLED_ROWS * _seconds(notebook_labels(part))
        windows_s = POINTS * _seconds(notebook_windows(path))
    table = Table(
        f"Feather to training arrays, {POINTS * ROWS_A_POINT:,} rows",
        ("what", "seconds", "x read with pandas", "x read with pyarrow", "MB at most, above the interpreter's"),
    )
    for name, figures in told.items():
        seconds = figures["seconds"]
        ratios = [spread(seconds / told[f"read with {reader}"]["seconds"]) for reader in ("pandas", "pyarrow")]
        table.add(name, spread(seconds, 3), *ratios, spread(figures["above_mb"], 0))
    base = np.median(told["read with pandas"]["seconds"])
    for name, extrapolated in (("windows", windows_s), ("labels", labels_s)):
        table.add(f"notebook, {name} (extrapolated)", f"{extrapolated:.0f}", f"{extrapolated / base:.0f}", "", "")
    return [table]


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _needed(path: str) -> list[str]:
    data = compose("data=versuch", f"data.path={path}").data
    if not isinstance(data, TableConfig):
        raise TypeError("data=versuch is not a TableConfig")
    times_and_point = [name for name in (data.point, data.time, data.nanoseconds) if name]
    return [*data.features, *(data.targets or []), *times_and_point]


def read_with_pandas(path: str) -> Callable[[], dict[str, float]]:
    """The notebook's call, for the needed columns only."""
    columns = _needed(path)
    return with_memory(lambda: pd.read_feather(path, columns=columns))


def read_with_pyarrow(path: str) -> Callable[[], dict[str, float]]:
    """What pandas calls, without the conversion."""
    columns = _needed(path)
    return with_memory(lambda: pyarrow.feather.read_table(path, columns=columns))


def forcepos(path: str, model: str, *overrides: str) -> Callable[[], dict[str, float]]:
    """Load, check, windows, targets or labels, split: all that comes before training."""
    from forcepos.models.problem import Problem  # noqa: PLC0415  # only this worker needs TensorFlow

    logging.disable()
    config = compose("data=versuch", f"data.path={path}", f"model={model}", *overrides)

    def run() -> Any:
        return Problem.of(config, load_recordings(config))

    return with_memory(run)


def notebook_labels(path: str) -> Callable[[], None]:
    """Its `add_classes` for some rows: one `df.loc` a row."""
    frame = pd.read_feather(path).sample(n=_LABELLED_ROWS, random_state=1)
    offset = compose().data.offset_mm
    frame["curCart_x"] += offset[0]
    frame["curCart_y"] += offset[1]

    def run() -> None:
        for row in frame.index:
            x, y = frame["curCart_x"][row], frame["curCart_y"][row]
            turned = [y - 2 * x, y + 2 * x, y - x / 2, y + x / 2]
            frame.loc[row, "position"] = f"class {sum(value < 0 for value in turned)}"

    return run


def notebook_windows(path: str) -> Callable[[], None]:
    """Its `time_series_transform` for one point: a dataset for each of the twenty signals."""
    import keras  # noqa: PLC0415  # seconds, and only here

    config = compose().data
    frame = pd.read_feather(path)
    point = frame.loc[frame["key"] == "0,0", list(config.features)]

    def run() -> None:
        windows = []
        for place in range(point.shape[1]):
            batches = keras.utils.timeseries_dataset_from_array(
                point.iloc[:, place], None, sequence_length=10, shuffle=False
            )
            windows.append(np.concatenate([batch.numpy() for batch in batches]))
        np.stack(windows, axis=-1)

    return run
