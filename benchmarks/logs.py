"""From 121 text logs of 5000 rows to a Feather file, zipped and in a folder: beside pandas in a loop."""

from __future__ import annotations

import logging
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.table import Table
from benchmarks.turns import Job, in_turn, spread

_MODULE = "benchmarks.logs"
_SIDE, ROWS = 11, 5000


def logs(rounds: int) -> list[Table]:
    """Times and peaks of memory."""
    with tempfile.TemporaryDirectory() as place:
        folder, zipped = make_logs(Path(place))
        size_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        jobs = {
            "pandas in a loop, folder": Job(_MODULE, "with_pandas", [str(folder), place]),
            "forcepos, folder": Job(_MODULE, "with_forcepos", [str(folder), place]),
            "forcepos, zip file": Job(_MODULE, "with_forcepos", [str(zipped), place]),
        }
        told = in_turn(jobs, rounds, warm_up=1)
    table = Table(
        f"{_SIDE**2} logs of {ROWS} rows, {size_mb:.0f} MB of text, to a Feather file",
        ("what", "seconds", "x pandas", "MB at most"),
    )
    base = told["pandas in a loop, folder"]["seconds"]
    for name, figures in told.items():
        seconds = figures["seconds"]
        table.add(name, spread(seconds), spread(seconds / base), spread(figures["peak_mb"], 0))
    return [table]


def make_logs(place: Path) -> tuple[Path, Path]:
    """A folder of logs and a zip file of them; all have the same numbers, of which reading has no advantage."""
    folder, zipped = place / "versuch", place / "versuch.zip"
    folder.mkdir()
    values = np.random.default_rng(1).normal(scale=10, size=(ROWS, 48))
    first = folder / "f_0_0_demoRecord.txt"
    np.savetxt(first, values, fmt="%.9g", delimiter="  ", newline=" \n", header="words", comments="%")
    content = first.read_bytes()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(_SIDE):
            for j in range(_SIDE):
                name = f"f_{i}_{j}_demoRecord.txt"
                (folder / name).write_bytes(content)
                archive.writestr(name, content)
    return folder, zipped


def with_forcepos(source: str, place: str) -> Callable[[], None]:
    """The command, but for the start of its process."""
    # Only this worker needs it.
    from forcepos.commands.prepare.command import logs_config, prepare  # noqa: PLC0415

    logging.disable()
    target = f"data.target={place}/forcepos.feather"
    config = logs_config([f"data.source={source}", target, "data.overwrite=true"])

    def run() -> None:
        prepare(config)

    return run


def with_pandas(source: str, place: str) -> Callable[[], None]:
    """What one would write: read each, name its point, put all together."""

    def run() -> None:
        frames = []
        for i in range(_SIDE):
            for j in range(_SIDE):
                path = Path(source) / f"f_{i}_{j}_demoRecord.txt"
                frame = pd.read_csv(path, sep=r"\s+", header=None, skiprows=1)
                frames.append(frame.rename(columns=str).assign(key=f"{i},{j}"))
        pd.concat(frames, ignore_index=True).to_feather(Path(place) / "pandas.feather")

    return run
