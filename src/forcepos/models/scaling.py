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
_ROWS_AT_ONCE = 32_768


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
    rows = len(samples.recordings.signals) + 1
    edges = np.bincount(samples.starts[train], minlength=rows) - np.bincount(
        samples.last[train] + 1, minlength=rows
    )
    covered = samples.recordings.signals[np.cumsum(edges[:-1]) > 0]
    return Scaling(_moments(covered), _moments(targets))


def _moments(values: Float32) -> tuple[Float64, Float64]:
    """Mean and standard deviation, in float64 but for a piece at a time."""
    pieces = [values[first : first + _ROWS_AT_ONCE] for first in range(0, len(values), _ROWS_AT_ONCE)]
    mean = np.sum([piece.sum(axis=0, dtype=np.float64) for piece in pieces], axis=0) / len(values)
    deviation = np.sqrt(np.sum([((piece - mean) ** 2).sum(axis=0) for piece in pieces], axis=0) / len(values))
    constant = deviation <= _CONSTANT * np.maximum(np.abs(mean), _CONSTANT)
    return mean, np.where(constant, 1.0, deviation)
