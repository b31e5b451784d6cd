"""The search space of hyperparameters, declared without loading Keras: given ones are checked before it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forcepos.config.schema import CnnConfig, FfnnConfig, ModelConfig
from forcepos.models.architectures import cnn, ffnn

if TYPE_CHECKING:
    from keras_tuner import HyperParameters

ARCHITECTURES: dict[type[ModelConfig], Any] = {FfnnConfig: ffnn, CnnConfig: cnn}


def declare_space(hp: HyperParameters, config: ModelConfig) -> None:
    """Declare the whole search space, under the notebook's names."""
    space = config.space  # type: ignore[attr-defined]  # every architecture has one of its own type
    ARCHITECTURES[type(config)].declare(hp, config)
    if len(set(space.dropout)) == 1:
        hp.Fixed("dropout", space.dropout[0])
    else:
        hp.Boolean("dropout")
    hp.Float("lr", space.lr.min, space.lr.max, sampling=space.lr.sampling)
    hp.Choice("batch_size", space.batch_size)
