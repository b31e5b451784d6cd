"""One search, many workers: the processes of one machine, watched, and replaced when they are gone."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import keras_tuner as kt

from forcepos.config import Config
from forcepos.errors import InputError
from forcepos.interruption import stop_if_asked
from forcepos.models.device import use_device
from forcepos.models.preparation import TrainingData
from forcepos.models.tasks import Task
from forcepos.models.trainer import NetworkTrainer
from forcepos.tuning.chief import Chief, Told, served
from forcepos.tuning.ledger import Found, TrialListener
from forcepos.tuning.search import open_ledger
from forcepos.tuning.worker import work

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_SILENT_S = 60.0  # a worker at a trial that gives no sign of life for longer is replaced
_START_S = 600.0  # so long a worker may take to ask for its first trial
_END_S = 30.0  # so long a worker may take to end
_USELESS = 3  # so many workers that end without a trial end the search


@dataclass(frozen=True)
class Job:
    """What a worker needs to know, the same for all."""

    config: Config
    task: Task
    data: TrainingData
    folder: Path  # the run's, for the workers' words
    directory: Path  # the search's


def search_with_workers(
    job: Job, declare: Callable[[kt.HyperParameters], None], listeners: Sequence[TrialListener]
) -> Found:
    """As `forcepos.tuning.search.search`, with `tuner.workers` processes that do trials at the same time.

    Raises:
        InputError: as there; and when workers end again and again without having done a trial.
    """
    config = job.config
    told = Told(listeners)
    opened = open_ledger(config.tuner, declare, job.directory, config.seed, config.training.epochs, [told])
    with opened as ledger:
        chief = Chief(ledger, job.directory, told)
        with served(chief) as port, _crew(job, port) as crew:
            while not chief.stopped:
                crew.look_after(chief)
                told.pass_on()
                chief.raise_failure()
                stop_if_asked()
                time.sleep(_LOOK_S)
            crew.wait()
        told.pass_on()
        chief.raise_failure()
        return ledger.found()


class _Crew:
    def __init__(self, job: Job, port: int) -> None:
        self._start = partial(_start, job, port)
        self._folder = job.folder
        self._useless = 0
        names = [f"worker_{number}" for number in range(1, job.config.tuner.workers + 1)]
        self._began = dict.fromkeys(names, time.monotonic())
        self._processes = {name: self._start(name) for name in names}

    def look_after(self, chief: Chief) -> None:
        """Replace workers that are gone."""
        for name, process in self._processes.items():
            reason = self._trouble(name, process, chief)
            if reason and not chief.stopped:
                self._replace(name, reason, chief)

    def _trouble(self, name: str, process: BaseProcess, chief: Chief) -> str | None:
        if process.exitcode is not None:
            return _ended(process.exitcode)
        silent = chief.silent_for(name)
        if silent is None and time.monotonic() - self._began[name] > _START_S:
            return f"did not ask for a trial within {_START_S:.0f} s"
        if silent is not None and silent > _SILENT_S and name in chief.workers_at_trials():
            return f"was silent for {_SILENT_S:.0f} s"
        return None

    def _replace(self, name: str, reason: str, chief: Chief) -> None:
        process = self._processes[name]
        process.kill()
        process.join(_END_S)
        number = chief.lost(name, reason)
        place = f"; trial {number} is given to another one" if number else ""
        log.warning("%s %s%s", name.replace("_", " "), reason, place)
        self._useless += number is None
        if self._useless >= _USELESS:
            raise InputError(
                f"{self._useless} workers ended before they did a trial, the last one {reason}: "
                f"see {self._folder / name}.log"
            )
        self._began[name] = time.monotonic()
        self._processes[name] = self._start(name)

    def wait(self) -> None:
        """Until all have ended by themselves, for a while."""
        deadline = time.monotonic() + _END_S
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))

    def end(self) -> None:
        """Let none outlive the search."""
        for process in self._processes.values():
            if process.is_alive():
                process.terminate()
        for process in self._processes.values():
            process.join(_END_S)
            if process.is_alive():
                process.kill()


@contextmanager
def _crew(job: Job, port: int) -> Iterator[_Crew]:
    crew = _Crew(job, port)
    try:
        yield crew
    finally:
        crew.end()


def _start(job: Job, port: int, name: str) -> BaseProcess:
    # Not forked: TensorFlow's threads do not survive that.
    process = multiprocessing.get_context("spawn").Process(target=_worker, args=(job, port, name), name=name)
    process.start()
    return process


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _worker(job: Job, port: int, name: str) -> None:
    """What a worker's process does."""
    _end_with_chief()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the chief ends us when it has to
    _speak_into(job.folder / f"{name}.log")
    config = job.config
    use_device(config.training, config.tuner.workers)
    trainer = NetworkTrainer(config, job.task, job.data, job.folder)
    try:
        work(config.tuner, trainer.trial, job.directory, config.seed, config.training.epochs, name, port)
    except InputError as error:
        sys.exit(f"error: {error}")


def _end_with_chief() -> None:
    """A chief that was killed cannot end us."""
    chief = multiprocessing.parent_process()
    if chief is None:
        raise RuntimeError("a worker's process must be started by its chief")

    def watch() -> None:
        chief.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _speak_into(path: Path) -> None:
    """Standard output and standard error go to a file of the worker's own."""
    file = path.open("a")
    for stream in (1, 2):
        os.dup2(file.fileno(), stream)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
