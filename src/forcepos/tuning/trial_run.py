"""One trial: its executions, one after the other, and its score."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from forcepos.config.schema import TunerConfig
from forcepos.runtime.errors import TrialFailure
from forcepos.tuning.spec import SearchSpec
from forcepos.tuning.trials import Logs, TrialResult, Values

Report = Callable[[int, int, int, Logs], None]  # trial, execution, epoch, Keras' logs


class Trainer(Protocol):
    """Trains one network from scratch and returns the logs of each epoch."""

    def __call__(
        self, hyperparameters: Mapping[str, Any], seed: int, epochs: int, after_epoch: Callable[[int, Logs], None]
    ) -> list[Logs]: ...


def run_trial(spec: SearchSpec, number: int, values: Values, train: Trainer, report: Report) -> TrialResult:
    """Train as often as the tuner's config says, with weights of its own each time.

    Each execution takes `spec.epochs` epochs, except with Hyperband, which decides that in `values`.
    """
    config, history = spec.config, list[list[Logs]]()
    epochs = values.get("tuner/epochs", spec.epochs)
    try:
        for execution in range(1, config.executions_per_trial + 1):
            history.append([])
            after_epoch = partial(_epoch_ended, history[-1], partial(report, number, execution))
            train(values, _weights_seed(spec.seed, number, execution), epochs, after_epoch)
    except TrialFailure as failure:
        return TrialResult(number, values, history, None, str(failure))
    score = score_of(config, history)
    if not math.isfinite(score):
        return TrialResult(number, values, history, None, f"{config.objective} is not finite")
    return TrialResult(number, values, history, score)


def score_of(config: TunerConfig, history: Sequence[Sequence[Logs]]) -> float:
    """Return the mean over executions of the best epoch's objective."""
    pick = min if config.direction == "min" else max
    best = [pick(logs[config.objective] for logs in each) for each in history]
    return sum(best) / len(best)


def _epoch_ended(history: list[Logs], report: Callable[[int, Logs], None], epoch: int, logs: Logs) -> None:
    history.append(logs)
    report(epoch, logs)
    if not math.isfinite(logs["loss"]):
        raise TrialFailure(f"the loss is not finite in epoch {epoch}")


def _weights_seed(seed: int, number: int, execution: int) -> int:
    """Derive a seed for each execution of each trial, the same in every run of the search."""
    return int(np.random.SeedSequence([seed, number, execution]).generate_state(1)[0] >> 1)
