"""Workers for `hydra/launcher=joblib`, each a pool of its own: joblib's one pool would end with any of them."""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import Any

from hydra.core.utils import JobReturn
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import LokyBackend

from forcepos.experiment.sweep import JobEnded, lost_job
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.resources import joblib_workers

_IDLE_S = 300  # a worker that is idle for longer ends and frees its memory, as joblib's own do
_idle: list[ProcessPoolExecutor] = []  # kept from one batch of jobs to the next


class IsolatedJobs:
    """Stands where Hydra's launcher expects `joblib.Parallel`."""

    def __init__(self, job_ended: JobEnded, n_jobs: int, **_: Any) -> None:
        self._job_ended, self._count = job_ended, joblib_workers(n_jobs)
        self._env = LokyBackend()._prepare_worker_env(self._count)  # noqa: SLF001  # shares the cores

    def __call__(self, jobs: Iterable[tuple[Any, ...]]) -> list[JobReturn]:
        """Do jobs of joblib's `delayed`, as many at a time as there are workers."""
        waiting, ended = deque(jobs), dict[int, JobReturn]()
        running: dict[Future[JobReturn], tuple[ProcessPoolExecutor, Sequence[Any], float]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._count:
                    function, arguments, _ = waiting.popleft()
                    worker, job = self._submit(function, *arguments)
                    running[job] = worker, arguments, time.monotonic()
                for job in wait(running, return_when=FIRST_COMPLETED).done:
                    worker, (number, overrides, *_), started = running.pop(job)
                    ended[number] = self._result(job, worker) or lost_job(number, overrides)
                    self._job_ended(number, ended[number], time.monotonic() - started)
        except BaseException:
            while not all(job.running() or job.done() for job in running):
                time.sleep(0.01)  # a worker that is killed before it has taken its job prints a traceback
            for worker in [*_idle, *(each[0] for each in running.values())]:
                worker.shutdown(kill_workers=True)
            raise
        return [ended[number] for number in sorted(ended)]

    def _submit(self, *job: Any) -> tuple[ProcessPoolExecutor, Future[JobReturn]]:
        while _idle:
            worker = _idle.pop()
            with suppress(TerminatedWorkerError):  # killed meanwhile
                return worker, worker.submit(*job)
        worker = ProcessPoolExecutor(1, timeout=_IDLE_S, env=self._env)  # starts with its first job
        return worker, worker.submit(*job)

    def _result(self, job: Future[JobReturn], worker: ProcessPoolExecutor) -> JobReturn | None:
        """Return what came of a job; None if its worker was killed, or asked to end."""
        try:
            result = job.result()
        except (TerminatedWorkerError, KeyboardInterrupt, SystemExit):
            stop_if_asked()  # it is this process that was
            worker.shutdown(kill_workers=True)
            return None
        _idle.append(worker)
        return result
