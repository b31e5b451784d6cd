"""Dense layers on one row of signals: the notebook's feed-forward networks and their search space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from forcepos.config.schema import FfnnConfig

if TYPE_CHECKING:
    from keras import layers
    from keras_tuner import HyperParameters


def declare(hp: HyperParameters, config: FfnnConfig) -> None:
    """Declare the search space; `units_3` exists only where `num_layers` is 4 or more."""
    space = config.space
    hp.Int("num_layers", space.num_layers.min, space.num_layers.max, space.num_layers.step)
    for layer in range(space.num_layers.max):
        with hp.conditional_scope("num_layers", list(range(layer + 1, space.num_layers.max + 1))):
            hp.Int(f"units_{layer}", space.units.min, space.units.max, space.units.step)
    hp.Choice("activation", space.activation)


def hidden_layers(chosen: Mapping[str, Any], channels: int) -> list[layers.Layer]:
    """Return the layers between scaled input (channels,) and output; the first is as wide as the input."""
    from keras import layers  # noqa: PLC0415  # takes seconds, and declaring a space does not need it

    return [
        layers.Dense(channels, activation="relu"),
        *(
            layers.Dense(chosen[f"units_{layer}"], activation=chosen["activation"])
            for layer in range(chosen["num_layers"])
        ),
    ]


def last_layers() -> list[layers.Layer]:
    """Return the layers between dropout and output: none."""
    return []
