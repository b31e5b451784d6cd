"""The specification of a search."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras_tuner as kt

from forcepos.config.schema import TunerConfig
from forcepos.tuning.space import Space
from forcepos.tuning.tuner import tuner_of


@dataclass(frozen=True)
class SearchSpec:
    """All that defines a search, except how a trial trains.

    Attributes:
        config: of the tuner.
        declare: declares the space of hyperparameters.
        directory: where trials and journal are kept; locked by the process that searches.
        epochs: of a trial's training; with Hyperband, of the longest.
    """

    config: TunerConfig
    declare: Callable[[kt.HyperParameters], None]
    directory: Path
    seed: int
    epochs: int

    @property
    def space(self) -> Space:
        """The space that a trial's hyperparameters come from, the tuner's own included."""
        space = Space(self.declare)
        tuner_of(self.config).declare(space, self.epochs)
        return space
