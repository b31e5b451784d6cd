"""Scaling inside the model: raw signals in, mm out."""

from dataclasses import dataclass

import numpy as np
from keras import initializers, layers
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64, Samples

# A standard deviation below this share of the mean is rounding, not a signal: the channel is constant.
_CONSTANT = 1e-6
_CHUNK_ROWS = 32_768
# A direction with less than this share of a signal's variance is rounding or a constant channel: not rescaled.
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of the training rows' signals and of the training targets.

    None means no scaling on that side of the model.

    Attributes:
        whitening: (channels, channels) matrix that decorrelates standardised signals, or None.
    """

    signals: tuple[Float64, Float64] | None = None
    targets: tuple[Float64, Float64] | None = None
    whitening: Float64 | None = None

    def input_layers(self) -> list[layers.Layer]:
        """Return a Rescaling layer, which unlike Normalization survives an export to ONNX, and a fixed product."""
        if self.signals is None:
            return []
        mean, deviation = self.signals
        stack = [
            layers.Rescaling((1 / deviation).tolist(), offset=(-mean / deviation).tolist(), name="standardize")
        ]
        if self.whitening is not None:
            stack.append(_fixed_product(self.whitening))
        return stack

    def output_layers(self) -> list[layers.Layer]:
        """Return a Rescaling layer that turns standardised targets into mm."""
        if self.targets is None:
            return []
        mean, deviation = self.targets
        return [layers.Rescaling(deviation.tolist(), offset=mean.tolist(), name="to_mm")]


def _fixed_product(matrix: Float64) -> layers.Layer:
    """Multiply in float64: where signals nearly cancel, a GPU's shortened float32 (TF32) would lose them."""
    constant = initializers.Constant(matrix.tolist())
    return layers.Dense(
        len(matrix), use_bias=False, kernel_initializer=constant, trainable=False, dtype="float64", name="whiten"
    )


def fit_scaling(samples: Samples, train: NDArray[np.int32], targets: Float32, whiten: bool = False) -> Scaling:
    """Fit the scaling to the rows that training windows cover and to the training targets (n, outputs)."""
    rows = len(samples.recordings.signals) + 1
    edges = np.bincount(samples.starts[train], minlength=rows) - np.bincount(
        samples.last[train] + 1, minlength=rows
    )
    covered = samples.recordings.signals[np.cumsum(edges[:-1]) > 0]
    signals = _moments(covered)
    return Scaling(signals, _moments(targets), _whitening(covered, *signals) if whiten else None)


def _moments(values: Float32) -> tuple[Float64, Float64]:
    """Return mean and standard deviation, computed in float64 chunk by chunk."""
    chunks = _chunks(values)
    mean = np.sum([chunk.sum(axis=0, dtype=np.float64) for chunk in chunks], axis=0) / len(values)
    deviation = np.sqrt(np.sum([((chunk - mean) ** 2).sum(axis=0) for chunk in chunks], axis=0) / len(values))
    constant = deviation <= _CONSTANT * np.maximum(np.abs(mean), _CONSTANT)
    return mean, np.where(constant, 1.0, deviation)


def _whitening(values: Float32, mean: Float64, deviation: Float64) -> Float64:
    """Return (channels, channels), the symmetric inverse square root of the correlation matrix.

    Of all whitening matrices it keeps each signal closest to the original: ZCA-cor in Kessy, Lewin and Strimmer,
    "Optimal Whitening and Decorrelation", The American Statistician 72 (2018).
    """
    correlations = np.zeros((len(mean), len(mean)))
    for chunk in _chunks(values):
        standardised = (chunk - mean) / deviation
        correlations += standardised.T @ standardised / len(values)
    variances, directions = np.linalg.eigh(correlations)
    variances = np.where(variances > _LEAST_VARIANCE, variances, 1)
    return np.asarray(directions / np.sqrt(variances) @ directions.T)


def _chunks(values: Float32) -> list[Float32]:
    """Cut all rows into chunks: views, no copies."""
    return [values[first : first + _CHUNK_ROWS] for first in range(0, len(values), _CHUNK_ROWS)]
