"""Scaling of signals inside a network, fitted to the training subset: standardised, whitened, or encoded."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import keras
import numpy as np
from keras import initializers, layers, ops
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64, Int32, Samples

_CHUNK_ROWS = 32_768
# Below this share of the mean a deviation, of a signal's variance a direction, is rounding or a constant channel.
_ROUNDING = 1e-6
_PIECES = 16  # of a piecewise-linear encoding
_FITTED = 20_000  # samples or rows, at most, to which quantiles and the scaling of statistics are fitted
_UNITS = 64  # of the layer that condenses the statistics of a longer look back
Moments = tuple[Float64, Float64]  # mean and standard deviation of each column


@dataclass(frozen=True)
class Pieces:
    """Beginnings and slopes (channels, pieces) of the pieces between the quantiles of each channel.

    A piecewise-linear encoding gives a number for each piece: 0 below it, 1 above it, linear inside (Gorishniy,
    Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022), here in
    the outermost pieces as well, so that nothing far from what was seen has a value that was not.
    """

    begin: Float64
    slope: Float64  # 1 / width; 0 for a piece without width, between values that many samples share

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Self:
        """Fit to values (n, channels)."""
        edges = np.quantile(values.astype(np.float64), np.linspace(0, 1, _PIECES + 1), axis=0).T
        width = np.diff(edges)
        wide = width > _ROUNDING * np.maximum(np.abs(edges).max(), 1)
        return cls(edges[:, :-1], np.divide(1, width, out=np.zeros_like(width), where=wide))

    def encode(self, values: Any) -> Any:
        """Return (…, channels * pieces), piece by piece, of a tensor (…, channels)."""
        scale, offset = (each.T.ravel().tolist() for each in (self.slope, -self.begin * self.slope))
        repeated = layers.Concatenate()([values] * self.begin.shape[1])
        return layers.ReLU(max_value=1.0)(layers.Rescaling(scale, offset)(repeated))


@dataclass(frozen=True)
class Scaling:
    """What is fitted to training rows' signals, to their statistics, and to training targets, if anything."""

    signals: Moments | None = None
    targets: Moments | None = None
    whitening: Float64 | None = None  # (channels, channels) matrix that decorrelates standardised signals, or None
    pieces: Pieces | None = None  # of the scaled signals
    rows: int = 0  # over which mean, spread and slope are seen, 0: none
    statistics: Moments | None = None  # of those
    pieces_of_statistics: Pieces | None = None  # of those, scaled

    def input_layers(self, window: int, sees_row: bool, channels: int) -> list[layers.Layer]:
        """Return standard layers from raw signals to what hidden layers see, (channels,) or (window, channels).

        A Rescaling layer, unlike Normalization, survives an export to ONNX.
        """
        stack = self._linear_layers()
        if self.pieces is None and not self.rows:
            return stack
        shape = (max(window, self.rows), channels) if self.rows or not sees_row else (channels,)
        signals = keras.Input(shape)
        seen = signals if len(shape) == 1 else signals[:, -1] if sees_row else signals[:, -window:]
        seen = self.pieces.encode(seen) if self.pieces else seen
        if self.rows:
            condensed = layers.Dense(_UNITS, activation="tanh", name="statistics")(self._statistics(signals))
            condensed = condensed if sees_row else layers.RepeatVector(window)(condensed)
            seen = layers.Concatenate()([seen, condensed])
        return [*stack, keras.Model(signals, seen, name="encode")]

    def _linear_layers(self) -> list[layers.Layer]:
        if self.signals is None:
            return []
        stack = [_standardize(self.signals, name="standardize")]
        if self.whitening is not None:
            # In float64: where signals nearly cancel, a GPU's shortened float32 (TF32) would lose them.
            fixed = {"use_bias": False, "trainable": False, "dtype": "float64", "name": "whiten"}
            matrix = initializers.Constant(self.whitening.tolist())
            stack.append(layers.Dense(len(self.whitening), kernel_initializer=matrix, **fixed))
        return stack

    def _statistics(self, signals: Any) -> Any:
        """Return (batch, 3 channels): mean, slope and spread of the last rows of (batch, rows, channels)."""
        seen = signals[:, -self.rows :]
        place = np.arange(self.rows) - (self.rows - 1) / 2
        weights = np.stack([np.full(self.rows, 1 / self.rows), place / np.abs(place).sum()], axis=1)
        fixed = {"use_bias": False, "trainable": False, "name": "mean_and_slope"}
        along = layers.Dense(2, kernel_initializer=initializers.Constant(weights.tolist()), **fixed)
        linear = layers.Flatten()(along(layers.Permute((2, 1))(seen)))
        found = layers.Concatenate()([linear, ops.cast(ops.std(seen, axis=1), linear.dtype)])
        if self.statistics is None:
            return found
        found = _standardize(self.statistics)(found)
        return self.pieces_of_statistics.encode(found) if self.pieces_of_statistics else found

    def output_layers(self) -> list[layers.Layer]:
        moments = [self.targets] if self.targets else []
        return [layers.Rescaling(scale.tolist(), mean.tolist(), name="to_mm") for mean, scale in moments]


def _standardize(moments: Moments, **named: str) -> layers.Layer:
    mean, deviation = moments
    return layers.Rescaling((1 / deviation).tolist(), (-mean / deviation).tolist(), **named)


def fit_scaling(samples: Samples, train: Int32, targets: Float32 | None, choice: str) -> Scaling:
    """Fit a choice of `model.scaling` to the rows that training windows cover, and to any targets (n, outputs)."""
    scaling = Scaling()
    if choice != "none":
        covered = samples.recordings.signals[samples.covered(train)]
        signals = moments(covered)
        scaling = replace(scaling, signals=signals, targets=None if targets is None else moments(targets))
        if choice == "whiten":
            scaling = replace(scaling, whitening=whitening_matrix(covered, *signals))
        elif choice == "encode":
            scaling = replace(scaling, pieces=Pieces.of((evenly(covered) - signals[0]) / signals[1]))
    return scaling


def statistics_of(scaling: Scaling, rows: int, windows: Iterable[Any]) -> Float32:
    """Return (n, 3 channels) statistics over the last rows of raw signals, tensors (batch, at least rows, …)."""
    seen, model, found = replace(scaling, rows=rows, statistics=None), None, list[Float32]()
    for signals in windows:
        if model is None:
            raw = keras.Input(signals.shape[1:])
            linear = keras.Sequential([raw, *seen._linear_layers()])  # noqa: SLF001  # its own
            model = keras.Model(raw, seen._statistics(linear(raw)))  # noqa: SLF001
        found.append(np.asarray(model(signals)))
    return np.concatenate(found)


def fit_statistics(scaling: Scaling, rows: int, windows: Iterable[Any]) -> Scaling:
    """Fit the scaling of statistics over so many rows to raw signals, tensors (batch, rows or more, channels)."""
    values = statistics_of(scaling, rows, windows)
    mean, deviation = moments(values)
    pieces = Pieces.of((values - mean) / deviation) if scaling.pieces else None
    return replace(scaling, rows=rows, statistics=(mean, deviation), pieces_of_statistics=pieces)


def evenly(values: NDArray[Any]) -> NDArray[Any]:
    """Return at most 20 000 of the values (n, …), evenly, which suffice for quantiles."""
    return values[:: -(-len(values) // _FITTED)]


def spread_of_recordings(samples: Samples, train: Int32) -> Float64:
    """Return (channels,) the standard deviation of the means of recordings' training rows; 0 for a single one."""
    recordings, rows = samples.recordings, np.flatnonzero(samples.covered(train))
    number, signals = recordings.recording[rows], recordings.signals
    first = np.flatnonzero(np.diff(number, prepend=-1))
    sums = [np.add.reduceat(column[rows], first, dtype=np.float64) for column in signals.T]
    return np.asarray((np.array(sums) / np.diff(first, append=len(rows))).std(axis=1))


def moments(values: Float32) -> tuple[Float64, Float64]:
    """Return mean and standard deviation, computed in float64 chunk by chunk."""
    chunks = _chunks(values)
    mean = np.sum([chunk.sum(axis=0, dtype=np.float64) for chunk in chunks], axis=0) / len(values)
    deviation = np.sqrt(np.sum([((chunk - mean) ** 2).sum(axis=0) for chunk in chunks], axis=0) / len(values))
    constant = deviation <= _ROUNDING * np.maximum(np.abs(mean), _ROUNDING)
    return mean, np.where(constant, 1.0, deviation)


def whitening_matrix(values: Float32, mean: Float64, deviation: Float64) -> Float64:
    """Return (channels, channels), the symmetric inverse square root of the correlation matrix.

    Of all whitening matrices it keeps each signal closest to the original: ZCA-cor in Kessy, Lewin and Strimmer,
    "Optimal Whitening and Decorrelation", The American Statistician 72 (2018).
    """
    correlations = np.zeros((len(mean), len(mean)))
    for chunk in _chunks(values):
        standardised = (chunk - mean) / deviation
        correlations += standardised.T @ standardised / len(values)
    variances, directions = np.linalg.eigh(correlations)
    variances = np.where(variances > _ROUNDING, variances, 1)
    return np.asarray(directions / np.sqrt(variances) @ directions.T)


def _chunks(values: Float32) -> list[Float32]:
    return [values[first : first + _CHUNK_ROWS] for first in range(0, len(values), _CHUNK_ROWS)]
