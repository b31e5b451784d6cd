"""What a model is asked for: a position in mm, or the sector of the plate."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from forcepos.config import ModelConfig
from forcepos.data.recordings import Float32, Int32
from forcepos.data.samples import Samples
from forcepos.data.sectors import NO_SECTOR, Sectors
from forcepos.errors import InputError

AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Regression:
    """Coordinates in mm, plate frame."""

    outputs: tuple[str, ...]

    @property
    def columns(self) -> list[int]:
        return [AXES.index(name) for name in self.outputs]

    def targets(self, samples: Samples) -> Float32:
        """(n, outputs) mm."""
        return samples.positions[:, self.columns]

    def loss(self) -> str:
        return "mse"

    def metrics(self) -> list[keras.metrics.Metric]:
        return [
            keras.metrics.MeanAbsoluteError(name="mae"),
            keras.metrics.RootMeanSquaredError(name="rmse"),
            keras.metrics.R2Score(name="r2"),
        ]


@dataclass(frozen=True)
class Classification:
    """One sector of the plate."""

    sectors: Sectors

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self.sectors.names)

    def targets(self, samples: Samples) -> Float32:
        """(n, outputs) one-hot.

        Raises:
            InputError: a sample lies on the origin, which belongs to no sector.
        """
        return self.one_hot(self.sectors.label(samples.positions))

    def one_hot(self, labels: Int32) -> Float32:
        """(n, outputs) 1 in the column of a sample's sector.

        Raises:
            InputError: a label is NO_SECTOR.
        """
        if (labels == NO_SECTOR).any():
            raise InputError("samples on the exact origin belong to no sector: leave them out first")
        return np.eye(len(self.outputs), dtype=np.float32).take(labels, axis=0)

    def loss(self) -> str:
        return "categorical_crossentropy"

    def metrics(self) -> list[keras.metrics.Metric]:
        return [
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.F1Score(average="macro", name="f1"),
        ]


Task = Regression | Classification


def make_task(config: ModelConfig, sectors: Sectors) -> Task:
    """The task that the model's config names."""
    if config.task == "classification":
        return Classification(sectors)
    return Regression(tuple(config.axes))
