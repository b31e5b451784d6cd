"""Compiled Keras models built from hyperparameters: raw signals in, mm or probabilities out."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
from keras import layers

from forcepos.config.schema import ModelConfig
from forcepos.models.architectures.architecture import architecture_of
from forcepos.models.problem import Regression, Task
from forcepos.models.scaling import Scaling
from forcepos.runtime.errors import InputError, plugin_errors, plugin_name

warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")  # a loaded one has not trained yet


def build_network(
    config: ModelConfig, chosen: Mapping[str, Any], task: Task, channels: int, scaling: Scaling
) -> keras.Sequential:
    """Build a compiled model of standard layers only, so that it loads without forcepos.

    Input: raw signals, (batch, channels) for an architecture that sees a row, else (batch, rows, channels), where
    rows are the window, or the look back of the statistics if that is longer.
    Output: (batch, outputs) mm, or the probability of each sector. An InputError names a user's architecture, and
    its file, that fails or has layers that give another shape.
    """
    architecture = architecture_of(config)
    sees_row, rows = architecture.sees == "row", max(config.window, scaling.rows)
    shape = (channels,) if sees_row and not scaling.rows else (rows, channels)
    scaled = scaling.input_layers(config.window, sees_row, channels)
    stack, last = [keras.Input(shape), *scaled], scaled[-1] if scaled else None
    with plugin_errors(architecture, "hidden_layers"):
        seen = last.output_shape[-1] if isinstance(last, keras.Model) else channels
        stack += architecture.hidden_layers(chosen, seen)
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
    networks = [layer for layer in model.layers if layer.name.startswith("network_")]
    return sorted(networks, key=lambda network: int(network.name.removeprefix("network_")))
