"""Folders of finished runs made by hand, with known errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CONFIG: dict[str, Any] = {
    "seed": 1,
    "data": {"name": "simulated", "features": ["Fx", "Fy"], "seed": 1},
    "split": {"name": "blocked", "test_ratio": 0.2},
    "model": {"name": "cnn_regression", "window": 10},
    "tuner": {"name": "random", "objective": "val_mae"},
    "evaluation": {"confidence": 0.95, "resamples": 1000},
    "tracking": {"experiment": "forcepos"},
}
ROWS = 10  # of each recording


def positions(
    errors: Sequence[float], split: str = "blocked", rows: range = range(ROWS), axes: str = "xy"
) -> pd.DataFrame:
    """Predictions of a recording for each of `errors`, which are along x, in mm."""
    table = pd.DataFrame(
        {"split": split, "subset": "test", "recording": f"visit {number}", "row": row, "error": error}
        for number, error in enumerate(errors)
        for row in rows
    )
    for place, axis in enumerate(axes):
        true = (table["row"] + 100 * place).astype(np.float32)
        table[f"true_{axis}_mm"] = true
        table[f"predicted_{axis}_mm"] = true + (table["error"] if axis == "x" else 0)
    return table.drop(columns="error")


def classes(right: Sequence[int]) -> pd.DataFrame:
    """Predictions of classes of a recording for each of `right`: so many of its ten rows have the true class."""
    table = positions([0.0] * len(right))[["split", "subset", "recording", "row"]]
    correct = [row < count for count in right for row in range(ROWS)]
    return table.assign(true="left", predicted=np.where(correct, "left", "right"))


def made_run(
    folder: Path, predictions: pd.DataFrame, changes: Mapping[str, Any] | None = None, fingerprint: str = "f1"
) -> Path:
    """A finished run in `folder`; `changes` of its config by dotted keys."""
    config = deepcopy(CONFIG)
    for key, value in (changes or {}).items():
        group, _, name = key.rpartition(".")
        (config[group] if group else config)[name] = value
    (folder / "tables").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    result = {"run_id": f"id-{folder.name}", "outputs": str(folder), "data": {"fingerprint": fingerprint}}
    (folder / "result.json").write_text(json.dumps(result))
    predictions.to_parquet(folder / "predictions.parquet", index=False)
    curves = pd.DataFrame({"network": 1, "epoch": [1, 2], "val_mae": [2.0, 1.0]})
    curves.to_csv(folder / "tables" / "learning_curves.csv", index=False)
    return folder
