"""KerasTuner's search algorithms, as the config describes them."""

from __future__ import annotations

import keras_tuner as kt

from forcepos.config import BayesianTunerConfig, RandomTunerConfig, TunerConfig


def make_oracle(config: TunerConfig, space: kt.HyperParameters, seed: int) -> kt.Oracle:
    """What proposes hyperparameters out of `space`."""
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
            return kt.oracles.RandomSearchOracle(**common)
        case BayesianTunerConfig():
            return kt.oracles.BayesianOptimizationOracle(
                num_initial_points=config.num_initial_points, alpha=config.alpha, beta=config.beta, **common
            )
        case _:
            raise TypeError(f"not a tuner: {type(config)}")
