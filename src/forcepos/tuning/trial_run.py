"""One trial: its trainings, one after the other, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from forcepos.config.schema import TunerConfig
from forcepos.runtime.errors import TrialFailure
from forcepos.tuning.trials import Logs, TrialResult, Values

Report = Callable[[int, int, int, Logs], None]  # trial, execution, epoch, what Keras logged


class Trainer(Protocol):
    """Trains one network from scratch and returns what each epoch logged."""

    def __call__(
        self, hyperparameters: Mapping[str, Any], seed: int, epochs: int, after_epoch: Callable[[int, Logs], None]
    ) -> list[Logs]: ...


def run_trial(
    config: TunerConfig, number: int, values: Values, seed: int, epochs: int, train: Trainer, report: Report
) -> TrialResult:
    """Train as often as `config` says, with weights of its own each time.

    Args:
        epochs: of a training, but with Hyperband, which says it in `values`.
    """
    history: list[list[Logs]] = []
    try:
        for execution in range(1, config.executions_per_trial + 1):
            history.append([])
            after_epoch = partial(_epoch_ended, report, history[-1], number, execution)
            train(values, _weights_seed(seed, number, execution), values.get("tuner/epochs", epochs), after_epoch)
    except TrialFailure as failure:
        return TrialResult(number, values, history, None, str(failure))
    pick = min if config.direction == "min" else max
    best = [pick(logs[config.objective] for logs in epochs) for epochs in history]
    return TrialResult(number, values, history, sum(best) / len(best))


def _epoch_ended(report: Report, history: list[Logs], number: int, execution: int, epoch: int, logs: Logs) -> None:
    history.append(logs)
    report(number, execution, epoch, logs)
    if not math.isfinite(logs["loss"]):
        raise TrialFailure(f"the loss is not finite in epoch {epoch}")


def _weights_seed(seed: int, number: int, execution: int) -> int:
    """A seed of its own for each execution of each trial, the same in every run of the search."""
    return int(np.random.SeedSequence([seed, number, execution]).generate_state(1)[0] >> 1)
