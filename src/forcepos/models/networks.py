"""Compiled Keras models built from hyperparameters: raw signals in, mm or probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
from keras import layers

from forcepos.config.schema import CnnConfig, FfnnConfig, ModelConfig
from forcepos.models.architectures import cnn, ffnn
from forcepos.models.scaling import Scaling
from forcepos.models.tasks import Regression, Task

if TYPE_CHECKING:
    from keras_tuner import HyperParameters

_ARCHITECTURES: dict[type[ModelConfig], Any] = {FfnnConfig: ffnn, CnnConfig: cnn}


def declare_space(hp: HyperParameters, config: ModelConfig) -> None:
    """Declare the whole search space, under the notebook's names."""
    space = config.space  # type: ignore[attr-defined]  # every architecture has one of its own type
    _ARCHITECTURES[type(config)].declare(hp, config)
    if len(set(space.dropout)) == 1:
        hp.Fixed("dropout", space.dropout[0])
    else:
        hp.Boolean("dropout")
    hp.Float("lr", space.lr.min, space.lr.max, sampling=space.lr.sampling)
    hp.Choice("batch_size", space.batch_size)


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
    architecture = _ARCHITECTURES[type(config)]
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
