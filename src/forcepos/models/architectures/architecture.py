"""What an architecture is: the hidden layers of a network, and the hyperparameters that describe them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from forcepos.config.schema import ModelConfig, SpaceConfig
from forcepos.runtime.errors import plugin_errors

if TYPE_CHECKING:
    from keras import layers
    from keras_tuner import HyperParameters

PREPROCESSING = ("scaling", "statistics_s")  # keys of a model, and hyperparameters of all architectures


@dataclass
class Architecture(SpaceConfig, ABC):
    """Builds the hidden layers of networks; its fields are the keys of `model.space`.

    A search calls `declare` once, draws hyperparameters, and calls `hidden_layers` with those of each trial.
    Scaling, statistics, dropout, output layer, compiling and the base class' hyperparameters are the same for all
    architectures and not its business. Keras is best imported inside methods: it takes seconds.

    Attributes:
        sees: "window" for layers that take (model.window, channels), "row" for layers that take (channels,).
    """

    @abstractmethod
    def declare(self, hp: HyperParameters) -> None:
        """Declare all hyperparameters of the layers with the methods of KerasTuner's HyperParameters."""

    @abstractmethod
    def hidden_layers(self, chosen: Mapping[str, Any], channels: int) -> Sequence[layers.Layer]:
        """Return the layers between scaled input, `channels` wide with all encodings, and dropout."""

    def last_layers(self) -> Sequence[layers.Layer]:
        """Return the layers between dropout and output, from which (features,) must come; none by default."""
        return []


def architecture_of(config: ModelConfig) -> Architecture:
    return cast("Architecture", config.space)


def search_space(config: ModelConfig) -> Callable[[HyperParameters], None]:
    """Return what declares the whole search space, for processes too; an InputError tells that a plug-in fails."""
    return partial(_declare, config)


def _declare(config: ModelConfig, hp: HyperParameters) -> None:
    """Declare under the notebook's names, and preprocessing where there is a choice: other files lack it."""
    space = architecture_of(config)
    with plugin_errors(space, "declare"):
        space.declare(hp)
    fixed = len(set(space.dropout)) == 1
    hp.Fixed("dropout", space.dropout[0]) if fixed else hp.Boolean("dropout")
    hp.Float("lr", space.lr.min, space.lr.max, sampling=space.lr.sampling)
    hp.Choice("batch_size", space.batch_size)
    for name in PREPROCESSING:
        if len(set(values := getattr(config, name))) > 1:
            hp.Choice(name, values)


def preprocessing(config: ModelConfig, chosen: Mapping[str, Any]) -> tuple[str, float]:
    """Return scaling and seconds of statistics of chosen hyperparameters; if not chosen, as earlier versions."""
    scaling, seconds = config.scaling, config.statistics_s
    usual = scaling[0] if len(set(scaling)) == 1 else "whiten", seconds[0] if len(set(seconds)) == 1 else 0.0
    return chosen.get("scaling", usual[0]), chosen.get("statistics_s", usual[1])
