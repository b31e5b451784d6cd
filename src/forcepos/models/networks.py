"""Compiled Keras models built from hyperparameters: raw signals in, mm or probabilities out."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from forcepos.config.schema import ModelConfig
from forcepos.models.architectures.architecture import Architecture, architecture_of
from forcepos.models.scaling import Scaling
from forcepos.models.tasks import Regression, Task
from forcepos.runtime.errors import InputError, plugin_errors, plugin_name


def build_network(
    config: ModelConfig,
    chosen: Mapping[str, Any],
    task: Task,
    channels: int,
    scaling: Scaling,
) -> keras.Sequential:
    """Build a compiled model of standard layers only, so that it loads without forcepos.

    Input: raw signals, (batch, channels) for an architecture that sees a row, else (batch, window, channels).
    Output: (batch, outputs) mm, or the probability of each sector.

    Raises:
        InputError: a user's architecture fails, or its layers give another shape; names it and its file.
    """
    architecture = architecture_of(config)
    shape = (channels,) if architecture.sees == "row" else (config.window, channels)
    stack = [keras.Input(shape), *scaling.input_layers()]
    with plugin_errors(architecture, "hidden_layers"):
        hidden = [*architecture.hidden_layers(chosen, channels)]
    stack += [*hidden, *([layers.Dropout(config.dropout_rate)] if chosen["dropout"] else [])]
    with plugin_errors(architecture, "last_layers"):
        stack += architecture.last_layers()
    if isinstance(task, Regression):
        stack += [layers.Dense(len(task.outputs)), *scaling.output_layers()]
    else:
        stack.append(layers.Dense(len(task.outputs), activation="softmax"))
    model = keras.Sequential(stack, name=config.name)
    _check(model, architecture, len(task.outputs))
    model.compile(
        optimizer=keras.optimizers.Adam(chosen["lr"]),
        loss=task.loss(),
        metrics=task.metrics(),
    )
    return model


def _check(model: keras.Sequential, architecture: Architecture, outputs: int) -> None:
    """Refuse layers that do not end in one row of features, or that a saved model could not be loaded with."""
    if model.output_shape != (None, outputs):
        raise InputError(
            f"{plugin_name(architecture)}: its layers lead to {model.output_shape[1:]}, not ({outputs},): "
            "they must end in (features,), as after Flatten or GlobalAveragePooling1D"
        )
    for layer in model._flatten_layers(include_self=False):  # noqa: SLF001  # models inside of it, too
        if not type(layer).__module__.startswith("keras."):
            raise InputError(
                f"{plugin_name(architecture)}: {type(layer).__name__} is none of Keras' own layers, so that a "
                "saved model would not load without it: build it from those"
            )
