"""Multirun: its jobs, and one run in MLflow over all of them, which ends with their table whatever happens.

A job that fails is reported in one line, and costs the sweep that job only.
"""

import hashlib
import json
import logging
import math
import multiprocessing
import os
import shutil
import sys
import textwrap
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from statistics import mean
from typing import Any, cast

from filelock import FileLock, Timeout
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from forcepos.config.checks import refuse_missing
from forcepos.config.mistakes import resolving
from forcepos.config.schema import TrackingConfig
from forcepos.experiment import sweep_table
from forcepos.results.finished_runs import CONFIG, SKIP_VARIABLE, meaning, read_config, refuse_used
from forcepos.runtime import interruption, resources
from forcepos.runtime.errors import InputError, storage_fault
from forcepos.runtime.files import read_state, to_json, write_json, write_state
from forcepos.runtime.log_lines import prefix_log_lines, print_result
from forcepos.runtime.paths import pending_logs_file, short_path
from forcepos.runtime.wording import duration, visible, visible_lines
from forcepos.tracking.description import PARENT_VARIABLE, SWEEP_KEYS_VARIABLE
from forcepos.tracking.place import check_uri

log = logging.getLogger(__name__)
AGAIN = "run the same command again to log what is missing"
_LOST = "it ended unexpectedly: interrupted, killed, or out of memory"
_FAILURE = "failure.txt"  # in a job's folder: the reason, then where the code was
JobEnded = Callable[[int, JobReturn, float | None], None]  # its number, what came of it, seconds if known


@dataclass(frozen=True)
class _Begun:
    run_id: str | None


class SweepCallback(Callback):
    """Called by Hydra before a run, or in the process that launches the jobs before the first of them."""

    @interruption.ended_by_input_errors()
    @resolving()
    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse a folder that another run has used and a store that cannot work, before anything is written."""
        folder, subfolder, before = Path(config.hydra.run.dir), config.hydra.output_subdir, dict[str, Any]()
        if subfolder:  # else Hydra saves no config; of a run from Python, there is ours
            before = read_config(folder / subfolder / "config.yaml") or read_config(folder / CONFIG)
        now = dict(OmegaConf.to_container(config))  # type: ignore[arg-type]
        refuse_used([folder], not before or meaning(before) == meaning(now), config.skip_finished)
        if config.tracking.name == "mlflow":
            check_uri(config.tracking.uri)

    @interruption.ended_by_input_errors()  # of which Hydra would make warnings
    @resolving()
    @interruption.defer_signals()  # an interruption here would leave a run behind that nobody closes
    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Start the sweep's run, or resume an unfinished sweep's, and put its id where the jobs find it."""
        _open.append(_Sweep(config))

    def on_job_start(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """Start the clock of a job that runs in the process that launched it."""
        for sweep in _open:
            sweep.clock = time.monotonic()

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        for sweep in _open:
            prefix_log_lines("sweep")
            sweep.progress.job_ended(config.hydra.job.num, job_return, time.monotonic() - sweep.clock)


def _asked(overrides: Sequence[str]) -> list[str]:
    return sorted(override for override in overrides if not override.startswith(("skip_finished=", "fail_fast=")))


class _Sweep:
    """The multirun that this process launches."""

    def __init__(self, config: DictConfig) -> None:
        self._tracking = cast("TrackingConfig", OmegaConf.to_object(config.tracking))
        self._overrides = resources.overrides_of(config.hydra)
        self._text = visible(" ".join(self._overrides))
        self._folder = Path(config.hydra.sweep.dir).absolute()
        self._table = self._folder / "sweep.csv"
        self.progress, self.clock = SweepProgress(config, self._folder), time.monotonic()
        last = {
            each.get_key_element(): each for each in resources.sweep_overrides(config.hydra)
        }  # the command line's
        swept = [each for each in last.values() if each.is_sweep_override()]
        self._keys = [each.get_key_element().lstrip("+") for each in swept]
        if {*self._keys} <= {"seed", "split"}:  # no job can set what the others lack
            refuse_missing(OmegaConf.masked_copy(config, list(map(str, config.keys() - {"hydra"}))))
        self._varied = visible(" ".join(str(each.input_line) for each in swept))
        self._jobs_print = "submitit" not in str(config.hydra.launcher.get("_target_"))  # to this standard output
        digest = hashlib.sha256(json.dumps(_asked(self._overrides)).encode()).hexdigest()[:12]
        store = f"{self._tracking.uri} {self._tracking.experiment}"
        self._unfinished = pending_logs_file(f"sweep-{digest}", store)  # has the run's id until all is complete
        self.lock = FileLock(self._unfinished.with_suffix(".lock"))
        before = read_config(self._folder / "multirun.yaml")
        asked = before.get("hydra", {}).get("overrides", {}).get("task", [])
        same, jobs = not before or _asked(self._overrides) == _asked(asked), sweep_table.job_folders(self._folder)
        refuse_used(jobs, same, config.skip_finished or self._unfinished.is_file())
        if self._tracking.name == "mlflow":
            check_uri(self._tracking.uri)
        prepare_launcher(config.hydra.launcher, self.progress.job_ended)
        count = "1 job" if self.progress.jobs == 1 else f"{self.progress.jobs or 'several'} jobs"
        log.info("multirun of %s; outputs: %s", count, short_path(self._folder))
        if self._varied:
            log.info("the jobs differ in %s", self._varied)
        self._begin()
        if self.progress.batch:
            os.environ[resources.JOBS_VARIABLE] = str(self.progress.batch)

    def _begin(self) -> None:
        self._unfinished.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError("another process works on this sweep: wait for it, or change an override") from error
        begun, self._run_id = read_state(self._unfinished, _Begun, "the sweep begins anew"), None
        if self._tracking.name == "mlflow":
            from forcepos.tracking.track import start_sweep  # noqa: PLC0415  # MLflow takes seconds

            self._run_id = start_sweep(self._tracking, self._text, begun.run_id if begun else None, self._varied)
            os.environ |= {PARENT_VARIABLE: self._run_id, SWEEP_KEYS_VARIABLE: json.dumps(self._keys)}
        if begun:
            kept, began = short_path(self._unfinished), self._unfinished.stat().st_mtime
            log.info("resuming this sweep: complete jobs are skipped; to begin it anew, remove %s", kept)
            os.environ[SKIP_VARIABLE] = str(began)
        if not begun or begun.run_id != self._run_id:  # the store may have lost it
            write_state(self._unfinished, {"run_id": self._run_id})
        if begun:
            os.utime(self._unfinished, (began, began))  # jobs that were complete before count as well
        self._folder.mkdir(parents=True, exist_ok=True)
        write_json(self._folder / "sweep.json", {"run_id": self._run_id})

    def close(self, status: str) -> bool:
        """Show the jobs, and end the sweep's run; return whether tracking is complete."""
        rows = sweep_table.job_rows(self._folder, self._keys)
        if rows:
            sweep_table.write_csv(rows, self._keys, self._table)
        complete = status == "FINISHED" or self.progress.left == 0  # not after Ctrl-C, which must be prompt
        files = sweep_table.draw_jobs(rows, self._keys, self._folder) if complete else []
        if rows:
            sweep_table.show_jobs(rows, self._keys, self._table)
        for row in sorted(rows, key=itemgetter("job")):
            if row["result"] is None and not self.progress.ended_early:
                reason = visible_lines(reason_of(self._folder / str(row["job"])))
                sys.stderr.write(f"job {row['job']}: {reason}\n")
            elif row["result"] and not self._jobs_print:
                print_result(to_json(row["result"]))
        logged = self._end_run(status, rows, files)
        self.lock.release()
        if logged and status == "FINISHED":
            self._unfinished.unlink(missing_ok=True)
            Path(self.lock.lock_file).unlink(missing_ok=True)
        return logged

    def _end_run(self, status: str, rows: list[sweep_table.Row], files: list[Path]) -> bool:
        if self._run_id is None:
            return True
        from forcepos.tracking.track import end_sweep  # noqa: PLC0415  # MLflow takes seconds

        lacking = sum((row["result"] or {}).get("tracking") == "incomplete" for row in rows)
        story = sweep_table.sweep_story(rows, self._keys, f"python -m forcepos -m {self._text}", files)
        # The table follows once all that it lists is there.
        table = self._table if rows and not lacking else None
        if end_sweep(self._tracking, self._run_id, status, table, story) and not lacking:
            return True
        of = f" of {lacking} of {len(rows)} jobs" if lacking else " of the sweep itself"
        sys.stderr.write(f"tracking{of} is incomplete: {AGAIN}\n")
        return False


_open: list[_Sweep] = []  # the multirun that this process launched


def close_sweep(status: str) -> bool:
    """Close the multirun of this process, if there is one: Hydra calls no hook at its end when a job fails."""
    return not _open or _open.pop().close(status)


class JobFailed(CompactHydraException):
    """A job of a multirun failed; Hydra runs the others and shows the message without a traceback."""


class SweepEnded(SystemExit):
    """A job failed, and fail_fast=true: this passes Hydra, which continues after an Exception."""


@contextmanager
def sweep_job(number: int, folder: Path) -> Iterator[None]:
    """Run a job, in whatever process: report its failure in one line, with the traceback in its folder."""
    prefix_log_lines(f"job {number}")
    interruption.listen()
    if multiprocessing.parent_process():  # of joblib: the process that launched the jobs waits for its end
        interruption.skip_teardown()
        interruption.end_with_parent()
    try:
        yield
    except Exception as error:
        interruption.stop_if_asked()  # a library may make an error of its own of a signal that reached it
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
        batches = resources.batches_of_sweep(config.hydra) or [0]
        self.batch, self.jobs = batches[0], sum(batches)  # launched together, and in all
        self.left, self.ended_early = self.jobs, False  # not ended yet; by fail_fast=true
        self._at_once = resources.started_at_once(config.hydra.launcher, self.batch)
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
        result = (sweep_table.result_of(folder) if seconds else None) or {}
        # One that failed, or was finished before, tells nothing.
        if seconds and result.get("outputs") == str(folder) and seconds >= sum(result.get("seconds", {}).values()):
            self._seconds.append(seconds)
        if self._seconds and 0 < self.left <= self._report_at:
            self._report_at = self.left - max(1, self.jobs // 4)
            others = f"the other {self.left}" if self.left > 1 else "the last one"
            rest = duration(mean(self._seconds) * math.ceil(self.left / self._at_once))
            log.info("job %d took %s: %s will take about %s", number, duration(self._seconds[-1]), others, rest)
