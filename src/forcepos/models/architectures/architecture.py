"""What an architecture is: the hidden layers of a network, and the hyperparameters that describe them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from forcepos.config.schema import ModelConfig, SpaceConfig
from forcepos.runtime.errors import plugin_errors

if TYPE_CHECKING:
    from keras import layers
    from keras_tuner import HyperParameters


@dataclass
class Architecture(SpaceConfig, ABC):
    """Builds the hidden layers of networks; its fields are the keys of `model.space`.

    A search calls `declare` once, draws hyperparameters, and calls `hidden_layers` with those of each trial.
    Scaling, dropout, the output layer, compiling and the hyperparameters of the base class are the same for all
    architectures and not its business. Keras is best imported inside methods: it takes seconds.

    Attributes:
        sees: "window" for layers that take (model.window, channels), "row" for layers that take (channels,).
    """

    @abstractmethod
    def declare(self, hp: HyperParameters) -> None:
        """Declare all hyperparameters of the layers with the methods of KerasTuner's HyperParameters."""

    @abstractmethod
    def hidden_layers(self, chosen: Mapping[str, Any], channels: int) -> Sequence[layers.Layer]:
        """Return the layers between scaled input and dropout for chosen hyperparameters."""

    def last_layers(self) -> Sequence[layers.Layer]:
        """Return the layers between dropout and output, from which (features,) must come; none by default."""
        return []

    def declare_all(self, hp: HyperParameters) -> None:
        """Declare the whole search space, under the notebook's names; an InputError if a user's plug-in fails."""
        with plugin_errors(self, "declare"):
            self.declare(hp)
        fixed = len(set(self.dropout)) == 1
        hp.Fixed("dropout", self.dropout[0]) if fixed else hp.Boolean("dropout")
        hp.Float("lr", self.lr.min, self.lr.max, sampling=self.lr.sampling)
        hp.Choice("batch_size", self.batch_size)


def architecture_of(config: ModelConfig) -> Architecture:
    return cast("Architecture", config.space)
