"""Small tables and how they are read."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forcepos.config.schema import TableConfig
from forcepos.data.loading import load_recordings, read_table
from forcepos.data.recordings import Recordings
from tests.conftest import checked_config

NAMED = ["data.features=[Fx,Fy]", "data.targets=[x,y]", "data.time=t"]  # for what `numbers` gives


def numbers() -> pd.DataFrame:
    """120 rows, ten milliseconds apart, at twelve places."""
    rng = np.random.default_rng(1)
    rows = np.arange(120)
    return pd.DataFrame(
        {
            "t": np.round(rows * 0.01, 2),
            "Fx": rng.normal(size=120),
            "Fy": rng.normal(size=120),
            "x": rows // 10 * 4.0,
            "y": rows // 10 % 3 * 4.0,
        }
    )


def write(table: pd.DataFrame, path: Path) -> Path:
    """Write a table in the format that the file's ending names."""
    match path.suffix:
        case ".feather":
            table.to_feather(path)
        case ".parquet":
            table.to_parquet(path)
        case ending:
            separator = {".csv": ",", ".tsv": "\t"}.get(ending, " ")
            table.to_csv(path, index=False, sep=separator)
    return path


def read(path: Path, *overrides: str, targets: str | None = "") -> Recordings:
    """Read it; with `targets` None for a table that has a label only."""
    chosen = ["data.targets=null"] if targets is None else []
    axes = [] if targets is None or "model=" in "".join(overrides) else _axes(overrides)
    config = checked_config("data=table", f"data.path='{path}'", *overrides, *chosen, *axes).data
    assert isinstance(config, TableConfig)
    return load_recordings(config).recordings


@cache
def _config() -> TableConfig:
    config = checked_config("data=table", "data.path=a.csv", *NAMED, "model.axes=[x,y]").data
    assert isinstance(config, TableConfig)
    return config


def read_with(path: Path, strict: bool = True, **keys: Any) -> Recordings:
    """Read what `numbers` gives with these keys under `data`, without composing a config each time."""
    return read_table(replace(_config(), path=str(path), **keys), strict)


def _axes(overrides: tuple[str, ...]) -> list[str]:
    targets = next(one for one in overrides if one.startswith("data.targets="))
    return [f"model.axes=[{','.join('xyz'[: targets.count(',') + 1])}]"]
