"""The jobs of a multirun: their progress; a failure is reported in one line, and costs a sweep that job only."""

import logging
import math
import multiprocessing
import shutil
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from forcepos.experiment.sweep_table import result_of
from forcepos.runtime.errors import InputError, storage_fault
from forcepos.runtime.interruption import end_with_parent, listen, skip_teardown, stop_if_asked
from forcepos.runtime.log_lines import prefix_log_lines
from forcepos.runtime.resources import batches_of_sweep, started_at_once
from forcepos.runtime.wording import duration, visible_lines

log = logging.getLogger(__name__)
_LOST = "it ended unexpectedly: interrupted, killed, or out of memory"
_FAILURE = "failure.txt"  # in a job's folder: the reason, then where the code was

JobEnded = Callable[[int, JobReturn, float | None], None]  # its number, what came of it, seconds if known


class JobFailed(CompactHydraException):
    """A job of a multirun failed; Hydra runs the others and shows the message without a traceback."""


class SweepEnded(SystemExit):
    """A job failed, and fail_fast=true: this passes Hydra, which continues after an Exception."""


@contextmanager
def sweep_job(number: int, folder: Path) -> Iterator[None]:
    """Run a job, in whatever process: report its failure in one line, with the traceback in its folder."""
    prefix_log_lines(f"job {number}")
    listen()
    if multiprocessing.parent_process():  # of joblib: the process that launched the jobs waits for its end
        skip_teardown()
        end_with_parent()
    try:
        yield
    except Exception as error:
        stop_if_asked()  # a library may make an error of its own of a signal that reached it
        fault = str(error) if isinstance(error, InputError) else storage_fault(error)
        reason = fault or f"{type(error).__name__}: {error}"
        where = "" if fault else "".join(traceback.format_exception(error))
        with suppress(OSError):  # a full disk may be the reason
            (folder / _FAILURE).write_text(f"{' '.join(reason.split())}\n{where}")
        log.error("%s", reason_of(folder))  # noqa: TRY400  # where it was is in the file
        raise JobFailed(f"error: job {number}: {reason_of(folder)}") from error


def lost_job(number: int, overrides: Sequence[str]) -> JobReturn:
    """Report a job whose process ended without a result, as `sweep_job` does for one that fails."""
    log.error("job %d: %s", number, _LOST)
    failure = JobFailed(f"error: job {number}: {_LOST}")
    return JobReturn(overrides=overrides, status=JobStatus.FAILED, _return_value=failure)


def reason_of(folder: Path) -> str:
    """Return in a line why a job has no result."""
    try:
        reason, *where = (folder / _FAILURE).read_text().splitlines()
    except OSError:
        return _LOST
    short = textwrap.shorten(reason, 200, placeholder=" …")
    return short if short == reason and not where else f"{short} (more in {folder / _FAILURE})"


def prepare_launcher(launcher: DictConfig, job_ended: JobEnded) -> None:
    """Prepare this process to launch jobs with joblib or submitit, and to be told of each that has ended."""
    match str(launcher.get("_target_", "")).rpartition(".")[2]:
        case "JoblibLauncher" if launcher.n_jobs == 0:
            raise InputError("hydra.launcher.n_jobs=0 runs no job: give a number, or -1 for as many as cores")
        case "JoblibLauncher":
            from hydra_plugins.hydra_joblib_launcher import _core  # type: ignore[import-untyped]  # noqa: PLC0415

            from forcepos.experiment.joblib_workers import IsolatedJobs  # noqa: PLC0415  # NumPy takes long

            _core.Parallel = partial(IsolatedJobs, job_ended)  # the launcher has no door for it
        case "SlurmLauncher" if not shutil.which("srun"):  # as submitit asks
            lacking = "hydra/launcher: no srun on this machine's PATH, so it cannot submit jobs to a Slurm cluster"
            advice = "start the sweep on a login node, or run its jobs here with hydra/launcher=joblib"
            raise InputError(f"{lacking}: {advice}")
        case "SlurmLauncher" | "LocalLauncher":
            _follow_jobs(job_ended)


def _follow_jobs(job_ended: JobEnded) -> None:
    """Let submitit report jobs as they end, and wait for the others where it raises an error for a lost one."""
    import submitit  # noqa: PLC0415  # other launchers do without

    results, submit = submitit.Job.results, submitit.AutoExecutor.map_array

    def results_or_failure(job: submitit.Job[Any]) -> list[Any]:
        try:
            return results(job)
        except submitit.core.utils.UncompletedJobError:
            overrides, _, number, *_ = job.submission().args
            return [lost_job(number, overrides)]

    def submit_and_wait(executor: submitit.AutoExecutor, *arguments: Any) -> list[submitit.Job[Any]]:
        try:
            jobs = submit(executor, *arguments)
        except submitit.core.utils.FailedJobError as error:
            refused = " ".join(str(error).split())
            raise InputError(f"hydra/launcher: no job could be submitted to Slurm: {refused}") from error
        try:
            for job in submitit.helpers.as_completed(jobs, poll_frequency=1):
                job_ended(job.submission().args[2], job.results()[0], None)
        except SweepEnded:
            for job in jobs:
                if isinstance(job, submitit.SlurmJob):  # those on this machine are ended as this process' children
                    job.cancel(check=False)
            raise
        return jobs

    submitit.Job.results = results_or_failure  # type: ignore[assignment,method-assign]
    submitit.AutoExecutor.map_array = submit_and_wait  # type: ignore[assignment,method-assign]


class SweepProgress:
    """Counts the jobs of a multirun that have ended; numbers are 0 where nobody knows them."""

    def __init__(self, config: DictConfig, folder: Path) -> None:
        batches = batches_of_sweep(config.hydra) or [0]
        self.batch, self.jobs = batches[0], sum(batches)  # launched together, and in all
        self.left, self.ended_early = self.jobs, False  # not ended yet; by fail_fast=true
        self._at_once = started_at_once(config.hydra.launcher, self.batch)
        self._fail_fast, self._folder, self._seconds = config.fail_fast, folder, list[float]()
        self._report_at = self.jobs - 1  # jobs left

    def job_ended(self, number: int, job: JobReturn, seconds: float | None) -> None:
        """Count a job, and report after the first one, then for each quarter, how long the others will take."""
        self.left -= 1
        if job.status == JobStatus.FAILED and self._fail_fast:
            self.ended_early = True
            reason = visible_lines(str(job._return_value))  # noqa: SLF001  # its property prints and raises it
            of = f"{self.left} of {self.jobs}" if self.jobs else "other"
            raise SweepEnded(f"{reason}\n{of} jobs were not run to their end: the same command resumes the sweep")
        folder = self._folder / str(number)
        result = (result_of(folder) if seconds else None) or {}
        # One that failed, or was finished before, tells nothing.
        if seconds and result.get("outputs") == str(folder) and seconds >= sum(result.get("seconds", {}).values()):
            self._seconds.append(seconds)
        if self._seconds and 0 < self.left <= self._report_at:
            self._report_at = self.left - max(1, self.jobs // 4)
            others = f"the other {self.left}" if self.left > 1 else "the last one"
            rest = duration(mean(self._seconds) * math.ceil(self.left / self._at_once))
            log.info("job %d took %s: %s will take about %s", number, duration(self._seconds[-1]), others, rest)
