"""Standardisation inside the model: raw signals in, mm out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from keras import layers
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64
from forcepos.data.samples import Samples

# A standard deviation below this share of the mean is rounding, not a signal: the channel is constant.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of the training rows' signals and of the training targets.

    None leaves that side of the model as it is.
    """

    signals: tuple[Float64, Float64] | None = None
    targets: tuple[Float64, Float64] | None = None

    def input_layers(self) -> list[layers.Layer]:
        """A Rescaling layer, per channel: unlike Normalization it survives an export to ONNX."""
        if self.signals is None:
            return []
        mean, deviation = self.signals
        return [
            layers.Rescaling((1 / deviation).tolist(), offset=(-mean / deviation).tolist(), name="standardize")
        ]

    def output_layers(self) -> list[layers.Layer]:
        """A Rescaling layer that turns standardised targets into mm."""
        if self.targets is None:
            return []
        mean, deviation = self.targets
        return [layers.Rescaling(deviation.tolist(), offset=mean.tolist(), name="to_mm")]


def fit_scaling(samples: Samples, train: NDArray[np.int32], targets: Float32) -> Scaling:
    """Constants from the rows that training windows cover, and from the training targets (n, outputs)."""
    edges = np.zeros(len(samples.recordings.signals) + 1, np.int32)
    np.add.at(edges, samples.starts[train], 1)
    np.add.at(edges, samples.last[train] + 1, -1)
    covered = samples.recordings.signals[np.cumsum(edges[:-1]) > 0]
    return Scaling(_moments(covered), _moments(targets))


def _moments(values: Float32) -> tuple[Float64, Float64]:
    mean, deviation = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    constant = deviation <= _CONSTANT * np.maximum(np.abs(mean), _CONSTANT)
    return mean, np.where(constant, 1.0, deviation)
