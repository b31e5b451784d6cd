"""Workers for `hydra/launcher=joblib`, of which one that is killed costs its own job only.

By themselves, joblib's workers are one pool, which kills the others when one ends unexpectedly. Here, each is a
pool of its own.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from hydra.core.utils import JobReturn
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import LokyBackend

from forcepos.experiment.sweep_job import lost_job
from forcepos.runtime.resources import joblib_workers

_IDLE_S = 300  # a worker that is idle for longer ends and frees its memory, as joblib's own do

_free: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()  # kept from one batch of jobs to the next
_all: list[ProcessPoolExecutor] = []


class IsolatedJobs:
    """Stands where Hydra's launcher expects `joblib.Parallel`."""

    def __init__(self, n_jobs: int, **_: Any) -> None:
        self._count = joblib_workers(n_jobs)
        self._env = LokyBackend()._prepare_worker_env(self._count)  # noqa: SLF001  # shares the cores

    def __call__(self, jobs: Iterable[tuple[Any, ...]]) -> list[JobReturn]:
        """Do jobs of joblib's `delayed`, as many at a time as there are workers."""
        for _ in range(len(_all), self._count):
            self._add_worker()
        threads = ThreadPoolExecutor(self._count)
        try:
            return list(threads.map(self._do, jobs))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in _all:
                worker.shutdown(kill_workers=True)
            raise

    def _add_worker(self) -> None:
        worker = ProcessPoolExecutor(1, timeout=_IDLE_S, env=self._env)  # its process starts with its first job
        _all.append(worker)
        _free.put(worker)

    def _do(self, job: tuple[Any, ...]) -> JobReturn:
        function, arguments, _ = job
        worker = _free.get()  # there are as many as threads
        try:
            done: JobReturn = worker.submit(function, *arguments).result()
        except (TerminatedWorkerError, KeyboardInterrupt, SystemExit):  # killed, or asked to end
            self._add_worker()
            worker.shutdown(kill_workers=True)
            return lost_job(*arguments[:2])
        _free.put(worker)
        return done
