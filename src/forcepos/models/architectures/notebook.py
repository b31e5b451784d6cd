"""The notebook's networks and their search spaces: dense layers on a row, convolutions over a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forcepos.config.schema import CnnSpace, FfnnSpace
from forcepos.models.architectures.architecture import Architecture

if TYPE_CHECKING:
    from keras import layers
    from keras_tuner import HyperParameters


@dataclass
class Ffnn(FfnnSpace, Architecture):
    """Dense layers, the first of them as wide as the input."""

    def declare(self, hp: HyperParameters) -> None:
        hp.Int("num_layers", self.num_layers.min, self.num_layers.max, self.num_layers.step)
        for layer in range(self.num_layers.max):
            with hp.conditional_scope("num_layers", list(range(layer + 1, self.num_layers.max + 1))):
                hp.Int(f"units_{layer}", self.units.min, self.units.max, self.units.step)
        hp.Choice("activation", self.activation)

    def hidden_layers(self, chosen: Mapping[str, Any], channels: int) -> list[layers.Layer]:
        from keras import layers  # noqa: PLC0415  # takes seconds, and declaring a space does not need it

        units = [chosen[f"units_{layer}"] for layer in range(chosen["num_layers"])]
        first = layers.Dense(channels, activation="relu")  # made first: making a layer draws its weights' seed
        return [first, *(layers.Dense(width, activation=chosen["activation"]) for width in units)]


@dataclass
class Cnn(CnnSpace, Architecture):
    """Convolutions, then the mean over the window."""

    def declare(self, hp: HyperParameters) -> None:
        self._declare_convolution(hp, "conv_input")
        hp.Int("num_layers", self.num_layers.min, self.num_layers.max, self.num_layers.step)
        for layer in range(self.num_layers.max):
            with hp.conditional_scope("num_layers", list(range(layer + 1, self.num_layers.max + 1))):
                self._declare_convolution(hp, f"conv_{layer}")

    def _declare_convolution(self, hp: HyperParameters, name: str) -> None:
        hp.Int(f"{name}_filter", self.filters.min, self.filters.max, self.filters.step)
        hp.Choice(f"{name}_kernel", self.kernel)
        hp.Choice(f"{name}_activation", self.activation)

    def hidden_layers(self, chosen: Mapping[str, Any], channels: int) -> list[layers.Layer]:  # noqa: ARG002
        from keras import layers  # noqa: PLC0415  # takes seconds, and declaring a space does not need it

        def convolution(name: str) -> layers.Layer:
            size = chosen[f"{name}_filter"], chosen[f"{name}_kernel"]
            return layers.Conv1D(*size, padding="same", activation=chosen[f"{name}_activation"])

        return [convolution(f"conv_{name}") for name in ("input", *range(chosen["num_layers"]))]

    def last_layers(self) -> list[layers.Layer]:
        from keras import layers  # noqa: PLC0415  # takes seconds, and declaring a space does not need it

        return [layers.GlobalAveragePooling1D()]
