"""A search: its ledger of beginnings and endings of trials, for its oracle and in a journal to resume from.

An oracle that receives these in the same order proposes the same trials, whatever its algorithm. So a resumed
search, with one process or with many, needs nothing but the journal and the finished trials.
"""

import logging
import math
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import keras_tuner as kt
import numpy as np
from filelock import FileLock, Timeout
from sklearn.exceptions import ConvergenceWarning

from forcepos.config.schema import TunerConfig
from forcepos.models.training.compiled import Checkpoint
from forcepos.runtime.errors import InputError, TrialFailure, plugin_errors, plugin_name
from forcepos.runtime.interruption import stop_if_asked
from forcepos.tuning.checkpoints import load_checkpoint, remove_needless, save_checkpoint
from forcepos.tuning.stopping import Bars, bars_for, best_so_far, falls_behind
from forcepos.tuning.trials import Events, Journal, Logs, TrialResult, Values, best_first, load_trials, save_trial
from forcepos.tuning.tuner import SearchSpec, Space, Tuner

log = logging.getLogger(__name__)

Report = Callable[[int, int, int, Logs], None]  # trial, execution, epoch, Keras' logs
# Trains a network: hyperparameters, number of the execution, seed of its weights, epochs, receiver of their logs.
# One that takes checkpoints, too, receives one, goes on from there and leaves its own.
Trainer = Callable[..., list[Logs]]


class SearchResult(NamedTuple):
    best: Values  # hyperparameters of the best trial
    score: float | None  # its objective, None where there was no search
    trials: Sequence[TrialResult]  # all that are finished, by number, failed ones included; none without a search
    reused: int  # how many of them were there before this run
    out_of_time: bool = False  # whether tuner.minutes ended it
    ensemble: Sequence[TrialResult] = ()  # trials whose networks are the model's, as often as they count

    def shares(self) -> dict[int, float]:
        """Return the weights of the trials in the ensemble by number, the best trial first."""
        counts = Counter(trial.number for trial in self.ensemble)
        return {number: count / len(self.ensemble) for number, count in counts.items()}


class Begun(NamedTuple):
    """A trial that begins, with all that whoever trains it has to know."""

    number: int
    hyperparameters: Values
    bars: Bars  # if it is worse than one, it is stopped there
    first: int  # trial whose seeds it has: itself, unless it goes on with another one's training
    before: TrialResult | None  # trial that it goes on from


def _new_oracle(spec: SearchSpec) -> kt.Oracle:
    tuner, space = spec.config, kt.HyperParameters()
    seed = seed_of(spec.seed, 0, 0)  # KerasTuner adds 1 for each value: seeds close by would share most trials
    spec.declare(space)
    with plugin_errors(tuner, "oracle"):
        oracle = tuner.oracle(space, kt.Objective(tuner.objective, tuner.direction), seed, spec.epochs)
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
        self._spec, self._config, self._oracle, self._events = spec, spec.config, _new_oracle(spec), events
        self._space = Space(spec.declare)
        self._config.declare(self._space, spec.epochs)
        self._known = {result.number: result for result in load_trials(spec.directory, self._fault_of)}
        known_s = sum(result.seconds for result in self._known.values())
        self._since, self._out_of_time = time.monotonic() - known_s / spec.config.workers, False
        self._results = dict[int, TrialResult]()
        self._bars = dict[int, Bars]()  # of each trial, as they were when it began
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
        with suppress(LookupError, ZeroDivisionError):  # other metrics, no epoch, or no execution
            best = score_of(self._config, result.history)
        if result.stopped and self._config.stop == "none":
            return "it was stopped, which tuner.stop=none never does"
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
                self._bars[number] = bars_for(self._config, self._results.values())
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

    def begin(self) -> Begun | None:
        """Begin a trial, or again a lost one; None if there is none for now."""
        number = self._repeated or min(self._waiting, default=None)
        if number is None:
            if self._is_out_of_time() or (trial := self._proposed()) is None:
                return None
            number = len(self._oracle.trials)
            self._journal.append("begun", number, trial.hyperparameters.values)
            self._bars[number] = bars_for(self._config, self._results.values())
        elif number not in self._waiting:
            return None
        self._waiting.discard(number)
        values = dict(self._trial(number).hyperparameters.values)
        self._events.trial_started(number, values)
        before = self._config.goes_on_from(values)
        first = first_of(self._config, number, values, self._results)
        return Begun(number, values, self._bars[number], first, self._results.get(before or 0))

    def _is_out_of_time(self) -> bool:
        """Return whether tuner.minutes is over, where there would be another trial."""
        minutes, trials = self._config.minutes, len(self._oracle.trials)
        over = minutes is not None and time.monotonic() - self._since >= 60 * minutes
        if over and trials != self._config.max_trials and not self._out_of_time:
            self._out_of_time = True
            log.info("tuner.minutes=%g is over: the search ends after trial %d; more extend it", minutes, trials)
        return self._out_of_time

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
        remove_needless(self._spec, self._results)
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
        if not (ranked := best_first(results, self._config.direction)):
            raise InputError(f"all {len(results)} trials failed, the last one with: {results[-1].failure}")
        # Hyperband's own entries (tuner/epochs, …) are no hyperparameters of a network.
        chosen = ranked[0].hyperparameters.items()
        values = {name: value for name, value in chosen if not name.startswith("tuner/")}
        reused = len(self._results.keys() & self._known.keys())
        return SearchResult(values, ranked[0].score, results, reused, self._out_of_time)


def score_of(config: TunerConfig, history: Sequence[Sequence[Logs]]) -> float:
    """Return the mean over executions of the best epoch's objective."""
    best = [best_so_far(config, each)[-1] for each in history]
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
        result = run_trial(spec, begun, train, events.epoch_ended)
        save_trial(spec.directory, result)
        ledger.end(result)
    return ledger.found()


def seed_of(seed: int, number: int, execution: int) -> int:
    """Return the seed of a trial's execution, the same in every run of a search; that of its oracle is 0, 0."""
    return int(np.random.SeedSequence([seed, number, execution]).generate_state(1)[0] >> 1)


def first_of(config: Tuner, number: int, values: Values, trials: Mapping[int, TrialResult]) -> int:
    """Return the trial with which the training of this one began: itself, unless it goes on from another."""
    before = config.goes_on_from(values)
    if before is None or before not in trials or before >= number:
        return number
    return first_of(config, before, trials[before].hyperparameters, trials)


def _start(spec: SearchSpec, begun: Begun, execution: int) -> tuple[list[Checkpoint], list[Logs]]:
    """Return the checkpoint that an execution trains with, where it takes one and is to, and the epochs before."""
    if spec.networks is None:
        return [], []
    if before := begun.before:
        anew = f"trial {begun.number}, which goes on from there, is trained from its beginning"
        found = load_checkpoint(spec.directory, before.number, execution, anew)
        if found and found.state:
            known = before.history[execution - 1]
            found.epochs, found.objective = len(known), best_so_far(spec.config, known)[-1]
            return [found], list(known)
    kept = spec.networks or spec.epochs_of(begun.hyperparameters) < spec.epochs
    return [Checkpoint()] if kept else [], []


class _Stopped(Exception):  # noqa: N818  # no error
    pass


def run_trial(spec: SearchSpec, begun: Begun, train: Trainer, report: Report) -> TrialResult:
    """Train each execution, with weights of its own, up to its last epoch or to the one in which it is stopped."""
    number, values, config, since = begun.number, begun.hyperparameters, spec.config, time.monotonic()
    history, failure, stopped = list[list[Logs]](), None, False
    epochs = spec.epochs_of(values)

    def after_epoch(epoch: int, logs: Logs) -> None:
        history[-1].append(logs)
        report(number, len(history), epoch, logs)
        if not math.isfinite(logs["loss"]):
            raise TrialFailure(f"the loss is not finite in epoch {epoch}")
        if falls_behind(config, begun.bars, history, epochs):
            raise _Stopped

    try:
        for execution in range(1, config.executions_per_trial + 1):
            checkpoint, known = _start(spec, begun, execution)
            history.append(known)
            seed = seed_of(spec.seed, begun.first, execution)
            train(values, execution, seed, epochs, after_epoch, *checkpoint)
            for each in checkpoint:
                state = each.state if epochs < spec.epochs else ()
                best = each.best if spec.networks and execution == 1 else ()
                save_checkpoint(spec.directory, number, execution, replace(each, state=state, best=best))
    except TrialFailure as error:
        failure = str(error)
    except _Stopped:
        stopped = True
    score = None if failure else score_of(config, history)
    if score is not None and not math.isfinite(score):
        score, failure, stopped = None, f"{config.objective} is not finite", False
    return TrialResult(number, values, history, score, failure, stopped, round(time.monotonic() - since, 3))
