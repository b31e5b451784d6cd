"""The ledger of a search: beginnings and endings of trials, for its oracle and in a journal to resume from.

An oracle that receives the same beginnings and endings of trials in the same order proposes the same trials,
whatever its algorithm. So a resumed search, with one process or with many, needs nothing but the journal and
the finished trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras_tuner as kt

from forcepos.runtime.errors import InputError
from forcepos.tuning.events import Events
from forcepos.tuning.spec import SearchSpec
from forcepos.tuning.trials import Journal, TrialResult, Values, load_trials

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
        self._config, self._events = spec.config, events
        self._results: dict[int, TrialResult] = {}
        self._journal = Journal(spec.directory)
        self._replay({result.number: result for result in load_trials(spec.directory)})
        self._reused = len(self._results)

    # --- what an earlier process left ---

    def _replay(self, known: Mapping[int, TrialResult]) -> None:
        """Replay the journal to the oracle; trials that began and did not end are handed out next."""
        begun: dict[int, Values] = {}
        for kind, number, values in self._journal.events(known):
            if kind == "begun":
                trial = self.oracle.create_trial(f"trial {number}")
                if trial.status != RUNNING:
                    break  # tuner.max_trials is smaller than it was
                trial.hyperparameters.values = dict(values)
                begun[number] = values
            elif number in begun:
                self._events.trial_known(known[number])
                self._close(known[number])
        for number in sorted(begun.keys() - self._results.keys(), reverse=True):
            self.requeue(f"trial {number}")

    # --- trials begin and end ---

    def begin(self, worker: str) -> kt.engine.trial.Trial:
        """Return the next trial for `worker`, or the one that it works on already.

        Its status is RUNNING; IDLE if the worker should ask again later; STOPPED if nothing is left to do.
        """
        under_way = self.number_of(worker)
        trial = self.oracle.create_trial(worker)
        number = len(self.oracle.trials)
        if trial.status == STOPPED and self.oracle.ongoing_trials:
            trial.status = IDLE  # a worker that is busy may be lost
        if trial.status != RUNNING or under_way:
            return trial
        if number_of(trial) == number and not self._journal.knows(number):
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


def number_of(trial: kt.engine.trial.Trial) -> int:
    """Return 1, 2, 3, … in the order in which trials began."""
    return int(trial.trial_id) + 1
