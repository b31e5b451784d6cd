"""A search: its ledger of beginnings and endings of trials, for its oracle and in a journal to resume from.

An oracle that receives these in the same order proposes the same trials, whatever its algorithm. So a resumed
search, with one process or with many, needs nothing but the journal and the finished trials.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import keras_tuner as kt
import numpy as np
from filelock import FileLock, Timeout
from sklearn.exceptions import ConvergenceWarning

from forcepos.config.schema import TunerConfig
from forcepos.runtime.errors import InputError, TrialFailure, plugin_errors, plugin_name
from forcepos.runtime.interruption import stop_if_asked
from forcepos.tuning.trials import Events, Journal, Logs, TrialResult, Values, load_trials, save_trial
from forcepos.tuning.tuner import SearchSpec, Space

log = logging.getLogger(__name__)

Report = Callable[[int, int, int, Logs], None]  # trial, execution, epoch, Keras' logs
# Trains a network: hyperparameters, number of the execution, seed of its weights, epochs, receiver of their logs.
Trainer = Callable[[Mapping[str, Any], int, int, int, Callable[[int, Logs], None]], list[Logs]]


class SearchResult(NamedTuple):
    best: Values  # hyperparameters of the best trial
    score: float | None  # its objective, None where there was no search
    trials: Sequence[TrialResult]  # all that are finished, by number, failed ones included; none without a search
    reused: int  # how many of them were there before this run


def _new_oracle(spec: SearchSpec) -> kt.Oracle:
    tuner, space = spec.config, kt.HyperParameters()
    spec.declare(space)
    with plugin_errors(tuner, "oracle"):
        oracle = tuner.oracle(space, kt.Objective(tuner.objective, tuner.direction), spec.seed, spec.epochs)
    if not isinstance(oracle, kt.Oracle):
        kind = type(oracle).__name__
        raise InputError(f"{plugin_name(tuner)}: oracle returned a {kind}, not a keras_tuner.Oracle")
    # Its state is ours: the list of finished trials, replayed to a new oracle. How many may fail is the ledger's.
    oracle.save = oracle._save_trial = lambda *_: None  # noqa: SLF001
    oracle.max_consecutive_failed_trials = None
    oracle.verbose = 0  # it would print to standard output
    return oracle


class Ledger:
    """The one place that knows a search's trials; an InputError tells that `max_failures` of them failed."""

    def __init__(self, spec: SearchSpec, events: Events) -> None:
        self._config, self._oracle, self._events = spec.config, _new_oracle(spec), events
        self._space = Space(spec.declare)
        self._config.declare(self._space, spec.epochs)
        self._known = {result.number: result for result in load_trials(spec.directory, self._fault_of)}
        self._results = dict[int, TrialResult]()
        self._journal = Journal(spec.directory, self._space, self._known)
        self._past = iter(self._journal.past)
        self._waiting = set[int]()  # trials that began and are not under way: handed out next
        self._repeated: int | None = None  # the trial that the replay waits for
        self._replay()

    def _fault_of(self, result: TrialResult) -> str | None:
        """Say why a result that was read cannot be one of this search; None if it can."""
        if fault := self._space.fault_of(result.hyperparameters):
            return fault
        if len({frozenset(logs) for execution in result.history for logs in execution}) > 1:
            return "its epochs have different metrics"
        best = None
        with suppress(KeyError, ValueError, ZeroDivisionError):  # no execution, no epoch, or other metrics
            best = score_of(self._config, result.history)
        known = result.score in (None, best)
        return None if known else f"its score is not the best {self._config.objective} of its history"

    def _replay(self) -> None:
        """Replay what an earlier process left, up to a lost result, on which later proposals may depend."""
        self._repeated = None
        for event in self._past:
            number, result = event.trial, self._known.get(event.trial)
            if event.event == "begun":
                if (trial := self._proposed()) is None:
                    return  # tuner.max_trials is smaller than it was
                values = result.hyperparameters if result else event.hyperparameters
                trial.hyperparameters.values = dict(values or trial.hyperparameters.values)
                self._waiting.add(number)
            elif number in self._waiting:
                if result is None:
                    self._repeated = number
                    return
                self._waiting.remove(number)
                self._events.trial_known(result)
                self._close(result)

    def _proposed(self) -> kt.engine.trial.Trial | None:
        # A Gaussian process on a handful of trials often ends at a bound of its length scale; harmless.
        harmless = warnings.catch_warnings(action="ignore", category=ConvergenceWarning)
        with harmless, plugin_errors(self._config, "populate_space"):
            trial = self._oracle.create_trial(str(len(self._oracle.trials)))
        if trial.status != "RUNNING":
            return None
        if fault := self._space.fault_of(trial.hyperparameters.values):
            raise InputError(f"{plugin_name(self._config)}: populate_space proposed values of which {fault}")
        return trial

    def _trial(self, number: int) -> kt.engine.trial.Trial:
        return list(self._oracle.trials.values())[number - 1]  # in the order in which they began

    def begin(self) -> tuple[int, Values] | None:
        """Begin a trial, or again a lost one: its number and hyperparameters; None if there is none for now."""
        number = self._repeated or min(self._waiting, default=None)
        if number is None:
            if (trial := self._proposed()) is None:
                return None
            number = len(self._oracle.trials)
            self._journal.append("begun", number, trial.hyperparameters.values)
        elif number not in self._waiting:
            return None
        self._waiting.discard(number)
        values = dict(self._trial(number).hyperparameters.values)
        self._events.trial_started(number, values)
        return number, values

    def requeue(self, number: int) -> None:
        """Hand out a trial that was lost again, before any new one."""
        self._waiting.add(number)

    def end(self, result: TrialResult) -> None:
        """Record the result of a trial; an InputError tells that `max_failures` failed."""
        repeated = result.number == self._repeated
        if not repeated:
            self._journal.append("ended", result.number)
        self._events.trial_ended(result)
        self._close(result)
        if repeated:
            self._replay()

    def _close(self, result: TrialResult) -> None:
        self._results[result.number] = result
        failed = [trial for trial in self._results.values() if trial.score is None]
        if len(failed) >= self._config.max_failures:
            fault = f"{len(failed)} of {len(self._results)} trials failed, the last one with: {failed[-1].failure}"
            raise InputError(f"{fault}; raise tuner.max_failures to continue all the same")
        trial = self._trial(result.number)
        trial.hyperparameters.values = dict(result.hyperparameters)
        trial.status, trial.message = "FAILED", result.failure
        if result.score is not None:
            trial.status = "COMPLETED"
            self._oracle.update_trial(trial.trial_id, {self._oracle.objective.name: result.score})
        with plugin_errors(self._config, "end_trial"):
            self._oracle.end_trial(trial)

    def found(self) -> SearchResult:
        """Return the best of all trials; an InputError tells that every one failed."""
        results = [self._results[number] for number in sorted(self._results)]
        scores = {result.number: result.score for result in results if result.score is not None}
        if not scores:
            raise InputError(f"all {len(results)} trials failed, the last one with: {results[-1].failure}")
        best = (min if self._config.direction == "min" else max)(scores, key=scores.__getitem__)
        # Hyperband's own entries (tuner/epochs, …) are no hyperparameters of a network.
        chosen = self._results[best].hyperparameters.items()
        values = {name: value for name, value in chosen if not name.startswith("tuner/")}
        return SearchResult(values, scores[best], results, len(self._results.keys() & self._known.keys()))


def score_of(config: TunerConfig, history: Sequence[Sequence[Logs]]) -> float:
    """Return the mean over executions of the best epoch's objective."""
    pick = min if config.direction == "min" else max
    best = [pick(logs[config.objective] for logs in each) for each in history]
    return sum(best) / len(best)


@contextmanager
def lock_search(directory: Path, fresh: bool, wait: bool = False) -> Iterator[None]:
    """Lock a search for this process; `wait` for another's, or InputError; with `fresh`, put aside its trials."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_suffix(".lock"))
    try:
        held = lock.acquire(timeout=0)
    except Timeout as error:
        taken = f"another process works on this search, {directory}"
        if not wait:
            raise InputError(f"{taken}: wait for it, or change the config") from error
        log.info("%s: waiting for it", taken)
        held = lock.acquire(poll_interval=0.5)
    with held:
        if fresh and any(directory.glob("trial_*.json")):
            directory.rename(directory.with_name(f"{directory.name}.before-{time.strftime('%Y-%m-%d_%H-%M-%S')}"))
            directory.mkdir()
        yield


def search(spec: SearchSpec, train: Trainer, events: Events) -> SearchResult:
    """Run trials until there are `max_trials`, finished ones included; an InputError if all or too many failed."""
    ledger = Ledger(spec, events)
    while begun := ledger.begin():
        stop_if_asked()
        result = run_trial(spec, *begun, train, events.epoch_ended)
        save_trial(spec.directory, result)
        ledger.end(result)
    return ledger.found()


def run_trial(spec: SearchSpec, number: int, values: Values, train: Trainer, report: Report) -> TrialResult:
    """Train each execution with weights of its own for `spec.epochs`, or for what Hyperband put into `values`."""
    history = list[list[Logs]]()
    epochs = values.get("tuner/epochs", spec.epochs)

    def after_epoch(epoch: int, logs: Logs) -> None:
        history[-1].append(logs)
        report(number, len(history), epoch, logs)
        if not math.isfinite(logs["loss"]):
            raise TrialFailure(f"the loss is not finite in epoch {epoch}")

    try:
        for execution in range(1, spec.config.executions_per_trial + 1):
            history.append([])
            # The same seed in every run of the search.
            seed = np.random.SeedSequence([spec.seed, number, execution]).generate_state(1)[0] >> 1
            train(values, execution, int(seed), epochs, after_epoch)
    except TrialFailure as error:
        return TrialResult(number, values, history, None, str(error))
    score = score_of(spec.config, history)
    failure = None if math.isfinite(score) else f"{spec.config.objective} is not finite"
    return TrialResult(number, values, history, None if failure else score, failure)
