"""Tuners: which oracle of KerasTuner's proposes hyperparameters, with what settings, for which search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from forcepos.config import schema
from forcepos.tuning.space import Space

if TYPE_CHECKING:
    from keras_tuner import HyperParameters, Objective, Oracle


@dataclass
class Tuner(schema.TunerConfig, ABC):
    """Makes the oracle of a search; its fields are the keys of `tuner`.

    A search makes one oracle, which proposes trials (`populate_space`) and hears of those that end (`score_trial`,
    `end_trial`), one call at a time, in one process. A search that is resumed makes a new one, and repeats what
    was asked and told, in the same order: proposals must depend on nothing but that and `seed`, and nothing is to
    be written to disk. KerasTuner is best imported inside methods: it takes seconds. Where `ends` is true, the
    oracle itself decides how many trials there are, so that max_trials may be null.
    """

    @abstractmethod
    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:
        """Return a new oracle for a declared space; a trial trains for `epochs`, or for what it is told to."""

    def declare(self, space: Space, epochs: int) -> None:
        """Declare what the oracle adds to the hyperparameters of a trial; nothing by default."""


@dataclass
class Random(Tuner):
    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:  # noqa: ARG002
        from keras_tuner.oracles import RandomSearchOracle  # noqa: PLC0415  # takes seconds

        return RandomSearchOracle(objective, self.max_trials, seed=seed, hyperparameters=space)


@dataclass
class Bayesian(schema.BayesianTunerConfig, Tuner):
    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:  # noqa: ARG002
        from forcepos.tuning.oracles import BayesianOracle  # noqa: PLC0415  # takes seconds

        settings = {"num_initial_points": self.num_initial_points, "alpha": self.alpha, "beta": self.beta}
        return BayesianOracle(objective, self.max_trials, **settings, seed=seed, hyperparameters=space)


@dataclass
class Grid(Tuner):
    ends: ClassVar[bool] = True

    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:  # noqa: ARG002
        from forcepos.tuning.oracles import GridOracle  # noqa: PLC0415  # takes seconds

        return GridOracle(objective, self.max_trials, seed=seed, hyperparameters=space)


@dataclass
class Hyperband(schema.HyperbandTunerConfig, Tuner):
    ends: ClassVar[bool] = True

    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:
        from keras_tuner.oracles import HyperbandOracle  # noqa: PLC0415  # takes seconds

        oracle = HyperbandOracle(objective, epochs, self.factor, self.iterations, seed=seed, hyperparameters=space)
        oracle.max_trials = self.max_trials
        return oracle

    def declare(self, space: Space, epochs: int) -> None:
        space.Int("tuner/epochs", 1, epochs)
        for name in ("initial_epoch", "bracket", "round"):
            space.Int(f"tuner/{name}", 0, epochs)
        with space.conditional_scope("tuner/round", range(1, epochs + 1)):
            space.Text("tuner/trial_id", str.isdecimal)


@dataclass
class Fixed(schema.FixedTunerConfig, Tuner):
    ends: ClassVar[bool] = True

    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:  # noqa: ARG002
        raise TypeError("given hyperparameters are not searched for")


@dataclass(frozen=True)
class SearchSpec:
    config: Tuner
    declare: Callable[[HyperParameters], None]  # declares the space of hyperparameters
    directory: Path  # where trials and journal are kept; locked by the process that searches
    seed: int
    epochs: int  # of a trial's training; with Hyperband, of the longest

    @property
    def space(self) -> Space:
        space = Space(self.declare)
        self.config.declare(space, self.epochs)
        return space
