"""The notebook's Feather files, read as a table: a run of rows with the same point is one recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from forcepos.config.schema import TableConfig, VersuchConfig
from forcepos.data.readers.columns import wanted_columns
from forcepos.data.readers.read import read_rows
from forcepos.data.readers.units import Vocabulary, median_step_s
from forcepos.data.recordings import Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import visible_name


def read_versuch(config: VersuchConfig) -> Recordings:
    """Read the recordings of a Feather file; a run of rows with the same point is one recording.

    Raises:
        InputError: the file or a column is missing, unreadable, empty, not numeric or named twice.
    """
    if not Path(config.path).is_file():
        raise InputError(f"data.path={config.path} is not a file")
    wanted = wanted_columns(_as_table(config))
    if not config.rate_hz:
        if not config.seconds or not config.nanoseconds:
            raise InputError("data.rate_hz has no value, and data.seconds or data.nanoseconds names no column")
        wanted.insert(-1, ("nanoseconds", config.nanoseconds))
    rows = read_rows(_as_table(config), wanted, points=Vocabulary(exact=True))
    times = f"{config.seconds} and {config.nanoseconds}"
    recording, names = _recordings(rows.point, rows.points.names)
    return Recordings(
        signals=rows.signals,
        positions=rows.positions,
        recording=recording,
        point=rows.point,
        channels=tuple(map(visible_name, config.features)),
        names=names,
        rate_hz=config.rate_hz or round(1 / median_step_s(recording, rows.time_s, times), 6),
    )


def _as_table(config: VersuchConfig) -> TableConfig:
    return TableConfig(
        name=config.name, path=config.path, format="feather", header=None, separator=None, decimal=".",
        features=config.features, targets=config.targets, target_scale_mm=1, offset_mm=config.offset_mm,
        recording=None, gap_s=None, point=config.point, point_grid_mm=1, label=None,
        time=None if config.rate_hz else config.seconds, time_unit="s", rate_hz=config.rate_hz,
    )  # fmt: skip


def _recordings(point: Int32, point_names: list[str]) -> tuple[Int32, tuple[str, ...]]:
    """Return the recording (rows,) of each row, and the recordings' names."""
    begins = np.diff(point, prepend=-1) != 0
    visits: dict[int, int] = {}
    names = []
    for number in point[begins].tolist():
        visits[number] = visits.get(number, 0) + 1
        names.append(point_names[number] + (f" visit {visits[number]}" if visits[number] > 1 else ""))
    return np.cumsum(begins, dtype=np.int32) - np.int32(1), tuple(names)
