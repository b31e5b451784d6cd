"""Errors of each point and of each recording: where on the plate, and when, the model errs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Int32
from forcepos.models.tasks import Regression, Task


@dataclass(frozen=True)
class Units:
    """Points or recordings: their names, and (n,) the number of each sample's unit."""

    names: Sequence[str]
    number: Int32


def errors_by_unit(
    task: Task, units: Units, positions: Float32, true: Float32, predicted: Float32
) -> pd.DataFrame:
    """Tabulate the errors of each unit that has samples, worst first.

    Args:
        positions: (n, 3) mm.
        true, predicted: (n, outputs).
    """
    place = {f"{axis}_mm": positions[:, column] for column, axis in enumerate("xyz")}
    if isinstance(task, Regression):
        errors = _distances(task, true, predicted)
    else:
        errors = {"accuracy": (true.argmax(axis=1) == predicted.argmax(axis=1)).astype(np.float64)}
    frame = pd.DataFrame({"unit": units.number, **place, **errors})
    table = frame.groupby("unit").mean()
    table.insert(0, "samples", frame.groupby("unit").size())
    if isinstance(task, Regression):
        table["euclidean_p95_mm"] = frame.groupby("unit")["euclidean_mean_mm"].quantile(0.95)
    table.insert(0, "name", [units.names[number] for number in table.index])
    worst_first = {"euclidean_mean_mm": False, "accuracy": True}
    column = next(name for name in worst_first if name in table)
    return table.sort_values(column, ascending=worst_first[column], kind="stable").reset_index(drop=True)


def _distances(task: Regression, true: Float32, predicted: Float32) -> dict[str, NDArray[np.floating]]:
    error = predicted.astype(np.float64) - true
    bias = {f"bias_{axis}_mm": error[:, column] for column, axis in enumerate(task.outputs)}
    return {"euclidean_mean_mm": np.linalg.norm(error, axis=1), **bias}
