"""The ledger of a search: beginnings and endings of trials, for its oracle and in a journal to resume from.

An oracle that receives the same beginnings and endings of trials in the same order proposes the same trials,
whatever its algorithm. So a resumed search, with one process or with many, needs nothing but the journal and
the finished trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import keras_tuner as kt

from forcepos.config.schema import TunerConfig
from forcepos.runtime.errors import InputError
from forcepos.tuning.events import Events
from forcepos.tuning.space import Space
from forcepos.tuning.spec import SearchSpec
from forcepos.tuning.trial_run import score_of
from forcepos.tuning.trials import Journal, TrialResult, Values, load_trials, set_aside

RUNNING, IDLE, STOPPED = "RUNNING", "IDLE", "STOPPED"  # KerasTuner's status of a requested trial


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search.

    Attributes:
        best: hyperparameters of the best trial.
        score: its objective, None where there was no search.
        trials: all that are finished, by number, failed ones included; none where there was no search.
        reused: how many of them were there before this run.
    """

    best: Values
    score: float | None
    trials: Sequence[TrialResult]
    reused: int

    @property
    def counts(self) -> dict[str, str]:
        """The numbers of trials, as tags of the run."""
        return {"search.trials": str(len(self.trials)), "search.reused_trials": str(self.reused)}


class Ledger:
    """The one place that knows a search's trials. Not safe for threads."""

    def __init__(self, spec: SearchSpec, oracle: kt.Oracle, events: Events) -> None:
        self.oracle = oracle
        self._config, self._directory, self._events = spec.config, spec.directory, events
        self._results: dict[int, TrialResult] = {}
        self._reused = 0
        found = load_trials(spec.directory, partial(_fault_of, spec.config, spec.space))
        self._known = {result.number: result for result in found}
        self._journal = Journal(spec.directory, spec.space, set(self._known))
        self._past = self._journal.events()
        self._repeated: int | None = None  # the trial that the replay waits for
        self._replay()

    # --- what an earlier process left ---

    def _replay(self) -> None:
        """Replay the journal to the oracle; trials that began and did not end are handed out next.

        Where the result of a trial that ended is lost, the replay waits until it is done again, and nothing else
        is handed out: what the oracle proposed afterwards may depend on it.
        """
        self._repeated = None
        for kind, number in self._past:
            if kind == "begun":
                if not self._begin_again(number):
                    break  # tuner.max_trials is smaller than it was
            elif number in self._known:
                self._reused += 1
                self._events.trial_known(self._known[number])
                self._close(self._known[number])
            else:
                self._repeated = number
                self.requeue(f"trial {number}")
                return
        for worker in reversed(list(self.oracle.ongoing_trials)):
            if worker.startswith("trial "):
                self.requeue(worker)

    def _begin_again(self, number: int) -> bool:
        trial = self.oracle.create_trial(f"trial {number}")
        if trial.status != RUNNING:
            return False
        begun, proposed = self._journal.begun_with(number), trial.hyperparameters.values
        result = self._known.get(number)
        if result and begun and result.hyperparameters not in (begun, proposed):
            set_aside(self._directory, number, "its hyperparameters are not those of the journal")
            del self._known[number]
            result = None
        trial.hyperparameters.values = dict(result.hyperparameters if result else begun or proposed)
        return True

    # --- trials begin and end ---

    def begin(self, worker: str) -> kt.engine.trial.Trial:
        """Return the next trial for `worker`, or the one that it works on already.

        Its status is RUNNING; IDLE if the worker should ask again later; STOPPED if nothing is left to do.
        """
        under_way = self.number_of(worker)
        if self._repeated and not under_way and not self.oracle._retry_queue:  # noqa: SLF001  # as in `requeue`
            return kt.engine.trial.Trial(kt.HyperParameters(), status=IDLE)
        trial = self.oracle.create_trial(worker)
        number = len(self.oracle.trials)
        if trial.status == STOPPED and self.oracle.ongoing_trials:
            trial.status = IDLE  # a worker that is busy may be lost
        if trial.status != RUNNING or under_way:
            return trial
        if number_of(trial) == number and self._journal.begun_with(number) is None:
            self._journal.begun(number, trial.hyperparameters.values)
        self._events.trial_started(number_of(trial), dict(trial.hyperparameters.values))
        return trial

    def number_of(self, worker: str) -> int | None:
        """Return the number of the trial that `worker` works on, None if it has none."""
        trial = self.oracle.ongoing_trials.get(worker)
        return number_of(trial) if trial else None

    def requeue(self, worker: str) -> None:
        """Hand out the trial of `worker` again, before any new one."""
        trial = self.oracle.ongoing_trials.pop(worker)
        self.oracle._retry_queue.append(trial.trial_id)  # noqa: SLF001  # KerasTuner's own queue, without a door

    def end(self, result: TrialResult) -> None:
        """Record a trial's result; nothing happens if it was recorded before.

        Raises:
            InputError: `max_failures` trials failed.
        """
        if result.number in self._results:
            return
        self._journal.ended(result.number)
        self._events.trial_ended(result)
        self._close(result)
        if result.number == self._repeated:
            self._replay()

    def _close(self, result: TrialResult) -> None:
        self._results[result.number] = result
        failed = [trial for trial in self._results.values() if trial.score is None]
        if len(failed) >= self._config.max_failures:
            raise InputError(
                f"{len(failed)} of {len(self._results)} trials failed, the last one with: {failed[-1].failure}; "
                "raise tuner.max_failures to continue all the same"
            )
        trial = next(trial for trial in self.oracle.trials.values() if number_of(trial) == result.number)
        trial.hyperparameters.values = dict(result.hyperparameters)
        if result.score is None:
            trial.status, trial.message = "FAILED", result.failure
        else:
            trial.status = "COMPLETED"
            self.oracle.update_trial(trial.trial_id, {self.oracle.objective.name: result.score})
        self.oracle.end_trial(trial)

    def found(self) -> SearchResult:
        """Return the best of all trials.

        Raises:
            InputError: every trial failed.
        """
        results = [self._results[number] for number in sorted(self._results)]
        scored = [(result.score, result) for result in results if result.score is not None]
        if not scored:
            raise InputError(f"all {len(results)} trials failed, the last one with: {results[-1].failure}")
        pick = min if self._config.direction == "min" else max
        score, best = pick(scored, key=lambda pair: pair[0])
        # Hyperband's own entries (tuner/epochs, …) are no hyperparameters of a network.
        values = {name: value for name, value in best.hyperparameters.items() if not name.startswith("tuner/")}
        return SearchResult(values, score, results, self._reused)


def _fault_of(config: TunerConfig, space: Space, result: TrialResult) -> str | None:
    """Say why a result that was read cannot be one of this search; None if it can."""
    fault = space.fault_of(result.hyperparameters)
    if fault:
        return fault
    if len({frozenset(logs) for execution in result.history for logs in execution}) > 1:
        return "its epochs have different metrics"
    try:
        scored = result.score in (None, score_of(config, result.history))
    except (KeyError, ValueError, ZeroDivisionError):  # no execution, no epoch, or other metrics
        scored = result.score is None
    return None if scored else f"its score is not the best {config.objective} of its history"


def number_of(trial: kt.engine.trial.Trial) -> int:
    """Return 1, 2, 3, … in the order in which trials began."""
    return int(trial.trial_id) + 1
