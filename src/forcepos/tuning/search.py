"""A search: an oracle proposes, a trial trains, listeners are told.

What a search remembers is the list of its finished trials. To go on, a new oracle is told them again in
their order: it then proposes what the old one would have proposed, whatever its algorithm, and nothing
else needs to survive an interruption.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import keras_tuner as kt
import numpy as np
from filelock import FileLock, Timeout
from sklearn.exceptions import ConvergenceWarning

from forcepos.config import TunerConfig
from forcepos.errors import InputError, TrialFailure
from forcepos.interruption import stop_if_asked
from forcepos.tuning.oracles import make_oracle
from forcepos.tuning.trials import Logs, TrialResult, Values, load_trials, save_trial


class TrialListener(Protocol):
    """Whoever wants to know how the search goes."""

    def trial_known(self, result: TrialResult) -> None:
        """A trial was finished before this run."""

    def trial_started(self, number: int, hyperparameters: Values) -> None: ...

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None: ...

    def trial_ended(self, result: TrialResult) -> None: ...


class Trainer(Protocol):
    """Trains one network from scratch and returns what each epoch logged."""

    def __call__(
        self, hyperparameters: Mapping[str, Any], seed: int, epochs: int, after_epoch: Callable[[int, Logs], None]
    ) -> list[Logs]: ...


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        best: hyperparameters of the best trial.
        score: its objective, None where there was no search.
        trials: all that are finished, failed ones included; none where there was no search.
        reused: how many of them were there before this run.
    """

    best: Values
    score: float | None
    trials: Sequence[TrialResult]
    reused: int


@contextmanager
def claim(directory: Path, fresh: bool) -> Iterator[None]:
    """Hold the search in `directory` for this process; with `fresh`, put aside what it holds first.

    Raises:
        InputError: another process is at this search.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"another process is at this search, {directory}: wait for it, or change the config"
        ) from error
    try:
        if fresh and load_trials(directory):
            directory.rename(directory.with_name(f"{directory.name}.before-{time.strftime('%Y-%m-%d_%H-%M-%S')}"))
            directory.mkdir()
        yield
    finally:
        lock.release()


def search(
    config: TunerConfig,
    declare: Callable[[kt.HyperParameters], None],
    train: Trainer,
    directory: Path,
    seed: int,
    epochs: int,
    listeners: Sequence[TrialListener],
) -> Found:
    """Run trials until there are `config.max_trials`, beginning with those that `directory` holds.

    Args:
        train: trains a network for the epochs that it is given, `epochs` but with Hyperband.
        directory: claimed by this process.

    Raises:
        InputError: every trial failed, or more than `config.max_failures` did.
    """
    space = kt.HyperParameters()
    declare(space)
    oracle = make_oracle(config, space, seed, epochs)
    known = load_trials(directory)[: config.max_trials]
    results: list[TrialResult] = []
    with warnings.catch_warnings():
        # A Gaussian process on a handful of trials often ends at a bound of its length scale; harmless.
        warnings.simplefilter("ignore", ConvergenceWarning)
        while (trial := oracle.create_trial("forcepos")).status == "RUNNING":
            if len(results) < len(known):
                result = known[len(results)]
                for listener in listeners:
                    listener.trial_known(result)
            else:
                stop_if_asked()
                values = dict(trial.hyperparameters.values)
                result = _run_trial(config, len(results) + 1, values, seed, epochs, train, listeners)
                save_trial(directory, result)
                for listener in listeners:
                    listener.trial_ended(result)
            results.append(result)
            _stop_after_failures(config, results)
            _tell(oracle, trial, result)
    return _best(config, results, len(known))


def _stop_after_failures(config: TunerConfig, results: Sequence[TrialResult]) -> None:
    failed = [result for result in results if result.score is None]
    if len(failed) >= config.max_failures:
        raise InputError(
            f"{len(failed)} of {len(results)} trials failed, the last one with: {failed[-1].failure}; "
            "raise tuner.max_failures to go on all the same"
        )


def _tell(oracle: kt.Oracle, trial: kt.engine.trial.Trial, result: TrialResult) -> None:
    trial.hyperparameters.values = dict(result.hyperparameters)
    if result.score is None:
        trial.status, trial.message = "FAILED", result.failure
    else:
        trial.status = "COMPLETED"
        oracle.update_trial(trial.trial_id, {oracle.objective.name: result.score})
    oracle.end_trial(trial)


def _best(config: TunerConfig, results: Sequence[TrialResult], reused: int) -> Found:
    scored = [(result.score, result) for result in results if result.score is not None]
    if not scored:
        raise InputError(f"all {len(results)} trials failed, the last one with: {results[-1].failure}")
    pick = min if config.direction == "min" else max
    score, best = pick(scored, key=lambda pair: pair[0])
    # Hyperband's own entries (tuner/epochs, …) are no hyperparameters of a network.
    values = {name: value for name, value in best.hyperparameters.items() if not name.startswith("tuner/")}
    return Found(values, score, results, reused)


def _run_trial(
    config: TunerConfig,
    number: int,
    values: Values,
    seed: int,
    epochs: int,
    train: Trainer,
    listeners: Sequence[TrialListener],
) -> TrialResult:
    for listener in listeners:
        listener.trial_started(number, values)
    history: list[list[Logs]] = []
    try:
        for execution in range(1, config.executions_per_trial + 1):
            history.append([])
            after_epoch = partial(_epoch_ended, listeners, history[-1], number, execution)
            train(values, _weights_seed(seed, number, execution), values.get("tuner/epochs", epochs), after_epoch)
    except TrialFailure as failure:
        return TrialResult(number, values, history, None, str(failure))
    pick = min if config.direction == "min" else max
    best = [pick(logs[config.objective] for logs in epochs) for epochs in history]
    return TrialResult(number, values, history, sum(best) / len(best))


def _epoch_ended(
    listeners: Sequence[TrialListener],
    history: list[Logs],
    number: int,
    execution: int,
    epoch: int,
    logs: Logs,
) -> None:
    history.append(logs)
    for listener in listeners:
        listener.epoch_ended(number, execution, epoch, logs)
    if not math.isfinite(logs["loss"]):
        raise TrialFailure(f"the loss is not finite in epoch {epoch}")


def _weights_seed(seed: int, number: int, execution: int) -> int:
    """A seed of its own for each execution of each trial, the same in every run of the search."""
    return int(np.random.SeedSequence([seed, number, execution]).generate_state(1)[0] >> 1)
