"""The workers of a search: processes of this machine, supervised, and replaced when they are lost."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.tuning.events import EventQueue, Events
from forcepos.tuning.ledger import SearchResult
from forcepos.tuning.search import open_ledger
from forcepos.tuning.workers.chief import Chief, served
from forcepos.tuning.workers.process import SharedSearch, Worker

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_SILENT_S = 60.0  # a worker with a trial that is silent for longer is lost
_START_S = 600.0  # so long a worker may take to ask for its first trial
_END_S = 30.0  # so long workers may take to end
_USELESS = 3  # so many workers that end without a trial end the search


def search_with_workers(shared: SharedSearch, events: Events) -> SearchResult:
    """Search as `forcepos.tuning.search.search` does, with `tuner.workers` processes that do trials in parallel.

    Raises:
        InputError: as there; and when workers end again and again without having done a trial.
    """
    waiting = EventQueue(events)
    with open_ledger(shared.spec, waiting) as ledger:
        chief = Chief(ledger, shared.spec.directory, waiting)
        with served(chief) as port, _worker_pool(shared, port) as pool:
            while not chief.stopped:
                pool.supervise(chief)
                waiting.deliver()
                chief.raise_failure()
                stop_if_asked()
                time.sleep(_LOOK_S)
            pool.wait()
        waiting.deliver()
        chief.raise_failure()
        return ledger.found()


class WorkerPool:
    """The workers' processes."""

    def __init__(self, shared: SharedSearch, port: int) -> None:
        count = shared.spec.config.workers
        self._folder = shared.folder
        self._useless = 0
        self._workers = [Worker(shared, number, count, port) for number in range(1, count + 1)]
        self._began = {worker.name: time.monotonic() for worker in self._workers}
        self._processes = {worker.name: worker.start() for worker in self._workers}

    def supervise(self, chief: Chief) -> None:
        """Replace workers that are lost."""
        for worker in self._workers:
            reason = self._trouble(worker.name, chief)
            if reason and not chief.stopped:
                self._replace(worker, reason, chief)

    def _trouble(self, name: str, chief: Chief) -> str | None:
        exit_code = self._processes[name].exitcode
        if exit_code is not None:
            return _ended(exit_code)
        if not chief.knows(name) and time.monotonic() - self._began[name] > _START_S:
            return f"did not ask for a trial within {_START_S:.0f} s"
        if name in chief.silent_workers(_SILENT_S):
            return f"was silent for {_SILENT_S:.0f} s"
        return None

    def _replace(self, worker: Worker, reason: str, chief: Chief) -> None:
        process = self._processes[worker.name]
        process.kill()
        process.join(_END_S)
        trial = chief.lost(worker.name, reason)
        requeued = f"; trial {trial} is handed to the next one" if trial else ""
        log.warning("%s %s%s", worker.name.replace("_", " "), reason, requeued)
        self._useless += trial is None
        if self._useless >= _USELESS:
            raise InputError(
                f"{self._useless} workers ended before they did a trial, the last one {reason}: "
                f"see {self._folder / worker.name}.log"
            )
        self._began[worker.name] = time.monotonic()
        self._processes[worker.name] = worker.start()

    def wait(self) -> None:
        """Wait until all have heard that nothing is left to do, for a while."""
        deadline = time.monotonic() + _END_S
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))

    def end(self) -> None:
        """End all processes: none may outlive the search."""
        for process in self._processes.values():
            if process.is_alive():
                process.terminate()
        for process in self._processes.values():
            process.join(_END_S)
            if process.is_alive():
                process.kill()


@contextmanager
def _worker_pool(shared: SharedSearch, port: int) -> Iterator[WorkerPool]:
    pool = WorkerPool(shared, port)
    try:
        yield pool
    finally:
        pool.end()


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
