"""The chief of a search with many workers: it alone asks the oracle, keeps the ledger and emits events.

Workers are KerasTuner's: they ask for trials through its OracleClient, and here its servicer answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import keras_tuner as kt
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from forcepos.tuning.events import Events
from forcepos.tuning.ledger import STOPPED, Ledger, number_of
from forcepos.tuning.trials import TrialResult, load_trial, save_trial

EXECUTION = "execution"  # among the metrics of a report, the execution of the trial
_TIMES_LOST = 3  # so often a trial is lost with its worker before it counts as failed


class Chief:
    """Stands where KerasTuner's servicer expects an oracle. Called by the server's thread and the main thread."""

    def __init__(self, ledger: Ledger, directory: Path, events: Events) -> None:
        self._ledger, self._directory, self._events = ledger, directory, events
        self._lock = threading.RLock()
        self._heard: dict[str, float] = {}  # when each worker last sent something
        self._lost: dict[int, int] = {}  # how often each trial was lost with its worker
        self._failure: Exception | None = None
        self._stopped = threading.Event()

    # --- called by workers, through the servicer ---

    def create_trial(self, worker: str) -> kt.engine.trial.Trial:
        with self._lock:
            self._heard[worker] = time.monotonic()
            trial = self._guarded(lambda: self._ledger.begin(worker))
            if trial is None or trial.status == STOPPED:
                self._stopped.set()
                del self._heard[worker]
                return kt.engine.trial.Trial(kt.HyperParameters(), status=STOPPED)
            return _without_space(trial)

    def update_trial(self, trial_id: str, metrics: Any, step: int = 0) -> kt.engine.trial.Trial:
        """Receive a sign of life; with metrics, an epoch that ended."""
        with self._lock:
            trial = self._ledger.oracle.get_trial(trial_id)
            for worker, under_way in self._ledger.oracle.ongoing_trials.items():
                if under_way is trial:
                    self._heard[worker] = time.monotonic()
            logs = dict(metrics)
            if logs:
                self._events.epoch_ended(number_of(trial), int(logs.pop(EXECUTION)), step, logs)
            return _without_space(trial)

    def end_trial(self, trial: kt.engine.trial.Trial) -> None:
        """Record a result from the search's directory: it is larger than KerasTuner's messages may be."""
        with self._lock:
            result = load_trial(self._directory, number_of(trial))
            if result is not None:
                self._guarded(lambda: self._ledger.end(result))

    def _guarded(self, step: Callable[[], Any]) -> Any:
        """Call `step`; an error ends the search, not the server's thread: the main thread raises the first one."""
        if self._failure is None:
            try:
                return step()
            except Exception as error:  # noqa: BLE001  # whatever it is
                self._failure = error
        return None

    # --- called by the main thread ---

    def raise_failure(self) -> None:
        """Raise the error that came while a worker was answered, if any."""
        if self._failure:
            raise self._failure

    @property
    def stopped(self) -> bool:
        """Whether a worker has heard that nothing is left to do."""
        return self._stopped.is_set()

    def knows(self, worker: str) -> bool:
        """Whether the worker has asked for a trial since it was last lost."""
        with self._lock:
            return worker in self._heard

    def silent_workers(self, seconds: float) -> list[str]:
        """Return the workers with trials that have been silent for so long."""
        with self._lock:
            now = time.monotonic()
            at_trials = self._ledger.oracle.ongoing_trials
            return [worker for worker in at_trials if now - self._heard[worker] > seconds]

    def lost(self, worker: str, reason: str) -> int | None:
        """Hand a lost worker's trial to another one; return the trial's number, None if it had none.

        A result that it left counts; a trial that is lost again and again is taken to be the reason, and fails.
        """
        with self._lock:
            self._heard.pop(worker, None)
            number = self._ledger.number_of(worker)
            if number is None:
                return None
            self._lost[number] = self._lost.get(number, 0) + 1
            result = load_trial(self._directory, number)
            if result is None and self._lost[number] >= _TIMES_LOST:
                values = dict(self._ledger.oracle.ongoing_trials[worker].hyperparameters.values)
                failure = f"its worker was lost {_TIMES_LOST} times, the last one {reason}"
                result = TrialResult(number, values, [], None, failure)
                save_trial(self._directory, result)
            if result:
                self._ledger.end(result)
            else:
                self._ledger.requeue(worker)
            return number


def _without_space(trial: kt.engine.trial.Trial) -> kt.engine.trial.Trial:
    """Strip a trial before it is sent: KerasTuner prints the conditions of a space; no worker needs them."""
    values = kt.HyperParameters()
    values.values = dict(trial.hyperparameters.values)
    return kt.engine.trial.Trial(values, trial.trial_id, trial.status)


@contextmanager
def served(chief: Chief) -> Iterator[int]:
    """Answer workers on this machine, and no others, while the context is open; yield the port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    protos.get_service_grpc().add_OracleServicer_to_server(OracleServicer(chief), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait(5)
