"""Compiled Keras models built from hyperparameters: raw signals in, mm or probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from forcepos.config.schema import FfnnConfig, ModelConfig
from forcepos.models.scaling import Scaling
from forcepos.models.space import ARCHITECTURES
from forcepos.models.tasks import Regression, Task


def build_network(
    config: ModelConfig,
    chosen: Mapping[str, Any],
    task: Task,
    channels: int,
    scaling: Scaling,
) -> keras.Sequential:
    """Build a compiled model of standard layers only, so that it loads without forcepos.

    Input: raw signals, (batch, channels) for ffnn or (batch, window, channels) for cnn.
    Output: (batch, outputs) mm, or the probability of each sector.
    """
    architecture = ARCHITECTURES[type(config)]
    shape = (channels,) if isinstance(config, FfnnConfig) else (config.window, channels)
    stack = [keras.Input(shape), *scaling.input_layers()]
    stack += architecture.hidden_layers(chosen, channels)
    if chosen["dropout"]:
        stack.append(layers.Dropout(config.dropout_rate))
    stack += architecture.last_layers()
    if isinstance(task, Regression):
        stack += [layers.Dense(len(task.outputs)), *scaling.output_layers()]
    else:
        stack.append(layers.Dense(len(task.outputs), activation="softmax"))
    model = keras.Sequential(stack, name=config.name)
    model.compile(
        optimizer=keras.optimizers.Adam(chosen["lr"]),
        loss=task.loss(),
        metrics=task.metrics(),
    )
    return model
