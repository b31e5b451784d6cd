"""The chief of a search with many workers: it alone asks the oracle, keeps the ledger and tells the listeners.

Workers are KerasTuner's: they ask for trials through its OracleClient, and here its servicer answers.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import keras_tuner as kt
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from forcepos.tuning.ledger import STOPPED, Ledger, TrialListener, number_of
from forcepos.tuning.trials import Logs, TrialResult, Values, load_trial, save_trial

EXECUTION = "execution"  # among the metrics of a report, which of a trial's trainings it is about
_TIMES_LOST = 3  # so often a trial is lost with its worker before it counts as failed


class Told:
    """A listener that passes on to other listeners when the main thread comes to it: they may take their time."""

    def __init__(self, listeners: Sequence[TrialListener]) -> None:
        self._listeners = listeners
        self._waiting: queue.SimpleQueue[tuple[str, tuple[Any, ...]]] = queue.SimpleQueue()

    def trial_known(self, result: TrialResult) -> None:
        self._waiting.put(("trial_known", (result,)))

    def trial_started(self, number: int, hyperparameters: Values) -> None:
        self._waiting.put(("trial_started", (number, hyperparameters)))

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None:
        self._waiting.put(("epoch_ended", (number, execution, epoch, logs)))

    def trial_ended(self, result: TrialResult) -> None:
        self._waiting.put(("trial_ended", (result,)))

    def pass_on(self) -> None:
        """Tell the listeners all that has happened."""
        while not self._waiting.empty():
            name, arguments = self._waiting.get()
            for listener in self._listeners:
                getattr(listener, name)(*arguments)


class Chief:
    """Stands where KerasTuner's servicer expects an oracle. Called by the server's thread and the main thread."""

    def __init__(self, ledger: Ledger, directory: Path, listener: TrialListener) -> None:
        self._ledger, self._directory, self._listener = ledger, directory, listener
        self._lock = threading.RLock()
        self._heard: dict[str, float] = {}  # when each worker last said something
        self._lost: dict[int, int] = {}  # how often each trial was lost with its worker
        self._failure: Exception | None = None
        self._stopped = threading.Event()

    # --- what workers ask, through the servicer ---

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
        """A sign of life; with metrics, an epoch that ended."""
        with self._lock:
            trial = self._ledger.oracle.get_trial(trial_id)
            for worker, under_way in self._ledger.oracle.ongoing_trials.items():
                if under_way is trial:
                    self._heard[worker] = time.monotonic()
            logs = dict(metrics)
            if logs:
                self._listener.epoch_ended(number_of(trial), int(logs.pop(EXECUTION)), step, logs)
            return _without_space(trial)

    def end_trial(self, trial: kt.engine.trial.Trial) -> None:
        """The result lies in the search's directory by now: it is larger than what KerasTuner's messages hold."""
        with self._lock:
            result = load_trial(self._directory, number_of(trial))
            if result is not None:
                self._guarded(lambda: self._ledger.end(result))

    def _guarded(self, step: Callable[[], Any]) -> Any:
        """An error ends the search, not the server's thread: the main thread raises the first one."""
        if self._failure is None:
            try:
                return step()
            except Exception as error:  # noqa: BLE001  # whatever it is
                self._failure = error
        return None

    # --- what the main thread asks ---

    def raise_failure(self) -> None:
        """Raise what went wrong while a worker was answered."""
        if self._failure:
            raise self._failure

    @property
    def stopped(self) -> bool:
        """Whether a worker was told that nothing is left to do."""
        return self._stopped.is_set()

    def knows(self, worker: str) -> bool:
        """Whether the worker has asked for a trial since it was last lost."""
        with self._lock:
            return worker in self._heard

    def silent_workers(self, seconds: float) -> list[str]:
        """Workers at trials that have not said anything for so long."""
        with self._lock:
            now = time.monotonic()
            at_trials = self._ledger.oracle.ongoing_trials
            return [worker for worker in at_trials if now - self._heard[worker] > seconds]

    def waiting_workers(self) -> list[str]:
        """Workers that have not heard yet that nothing is left to do."""
        with self._lock:
            return list(self._heard)

    def lost(self, worker: str, reason: str) -> int | None:
        """A worker is gone: its trial goes to another one; the trial's number, None where it was at none.

        A result that it left counts; a trial that is lost again and again is taken to be the reason, and failed.
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
    """A trial as it is sent: KerasTuner prints the conditions of a space that it sends; no worker needs them."""
    values = kt.HyperParameters()
    values.values = dict(trial.hyperparameters.values)
    return kt.engine.trial.Trial(values, trial.trial_id, trial.status)


@contextmanager
def served(chief: Chief) -> Iterator[int]:
    """Answer workers on this machine, and no others, while the context is open; the port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    protos.get_service_grpc().add_OracleServicer_to_server(OracleServicer(chief), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait(5)
