"""A search: KerasTuner proposes, a trial trains, listeners are told."""

from __future__ import annotations

import contextlib
import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import keras_tuner as kt
import numpy as np
from keras_tuner.src.engine.trial import Trial
from sklearn.exceptions import ConvergenceWarning

from forcepos.config import TunerConfig
from forcepos.errors import InputError, TrialFailure
from forcepos.tuning.oracles import make_oracle

Logs = dict[str, float]
Values = dict[str, Any]


@dataclass(frozen=True)
class TrialResult:
    """One finished trial.

    Attributes:
        number: 1, 2, 3, …
        history: per execution, per epoch, what Keras logged.
        score: mean over executions of the best epoch's objective; None where the trial failed.
        failure: why it failed, None where it did not.
    """

    number: int
    hyperparameters: Values
    history: list[list[Logs]]
    score: float | None
    failure: str | None = None


class TrialListener(Protocol):
    """Whoever wants to know how the search goes."""

    def trial_started(self, number: int, hyperparameters: Values) -> None: ...

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None: ...

    def trial_ended(self, result: TrialResult) -> None: ...


class Trainer(Protocol):
    """Trains one network from scratch and returns what each epoch logged."""

    def __call__(
        self, hyperparameters: Mapping[str, Any], seed: int, after_epoch: Callable[[int, Logs], None]
    ) -> list[Logs]: ...


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        best: hyperparameters of the best trial.
        score: its objective.
        trials: finished trials, failed ones included.
        reused: how many of them were there before this run.
    """

    best: Values
    score: float
    trials: int
    reused: int


def search(
    config: TunerConfig,
    declare: Callable[[kt.HyperParameters], None],
    train: Trainer,
    directory: Path,
    seed: int,
    listeners: Sequence[TrialListener],
) -> Found:
    """Run trials until there are `config.max_trials`, beginning with those that `directory` holds.

    Raises:
        InputError: every trial failed.
    """
    space = kt.HyperParameters()
    declare(space)
    with contextlib.redirect_stdout(sys.stderr):  # KerasTuner reports a resumed search by print
        tuner = _Tuner(config, space, train, directory, seed, listeners)
    reused = len(_finished(tuner.oracle))
    tuner.oracle.verbose = 0
    with warnings.catch_warnings():
        # A Gaussian process on a handful of trials often ends at a bound of its length scale; harmless.
        warnings.simplefilter("ignore", ConvergenceWarning)
        tuner.search()
    finished = _finished(tuner.oracle)
    completed = [trial for trial in finished if trial.status == "COMPLETED"]
    if not completed:
        raise InputError(f"all {len(finished)} trials failed, the last one with: {_reason(finished[-1])}")
    sign = 1 if config.direction == "min" else -1
    best = min(completed, key=lambda trial: sign * trial.score)
    return Found(dict(best.hyperparameters.values), float(best.score), len(finished), reused)


def _finished(oracle: kt.Oracle) -> list[Trial]:
    return [trial for trial in oracle.trials.values() if trial.status in ("COMPLETED", "FAILED")]


def _reason(trial: Trial) -> str:
    return str(trial.message or "no message")


class _Tuner(kt.Tuner):  # type: ignore[misc]  # keras_tuner is untyped
    """KerasTuner's bookkeeping around our own training; it keeps no weights and needs no TensorBoard."""

    def __init__(
        self,
        config: TunerConfig,
        space: kt.HyperParameters,
        train: Trainer,
        directory: Path,
        seed: int,
        listeners: Sequence[TrialListener],
    ) -> None:
        self._config, self._train, self._seed, self._listeners = config, train, seed, listeners
        self._history: list[list[Logs]] = []
        super().__init__(
            oracle=make_oracle(config, space, seed),
            hypermodel=_no_network,
            directory=directory.parent,
            project_name=directory.name,
            overwrite=False,
        )
        self.oracle.max_trials = config.max_trials  # a resumed oracle remembers the old one

    def run_trial(self, trial: Trial) -> list[Logs]:
        """The best epoch of each execution."""
        number, values = _number(trial), dict(trial.hyperparameters.values)
        self._history = []
        for listener in self._listeners:
            listener.trial_started(number, values)
        for execution in range(1, self._config.executions_per_trial + 1):
            seed = _weights_seed(self._seed, number, execution)
            self._history.append([])
            self._train(values, seed, partial(self._epoch, number, execution))
        return [self._best_epoch(logs) for logs in self._history]

    def _epoch(self, number: int, execution: int, epoch: int, logs: Logs) -> None:
        self._history[-1].append(logs)
        for listener in self._listeners:
            listener.epoch_ended(number, execution, epoch, logs)
        if not math.isfinite(logs["loss"]):
            raise TrialFailure(f"the loss is not finite in epoch {epoch}")

    def _best_epoch(self, history: list[Logs]) -> Logs:
        name = self._config.objective
        pick = min if self._config.direction == "min" else max
        return pick(history, key=lambda logs: logs[name])

    def _try_run_and_update_trial(self, trial: Trial, *_: Any, **__: Any) -> None:
        """As in KerasTuner, but only a TrialFailure fails a trial: any other exception is a bug and is raised."""
        try:
            self._run_and_update_trial(trial)
            trial.status = "COMPLETED"
        except TrialFailure as failure:
            trial.status, trial.message = "FAILED", str(failure)

    def on_trial_end(self, trial: Trial) -> None:
        """Save the trial, then tell about it."""
        super().on_trial_end(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        failed = ended.status != "COMPLETED"
        result = TrialResult(
            number=_number(ended),
            hyperparameters=dict(ended.hyperparameters.values),
            history=self._history,
            score=None if failed else float(ended.score),
            failure=_reason(ended) if failed else None,
        )
        for listener in self._listeners:
            listener.trial_ended(result)


def _no_network(_: kt.HyperParameters) -> None:
    """KerasTuner wants a builder to explore the space with; ours is declared beforehand."""


def _number(trial: Trial) -> int:
    return int(trial.trial_id) + 1


def _weights_seed(seed: int, number: int, execution: int) -> int:
    """A seed of its own for each execution of each trial, the same in every run of the search."""
    return int(np.random.SeedSequence([seed, number, execution]).generate_state(1)[0] >> 1)
