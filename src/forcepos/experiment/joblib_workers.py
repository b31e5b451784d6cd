"""Workers for `hydra/launcher=joblib`, each a pool of its own: joblib's one pool would end with any of them."""

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from threading import Lock
from typing import Any

from hydra.core.utils import JobReturn
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import LokyBackend

from forcepos.experiment.sweep_job import JobEnded, lost_job
from forcepos.runtime.resources import joblib_workers

_IDLE_S = 300  # a worker that is idle for longer ends and frees its memory, as joblib's own do

_idle: list[ProcessPoolExecutor] = []  # kept from one batch of jobs to the next


class IsolatedJobs:
    """Stands where Hydra's launcher expects `joblib.Parallel`."""

    def __init__(self, job_ended: JobEnded, n_jobs: int, **_: Any) -> None:
        self._job_ended = job_ended
        self._count = joblib_workers(n_jobs)
        self._env = LokyBackend()._prepare_worker_env(self._count)  # noqa: SLF001  # shares the cores
        self._workers, self._killed = [*_idle], False
        self._lock, self._futures = Lock(), list[Future[JobReturn]]()

    def __call__(self, jobs: Iterable[tuple[Any, ...]]) -> list[JobReturn]:
        """Do jobs of joblib's `delayed`, as many at a time as there are workers."""
        threads = ThreadPoolExecutor(self._count)
        try:
            all_jobs = [threads.submit(self._do, job) for job in jobs]
            for ended in as_completed(all_jobs):
                self._job_ended(*ended.result())
        except BaseException:
            with self._lock:
                self._killed = True
            # A worker that is killed before it has taken its job prints a traceback.
            while not all(job.running() or job.done() for job in self._futures):
                time.sleep(0.01)
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in self._workers:
                worker.shutdown(kill_workers=True)
            raise
        return [job.result()[1] for job in all_jobs]

    def _do(self, job: tuple[Any, ...]) -> tuple[int, JobReturn, float]:
        """Return a job's number, what came of it, and how many seconds it took."""
        _, arguments, _ = job
        started = time.monotonic()
        try:
            worker = _idle.pop()
        except IndexError:
            worker = ProcessPoolExecutor(1, timeout=_IDLE_S, env=self._env)  # starts with its first job
            self._workers.append(worker)
        try:
            done = self._submitted(worker, job).result()
        except (TerminatedWorkerError, KeyboardInterrupt, SystemExit):  # killed, or asked to end
            if self._killed:
                raise
            worker.shutdown(kill_workers=True)
            done = lost_job(*arguments[:2])
        else:
            _idle.append(worker)
        return arguments[0], done, time.monotonic() - started

    def _submitted(self, worker: ProcessPoolExecutor, job: tuple[Any, ...]) -> Future[JobReturn]:
        with self._lock:
            if self._killed:
                raise SystemExit
            self._futures.append(worker.submit(job[0], *job[1]))
            return self._futures[-1]
