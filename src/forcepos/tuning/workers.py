"""A search with many workers: processes of this machine that train its trials, replaced when they are lost.

The main process keeps the ledger and emits events; it trains nothing. Through a pipe of its own, each worker
receives a trial that begins. It sends epochs' logs, and None when the trial's file is written.
"""

import logging
import multiprocessing
import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from forcepos.models.problem import Problem
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import end_promptly, end_with_parent, stop_if_asked
from forcepos.runtime.resources import jobs_at_once
from forcepos.tuning.search import Begun, Ledger, SearchResult, Trainer, run_trial
from forcepos.tuning.trials import Events, TrialResult, load_trial, save_trial
from forcepos.tuning.tuner import SearchSpec

log = logging.getLogger(__name__)
_READY = "ready"  # the first message of a worker, which gets the search for an answer
_LOOK_S = 0.2
_END_S = 30.0  # so long a process may take to end
_TIMES_LOST = 3  # so often a trial is lost with its worker before it has failed, or workers before any trial


@dataclass(frozen=True)
class SharedSearch:
    spec: SearchSpec
    problem: Problem
    folder: Path  # the run's, for the workers' logs

    def start(self, number: int, pipe: Connection) -> BaseProcess:
        # Not forked: TensorFlow's threads do not survive that. What is large is sent once the process asks for it:
        # as an argument, it would block this one for ever where the new one ends before it has read it all.
        if multiprocessing.get_start_method() not in multiprocessing.get_all_start_methods():
            multiprocessing.set_start_method("spawn", force=True)  # joblib's own, which the new one would not find
        job = partial(_work, self.folder, number, jobs_at_once(), pipe)
        process = multiprocessing.get_context("spawn").Process(target=end_promptly, args=(job,))
        process.start()
        return process


class _Worker:
    def __init__(self, shared: SharedSearch, number: int) -> None:
        self.name, self.free = f"worker {number}", False
        self.trial: Begun | None = None
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = shared.start(number, theirs)
        theirs.close()

    def send(self, message: Any) -> None:
        with suppress(OSError):  # it is lost, as the pool will notice
            self.pipe.send(message)

    def end(self, patience_s: float = 0) -> str:
        """Let the process end by itself for a while, then kill it; say how it ended."""
        self.process.join(patience_s)
        self.process.kill()
        self.process.join(_END_S)
        code = self.process.exitcode or 0
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


class WorkerPool:
    """Processes, `tuner.workers` of them, that do the trials of a search in parallel."""

    def __init__(self, shared: SharedSearch, events: Events) -> None:
        self._shared, self._events, self._directory = shared, events, shared.spec.directory
        self._ledger = Ledger(shared.spec, events)
        self._workers: dict[int, _Worker] = {}
        self._lost = Counter[int | None]()  # how often each trial was lost; None: a worker without one

    def search(self) -> SearchResult:
        """Search as `forcepos.tuning.search.search` does; an InputError, too, if no worker lives to do a trial."""
        try:
            for number in range(1, self._shared.spec.config.workers + 1):
                self._workers[number] = _Worker(self._shared, number)
            while self._hand_out():
                self._supervise()
                stop_if_asked()
        finally:
            for worker in self._workers.values():
                worker.end()
        return self._ledger.found()

    def _supervise(self) -> None:
        """Receive a message of each worker that has sent one, and replace those that are lost."""
        sent = wait([worker.pipe for worker in self._workers.values()], _LOOK_S)
        for number, worker in self._workers.items():
            try:
                message = worker.pipe.recv() if worker.pipe in sent else ()
            except (EOFError, OSError):
                self._take_back(worker, worker.end(_END_S))  # it has closed its pipe
                self._workers[number] = _Worker(self._shared, number)
                continue
            if message == _READY:
                worker.send(self._shared)
            elif isinstance(message, InputError):
                raise message
            elif message is None:
                self._close_trial(worker)
                worker.free = True
            elif message and worker.trial:
                self._events.epoch_ended(worker.trial.number, *message)

    def _close_trial(self, worker: _Worker) -> None:
        """Record the result that a worker has left; without one, its trial is handed out again."""
        if worker.trial and (result := load_trial(self._directory, worker.trial.number)):
            self._ledger.end(result)
        elif worker.trial:
            self._ledger.requeue(worker.trial.number)
        worker.trial = None

    def _hand_out(self) -> bool:
        """Give trials to free workers; return False when there are none and none is under way: the search ends."""
        for worker in (workers := [*self._workers.values()]):
            if worker.free and (trial := self._ledger.begin()):
                worker.free, worker.trial = False, trial
                worker.send(trial)
        return any(worker.trial for worker in workers) or not any(worker.free for worker in workers)

    def _take_back(self, worker: _Worker, reason: str) -> None:
        """Take back the trial of a lost worker; one that is lost again and again is taken to be the reason."""
        number = worker.trial.number if worker.trial else None
        self._lost[number] += 1
        again = self._lost[number] >= _TIMES_LOST
        if number is None and again:
            ended = f"{_TIMES_LOST} workers ended before they did a trial, the last one {reason}"
            raise InputError(f"{ended}: see {self._shared.folder / worker.name.replace(' ', '_')}.log")
        requeued = f"; trial {number} is handed to the next one" if number else ""
        log.warning("%s %s%s", worker.name, reason, requeued)
        if worker.trial and number and again and not load_trial(self._directory, number):
            failure = f"its worker was lost {_TIMES_LOST} times, the last one {reason}"
            save_trial(self._directory, TrialResult(number, worker.trial.hyperparameters, [], None, failure))
        self._close_trial(worker)


def _work(folder: Path, number: int, jobs: int, pipe: Connection) -> None:
    end_with_parent()  # one that was killed could not end it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the main one ends this one
    with (folder / f"worker_{number}.log").open("a") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    pipe.send(_READY)
    shared: SharedSearch = pipe.recv()
    config = shared.problem.config
    try:
        use_device(config.training, config.tuner.workers * jobs, number - 1)
        work(shared.spec, NetworkTrainer(shared.problem, folder).execute, pipe)
    except InputError as error:
        pipe.send(error)


def work(spec: SearchSpec, train: Trainer, pipe: Connection) -> None:
    """Do the trials that arrive; their results go to `spec.directory`."""
    while True:
        pipe.send(None)
        begun: Begun = pipe.recv()
        save_trial(spec.directory, run_trial(spec, begun, train, lambda _, *epoch: pipe.send(epoch)))
