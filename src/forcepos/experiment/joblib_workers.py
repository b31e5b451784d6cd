"""Workers for `hydra/launcher=joblib`, of which one that is killed costs its own job only.

By themselves, joblib's workers are one pool, which kills the others when one ends unexpectedly. Here, each is a
pool of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import ParallelBackendBase

from forcepos.experiment.sweep_job import lost_job
from forcepos.runtime.resources import joblib_workers

_IDLE_S = 300  # a worker that is idle for longer ends and frees its memory, as joblib's own do

_free: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()  # kept from one batch of jobs to the next
_all: list[ProcessPoolExecutor] = []


class IsolatedWorkers(ParallelBackendBase):  # type: ignore[misc]
    """A backend for joblib."""

    supports_retrieve_callback = True

    def effective_n_jobs(self, n_jobs: int) -> int:
        return max(2, joblib_workers(n_jobs))  # told of one, joblib does the jobs in this process

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        self.parallel, count = parallel, joblib_workers(n_jobs)
        self._threads, self._env = ThreadPoolExecutor(count), self._prepare_worker_env(count)
        for _number in range(len(_all), count):
            self._add_worker()
        return self.effective_n_jobs(n_jobs)

    def submit(self, func: Any, callback: Callable[[Future[Any]], object]) -> Future[Any]:
        future = self._threads.submit(self._do, func)
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        return out.result()

    def abort_everything(self, **_: Any) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in _all:
            worker.shutdown(kill_workers=True)

    def terminate(self) -> None:
        self._threads.shutdown(wait=False)

    def _add_worker(self) -> None:
        worker = ProcessPoolExecutor(1, timeout=_IDLE_S, env=self._env)  # its process starts with its first job
        _all.append(worker)
        _free.put(worker)

    def _do(self, jobs: Any) -> Any:
        worker = _free.get()  # there are as many as threads
        try:
            result = worker.submit(jobs).result()
        except (TerminatedWorkerError, KeyboardInterrupt, SystemExit):  # killed, or asked to end
            self._add_worker()
            worker.shutdown(kill_workers=True)
            return [lost_job(number, overrides) for _, (number, overrides, *_), _ in jobs.items]
        _free.put(worker)
        return result
