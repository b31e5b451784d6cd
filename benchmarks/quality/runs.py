"""The process of one seed: each way searches and trains, one after the other, with the same compiled steps.

A way's search and its final training are those of a run. What differs is who proposes trials, and who ends them.
"""

from __future__ import annotations

import logging
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.quality.ways import NOTEBOOK, SHARES, Study, network_of, search_seed
from forcepos import load_recordings
from forcepos.config.schema import Config
from forcepos.data.recordings import Recordings
from forcepos.evaluation.evaluate import score
from forcepos.experiment.run import find_hyperparameters
from forcepos.models.final import predict, train_final
from forcepos.models.problem import Problem
from forcepos.models.training.compiled import AfterEpoch, Logs
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer, Values
from forcepos.runtime.errors import TrialFailure
from forcepos.runtime.files import write_state
from forcepos.runtime.interruption import end_with_parent
from forcepos.tuning.trials import Events

_SAMPLES = 4200  # of a training subset at most: as many as the simulated arm's, so that a run takes no longer
_WARM_UP = ("tuner.max_trials=1", "training.epochs=1", "training.xla=always")


def run_missing(study: Study, seed: int, ways: Sequence[str]) -> None:
    """Measure the ways in this order and keep their results."""
    end_with_parent()
    logging.disable()
    recordings = load_recordings(study.config(NOTEBOOK, seed))
    use_device(study.config(NOTEBOOK, seed).training)
    measure(study.config(NOTEBOOK, seed, *_WARM_UP), recordings, seed, finals=())  # libraries load on first use
    for place, way in enumerate(ways, 1):
        print(f"{study.name}, seed {seed}, {place} of {len(ways)}: {way} …", file=sys.stderr, flush=True)
        budget_s = math.inf
        if way != NOTEBOOK and (notebook := study.result(NOTEBOOK, seed)):
            budget_s = notebook["search_s"]
        shares = (1.0,) if way == NOTEBOOK else SHARES
        result = measure(study.config(way, seed), recordings, search_seed(way, seed), shares, budget_s)
        write_state(study.path(way, seed), {"settings": study.settings(way, seed), **result})


def measure(
    config: Config, recordings: Recordings, seed: int, finals: Sequence[float], budget_s: float = math.inf
) -> dict[str, Any]:
    """Search until the tuner ends or `budget_s` are spent, and train finally.

    There is a final training for each of the shares `finals` of the budget, after which the search would have
    ended with the best hyperparameters until then; equal ones are trained once.
    """
    problem = _thinned(Problem.of(config, recordings), recordings)
    problem = replace(problem, config=replace(problem.config, seed=seed))
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(problem, Path(folder), budget_s)
        with suppress(_BudgetSpent):
            find_hyperparameters(recorder, Path(folder), Events())
        search_s, trained = recorder.seconds, list[dict[str, Any]]()
        for share in finals:
            count = recorder.epochs_until(share * budget_s)
            best = recorder.best(count)
            known = next((one for one in trained if one["hyperparameters"] == best), None)
            trained.append(
                {**(known or _final(problem, best, Path(folder))), "share": share, "search_epochs": count}
            )
    return {
        "search_s": search_s, "epochs": recorder.epochs, "trials": recorder.trials, "finals": trained,
        "epochs_of_a_trial": config.training.epochs,
    }  # fmt: skip


def _thinned(problem: Problem, recordings: Recordings) -> Problem:
    share = _SAMPLES / len(problem.split.train)
    if share >= 1:
        return problem
    config = replace(problem.config, split=replace(problem.config.split, train_share=share))
    return Problem.of(config, recordings)


def _final(problem: Problem, best: Values, folder: Path) -> dict[str, Any]:
    """Train the best hyperparameters from scratch, as a run does; `validation` is the kept network's error."""
    settings, objective = problem.config.training, problem.config.tuner.objective
    steps = _steps(problem, settings.final_batch_size or best["batch_size"])
    began, epochs = time.perf_counter(), list[tuple[float, int, float]]()

    def note(_: int, epoch: int, logs: Logs) -> None:
        epochs.append((time.perf_counter() - began, steps * epoch, logs[objective]))

    found: dict[str, Any] = {"hyperparameters": best, "epochs": epochs, "validation": None, "test_mm": None}
    with suppress(TrialFailure):  # it diverges: there is no network
        trained = train_final(NetworkTrainer(problem, folder), best, note)
        values = [value for *_, value in epochs]
        found["validation"] = values[-1] if settings.patience is None else min(values)
        predictions = predict(trained.model, problem, problem.split.test)
        found["test_mm"] = score(problem, predictions["position"])["euclidean_mean_mm"]
    return found


class _BudgetSpent(Exception):  # noqa: N818  # ends a search, no error
    pass


class _Pruned(Exception):  # noqa: N818  # ends a trial, no error
    pass


class Recorder(NetworkTrainer):
    """Trains trials and notes each epoch, until the seconds of the search are spent.

    Attributes:
        epochs: of each epoch, seconds since the beginning, steps so far, number of the trial, validation error.
        trials: of each trial, its hyperparameters, the steps of an epoch, how many epochs it trained, the number
            of the last one, which is larger where it went on from another trial, and whether the search's end
            cut it.
    """

    def __init__(self, problem: Problem, folder: Path, budget_s: float) -> None:
        self._began, self._budget_s, self._steps_done = time.perf_counter(), budget_s, 0
        self.epochs: list[tuple[float, int, int, float]] = []
        self.trials: list[dict[str, Any]] = []
        super().__init__(problem, folder)

    @property
    def seconds(self) -> float:  # since the beginning
        return time.perf_counter() - self._began

    def execute(
        self, hyperparameters: Values, execution: int, seed: int, epochs: int, after_epoch: AfterEpoch, *more: Any
    ) -> list[Logs]:
        """Train a trial's network; where its tuner can prune, that may end it, and the epochs until then count."""
        tuner, steps = self.problem.config.tuner, _steps(self.problem, hyperparameters["batch_size"])
        prune = getattr(tuner, "prune", None)
        trial: dict[str, Any] = {"hyperparameters": dict(hyperparameters), "steps_per_epoch": steps}
        trial |= {"epochs": 0, "last_epoch": 0, "cut": False}
        self.trials.append(trial)

        def note(epoch: int, logs: Logs) -> None:
            seconds, value = self.seconds, logs[tuner.objective]
            self._steps_done += steps
            trial["epochs"] += 1
            trial["last_epoch"] = epoch
            self.epochs.append((seconds, self._steps_done, len(self.trials), value))
            if seconds >= self._budget_s:
                trial["cut"] = epoch < epochs
                raise _BudgetSpent
            after_epoch(epoch, logs)
            if prune and epoch < epochs and prune(epoch, value):
                raise _Pruned

        with suppress(_Pruned):
            return super().execute(hyperparameters, execution, seed, epochs, note, *more)
        return []

    def epochs_until(self, seconds: float) -> int:
        """Return the number of epochs of a search that ends with the first one after so many seconds."""
        return min(len(self.epochs), 1 + sum(epoch[0] < seconds for epoch in self.epochs))

    def best(self, count: int) -> dict[str, Any]:
        """Return the hyperparameters of the trial with the best of the first `count` epochs."""
        finite = [epoch for epoch in self.epochs[:count] if math.isfinite(epoch[3])]
        chosen = self.trials[min(finite, key=lambda epoch: epoch[3])[2] - 1]["hyperparameters"]
        return network_of(chosen)


def _steps(problem: Problem, batch_size: int) -> int:
    return -(-len(problem.split.train) // batch_size)
