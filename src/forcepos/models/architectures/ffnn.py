"""Dense layers on one row of signals: the notebook's feed-forward networks and their search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forcepos.config.schema import FfnnSpace
from forcepos.models.architectures.architecture import Architecture

if TYPE_CHECKING:
    from keras import layers
    from keras_tuner import HyperParameters


@dataclass
class Ffnn(FfnnSpace, Architecture):
    """Dense layers, the first of them as wide as the input."""

    def declare(self, hp: HyperParameters) -> None:
        """Declare the search space; `units_3` exists only where `num_layers` is 4 or more."""
        hp.Int("num_layers", self.num_layers.min, self.num_layers.max, self.num_layers.step)
        for layer in range(self.num_layers.max):
            with hp.conditional_scope("num_layers", list(range(layer + 1, self.num_layers.max + 1))):
                hp.Int(f"units_{layer}", self.units.min, self.units.max, self.units.step)
        hp.Choice("activation", self.activation)

    def hidden_layers(self, chosen: Mapping[str, Any], channels: int) -> list[layers.Layer]:
        """Return the layers between scaled input (channels,) and dropout."""
        from keras import layers  # noqa: PLC0415  # takes seconds, and declaring a space does not need it

        units = [chosen[f"units_{layer}"] for layer in range(chosen["num_layers"])]
        hidden = [layers.Dense(width, activation=chosen["activation"]) for width in units]
        return [layers.Dense(channels, activation="relu"), *hidden]
