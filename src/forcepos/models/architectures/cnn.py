"""Convolutions over a window of rows: the notebook's convolutional networks and their search space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from forcepos.config.schema import CnnConfig, CnnSpace

if TYPE_CHECKING:
    from keras import layers
    from keras_tuner import HyperParameters


def declare(hp: HyperParameters, config: CnnConfig) -> None:
    """Declare the search space; `conv_3_…` exists only where `num_layers` is 4 or more."""
    space = config.space
    _declare_convolution(hp, space, "conv_input")
    hp.Int("num_layers", space.num_layers.min, space.num_layers.max, space.num_layers.step)
    for layer in range(space.num_layers.max):
        with hp.conditional_scope("num_layers", list(range(layer + 1, space.num_layers.max + 1))):
            _declare_convolution(hp, space, f"conv_{layer}")


def _declare_convolution(hp: HyperParameters, space: CnnSpace, name: str) -> None:
    hp.Int(f"{name}_filter", space.filters.min, space.filters.max, space.filters.step)
    hp.Choice(f"{name}_kernel", space.kernel)
    hp.Choice(f"{name}_activation", space.activation)


def hidden_layers(chosen: Mapping[str, Any], channels: int) -> list[layers.Layer]:  # noqa: ARG001
    """Return the layers between scaled input (window, channels) and dropout."""
    from keras import layers  # noqa: PLC0415  # takes seconds, and declaring a space does not need it

    names = ["conv_input", *(f"conv_{layer}" for layer in range(chosen["num_layers"]))]
    return [
        layers.Conv1D(
            chosen[f"{name}_filter"],
            chosen[f"{name}_kernel"],
            activation=chosen[f"{name}_activation"],
            padding="same",
        )
        for name in names
    ]


def last_layers() -> list[layers.Layer]:
    """Return the layers between dropout and output: the mean over the window."""
    from keras import layers  # noqa: PLC0415  # takes seconds, and declaring a space does not need it

    return [layers.GlobalAveragePooling1D()]
