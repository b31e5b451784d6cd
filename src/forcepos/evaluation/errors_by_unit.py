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
    values: dict[str, NDArray[np.floating]] = {
        f"{axis}_mm": positions[:, column] for column, axis in enumerate("xyz")
    }
    if isinstance(task, Regression):
        error = predicted.astype(np.float64) - true
        values["euclidean_mean_mm"] = np.linalg.norm(error, axis=1)
        values |= {f"bias_{axis}_mm": error[:, column] for column, axis in enumerate(task.outputs)}
    else:
        values["accuracy"] = (true.argmax(axis=1) == predicted.argmax(axis=1)).astype(np.float64)
    units_samples = pd.DataFrame(values).groupby(units.number)
    table = units_samples.mean()
    table.insert(0, "name", [units.names[number] for number in table.index])
    table.insert(1, "samples", units_samples.size())
    if isinstance(task, Regression):
        table["euclidean_p95_mm"] = units_samples["euclidean_mean_mm"].quantile(0.95)
        return table.sort_values("euclidean_mean_mm", ascending=False, kind="stable", ignore_index=True)
    return table.sort_values("accuracy", kind="stable", ignore_index=True)
