"""One search, many workers: processes of this machine, watched, and replaced when they are gone."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import keras_tuner as kt

from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.resources import jobs_at_once
from forcepos.tuning.ledger import SearchResult, TrialListener
from forcepos.tuning.search import open_ledger
from forcepos.tuning.workers.chief import Chief, Told, served
from forcepos.tuning.workers.process import Job, start_worker
from forcepos.tuning.workers.slurm import Tasks, tell_port, wait_for_port

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_SILENT_S = 60.0  # a worker at a trial that gives no sign of life for longer is gone
_START_S = 600.0  # so long a worker may take to ask for its first trial
_END_S = 30.0  # so long workers may take to end
_USELESS = 3  # so many workers that end without a trial end the search


def search_with_workers(
    job: Job,
    declare: Callable[[kt.HyperParameters], None],
    listeners: Sequence[TrialListener],
    tasks: Tasks | None = None,
) -> SearchResult:
    """As `forcepos.tuning.search.search`, with `tuner.workers` processes that do trials at the same time.

    Args:
        tasks: the other tasks of a Slurm step are the workers, but for one that is started here.

    Raises:
        InputError: as there; and when workers end again and again without having done a trial.
    """
    config = job.config
    told = Told(listeners)
    opened = open_ledger(config.tuner, declare, job.directory, config.seed, config.training.epochs, [told])
    with opened as ledger:
        chief = Chief(ledger, job.directory, told)
        with served(chief) as port, _crew(1 if tasks else config.tuner.workers, job, port) as crew:
            if tasks:
                tell_port(tasks, job.directory, port)
            while not chief.stopped:
                crew.look_after(chief)
                told.pass_on()
                chief.raise_failure()
                stop_if_asked()
                time.sleep(_LOOK_S)
            crew.wait(chief)
        told.pass_on()
        chief.raise_failure()
        return ledger.found()


def join_search(job: Job, tasks: Tasks) -> None:
    """Be a worker of the chief that is task 0 of the Slurm step."""
    port = wait_for_port(tasks, job.directory)
    if port is not None:
        log.info("a worker of the search in %s", job.directory)
        job.work(f"task_{tasks.rank}", port)


class _Crew:
    """The workers that this process has started, and an eye on those that it has not."""

    def __init__(self, count: int, job: Job, port: int) -> None:
        self._start = partial(start_worker, job, count * jobs_at_once(), port=port)
        self._folder: Path = job.folder
        self._useless = 0
        names = [f"worker_{number}" for number in range(1, count + 1)]
        self._began = dict.fromkeys(names, time.monotonic())
        self._processes = {name: self._start(name=name) for name in names}

    def look_after(self, chief: Chief) -> None:
        """Replace workers that are gone; give the trials of others to the next who asks."""
        for name, process in self._processes.items():
            reason = self._trouble(name, process, chief)
            if reason and not chief.stopped:
                self._replace(name, reason, chief)
        for name in chief.silent_workers(_SILENT_S):
            if name not in self._processes:
                self._tell_lost(name, f"was silent for {_SILENT_S:.0f} s", chief)

    def _trouble(self, name: str, process: BaseProcess, chief: Chief) -> str | None:
        if process.exitcode is not None:
            return _ended(process.exitcode)
        if not chief.knows(name) and time.monotonic() - self._began[name] > _START_S:
            return f"did not ask for a trial within {_START_S:.0f} s"
        if name in chief.silent_workers(_SILENT_S):
            return f"was silent for {_SILENT_S:.0f} s"
        return None

    def _replace(self, name: str, reason: str, chief: Chief) -> None:
        process = self._processes[name]
        process.kill()
        process.join(_END_S)
        self._useless += self._tell_lost(name, reason, chief) is None
        if self._useless >= _USELESS:
            raise InputError(
                f"{self._useless} workers ended before they did a trial, the last one {reason}: "
                f"see {self._folder / name}.log"
            )
        self._began[name] = time.monotonic()
        self._processes[name] = self._start(name=name)

    def _tell_lost(self, name: str, reason: str, chief: Chief) -> int | None:
        number = chief.lost(name, reason)
        place = f"; trial {number} is given to the next one" if number else ""
        log.warning("%s %s%s", name.replace("_", " "), reason, place)
        return number

    def wait(self, chief: Chief) -> None:
        """Until all have heard that nothing is left to do, for a while."""
        deadline = time.monotonic() + _END_S
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))
        while chief.waiting_workers() and time.monotonic() < deadline:
            time.sleep(_LOOK_S)

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
def _crew(count: int, job: Job, port: int) -> Iterator[_Crew]:
    crew = _Crew(count, job, port)
    try:
        yield crew
    finally:
        crew.end()


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
