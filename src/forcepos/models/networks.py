"""Compiled Keras models built from hyperparameters: raw signals in, mm or probabilities out."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import initializers, layers

from forcepos.config.schema import ModelConfig
from forcepos.data.recordings import Float32, Float64, Int32, Samples
from forcepos.models.architectures.architecture import architecture_of
from forcepos.models.problem import Regression, Task
from forcepos.runtime.errors import InputError, plugin_errors, plugin_name

_CHUNK_ROWS = 32_768
# Below this share of the mean a deviation, of a signal's variance a direction, is rounding or a constant channel.
_ROUNDING = 1e-6
warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")  # a loaded one has not trained yet


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of the training rows' signals and of the training targets; None: no scaling."""

    signals: tuple[Float64, Float64] | None = None
    targets: tuple[Float64, Float64] | None = None
    whitening: Float64 | None = None  # (channels, channels) matrix that decorrelates standardised signals, or None

    def input_layers(self) -> list[layers.Layer]:
        """Return a Rescaling layer, which unlike Normalization survives an export to ONNX, and a fixed product."""
        if self.signals is None:
            return []
        mean, deviation = self.signals
        scale, offset = (1 / deviation).tolist(), (-mean / deviation).tolist()
        stack = [layers.Rescaling(scale, offset, name="standardize")]
        if self.whitening is not None:
            # In float64: where signals nearly cancel, a GPU's shortened float32 (TF32) would lose them.
            fixed = {"use_bias": False, "trainable": False, "dtype": "float64", "name": "whiten"}
            matrix = initializers.Constant(self.whitening.tolist())
            stack.append(layers.Dense(len(self.whitening), kernel_initializer=matrix, **fixed))
        return stack

    def output_layers(self) -> list[layers.Layer]:
        moments = [self.targets] if self.targets else []
        return [layers.Rescaling(scale.tolist(), mean.tolist(), name="to_mm") for mean, scale in moments]


def fit_scaling(samples: Samples, train: Int32, targets: Float32 | None, whiten: bool = False) -> Scaling:
    """Fit the scaling to the rows that training windows cover and to any training targets (n, outputs)."""
    rows = len(samples.recordings.signals) + 1
    begin, end = (np.bincount(edge[train], minlength=rows) for edge in (samples.starts, samples.last + 1))
    covered = samples.recordings.signals[np.cumsum((begin - end)[:-1]) > 0]
    signals = _moments(covered)
    whitening = _whitening(covered, *signals) if whiten else None
    return Scaling(signals, None if targets is None else _moments(targets), whitening)


def _moments(values: Float32) -> tuple[Float64, Float64]:
    """Return mean and standard deviation, computed in float64 chunk by chunk."""
    chunks = _chunks(values)
    mean = np.sum([chunk.sum(axis=0, dtype=np.float64) for chunk in chunks], axis=0) / len(values)
    deviation = np.sqrt(np.sum([((chunk - mean) ** 2).sum(axis=0) for chunk in chunks], axis=0) / len(values))
    constant = deviation <= _ROUNDING * np.maximum(np.abs(mean), _ROUNDING)
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
    variances = np.where(variances > _ROUNDING, variances, 1)
    return np.asarray(directions / np.sqrt(variances) @ directions.T)


def _chunks(values: Float32) -> list[Float32]:
    return [values[first : first + _CHUNK_ROWS] for first in range(0, len(values), _CHUNK_ROWS)]


def build_network(
    config: ModelConfig, chosen: Mapping[str, Any], task: Task, channels: int, scaling: Scaling
) -> keras.Sequential:
    """Build a compiled model of standard layers only, so that it loads without forcepos.

    Input: raw signals, (batch, channels) for an architecture that sees a row, else (batch, window, channels).
    Output: (batch, outputs) mm, or the probability of each sector. An InputError names a user's architecture, and
    its file, that fails or has layers that give another shape.
    """
    architecture = architecture_of(config)
    shape = (channels,) if architecture.sees == "row" else (config.window, channels)
    stack = [keras.Input(shape), *scaling.input_layers()]
    with plugin_errors(architecture, "hidden_layers"):
        stack += architecture.hidden_layers(chosen, channels)
    stack += [layers.Dropout(config.dropout_rate)] if chosen["dropout"] else []
    with plugin_errors(architecture, "last_layers"):
        stack += architecture.last_layers()
    if isinstance(task, Regression):
        stack += [layers.Dense(len(task.outputs)), *scaling.output_layers()]
    else:
        stack.append(layers.Dense(len(task.outputs), activation="softmax"))
    model = keras.Sequential(stack, name=config.name)
    _check(model, plugin_name(architecture), len(task.outputs))
    model.compile(optimizer=keras.optimizers.Adam(chosen["lr"]), loss=task.loss, metrics=task.metrics())
    return model


def _check(model: keras.Sequential, plugin: str, outputs: int) -> None:
    """Refuse layers that do not end in one row of features, or that a saved model could not be loaded with."""
    if model.output_shape != (None, outputs):
        fault = f"{plugin}: its layers lead to {model.output_shape[1:]}, not ({outputs},)"
        raise InputError(f"{fault}: they must end in (features,), as after Flatten or GlobalAveragePooling1D")
    for layer in model._flatten_layers(include_self=False):  # noqa: SLF001  # models inside of it, too
        if not type(layer).__module__.startswith("keras."):
            fault = f"{plugin}: {type(layer).__name__} is none of Keras' own layers"
            raise InputError(f"{fault}, so that a saved model would not load without it: build it from those")


def load_networks(path: Path) -> list[keras.Sequential]:
    """Load the networks of a run's saved model, network_1 first, and no code; an InputError: it is none."""
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        model.get_layer("network_1")
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} holds no network to start from: {reason}") from error
    return [layer for layer in model.layers if layer.name.startswith("network_")]
