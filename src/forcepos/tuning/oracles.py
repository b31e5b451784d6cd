"""KerasTuner's search algorithms, as the config describes them."""

from __future__ import annotations

import keras_tuner as kt

from forcepos.config import BayesianTunerConfig, RandomTunerConfig, TunerConfig


class _InMemory:
    """Keeps KerasTuner from writing its state: ours is the list of finished trials, told to a new oracle again."""

    def save(self) -> None: ...

    def _save_trial(self, trial: kt.engine.trial.Trial) -> None: ...


class RandomOracle(_InMemory, kt.oracles.RandomSearchOracle):  # type: ignore[misc]  # keras_tuner is untyped
    """Draws hyperparameters evenly."""


class BayesianOracle(_InMemory, kt.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """Proposes what a Gaussian process expects to be good, or knows little about."""


def make_oracle(config: TunerConfig, space: kt.HyperParameters, seed: int) -> kt.Oracle:
    """What proposes hyperparameters out of `space`. The same results in the same order: the same proposals."""
    common = {
        "objective": kt.Objective(config.objective, config.direction),
        "max_trials": config.max_trials,
        "hyperparameters": space,
        "seed": seed,
        # A failed trial is recorded and the search goes on; whether any succeeded is checked at the end.
        "max_consecutive_failed_trials": config.max_trials + 1,
    }
    match config:
        case RandomTunerConfig():
            oracle = RandomOracle(**common)
        case BayesianTunerConfig():
            oracle = BayesianOracle(
                num_initial_points=config.num_initial_points, alpha=config.alpha, beta=config.beta, **common
            )
        case _:
            raise TypeError(f"not a tuner: {type(config)}")
    oracle.verbose = 0  # it would print to standard output
    return oracle
