"""Tasks: a position in mm, or one class of several."""

from dataclasses import dataclass

import keras
import numpy as np

from forcepos.config.schema import ModelConfig
from forcepos.data.recordings import Float32, Int32, Samples
from forcepos.data.sectors import NO_SECTOR, Sectors
from forcepos.runtime.errors import InputError

AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Regression:
    """Coordinates in mm, plate frame."""

    outputs: tuple[str, ...]

    @property
    def columns(self) -> list[int]:
        return [AXES.index(name) for name in self.outputs]

    def targets(self, samples: Samples) -> Float32:
        """Return (n, outputs) coordinates in mm."""
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
    """One class of several: a sector of the plate, or a label of the data's own.

    Attributes:
        sectors: None where the data has labels of its own.
        label_names: names of those.
    """

    sectors: Sectors | None
    label_names: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self.sectors.names) if self.sectors else self.label_names

    @property
    def kind(self) -> str:
        """The word for one class in messages."""
        return "sector" if self.sectors else "class"

    @property
    def kinds(self) -> str:
        """The word for several classes, also the name of the model's output."""
        return "sectors" if self.sectors else "classes"

    def labels(self, samples: Samples) -> Int32:
        """Return the (n,) class of each sample, counted from 0; NO_SECTOR for a sample on the sectors' origin."""
        if self.sectors:
            return self.sectors.label(samples.positions)
        if samples.recordings.labels is None:
            raise TypeError("these recordings have no labels")
        return samples.recordings.labels.take(samples.last)

    def targets(self, samples: Samples) -> Float32:
        """Return (n, outputs) one-hot targets.

        Raises:
            InputError: a sample lies on the origin, which belongs to no sector.
        """
        labels = self.labels(samples)
        if (labels == NO_SECTOR).any():
            raise InputError("samples on the exact origin belong to no sector: drop them first")
        return np.eye(len(self.outputs), dtype=np.float32).take(labels, axis=0)

    def loss(self) -> str:
        return "categorical_crossentropy"

    def metrics(self) -> list[keras.metrics.Metric]:
        return [
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.F1Score(average="macro", name="f1"),
        ]


Task = Regression | Classification


def make_task(config: ModelConfig, sectors: Sectors, label_names: tuple[str, ...] = ()) -> Task:
    """Return the task that the model's config names; labels of the data's own take precedence over sectors."""
    if config.task == "classification":
        return Classification(None, label_names) if label_names else Classification(sectors)
    return Regression(tuple(config.axes))
