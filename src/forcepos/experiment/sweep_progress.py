"""Progress of a multirun: how long the jobs that are left take, and whether they run at all."""

import logging
import math
from pathlib import Path
from statistics import mean

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from forcepos.experiment.sweep_job import SweepEnded
from forcepos.experiment.sweep_table import result_of
from forcepos.runtime.resources import batches_of_sweep, started_at_once
from forcepos.runtime.wording import duration, visible_lines

log = logging.getLogger(__name__)


class SweepProgress:
    """Counts the jobs of a multirun that have ended; numbers are 0 where nobody knows them.

    Attributes:
        batch: number of jobs that are launched together.
        left: number of jobs that have not ended.
        ended_early: whether fail_fast=true has ended the sweep.
    """

    def __init__(self, config: DictConfig, folder: Path) -> None:
        batches = batches_of_sweep(config.hydra) or [0]
        self.batch, self.jobs = batches[0], sum(batches)
        self.left, self.ended_early = self.jobs, False
        self._at_once = started_at_once(config.hydra.launcher, self.batch)
        self._fail_fast, self._folder = config.fail_fast, folder
        self._seconds: list[float] = []
        self._report_at = self.jobs - 1  # jobs left

    def job_ended(self, number: int, job: JobReturn, seconds: float | None) -> None:
        """Count a job, and report after the first one, then for each quarter, how long the others will take.

        Raises:
            SweepEnded: it failed, and fail_fast=true.
        """
        self.left -= 1
        if job.status == JobStatus.FAILED:
            self._end_if_asked(job)
        elif seconds and self._ran(number, seconds):
            self._seconds.append(seconds)
        if self._seconds and 0 < self.left <= self._report_at:
            self._report_at = self.left - max(1, self.jobs // 4)
            each, others = mean(self._seconds), f"the other {self.left}" if self.left > 1 else "the last one"
            took, rest = duration(self._seconds[-1]), duration(each * math.ceil(self.left / self._at_once))
            log.info("job %d took %s: %s will take about %s", number, took, others, rest)

    def _ran(self, number: int, seconds: float) -> bool:
        """Return whether the job ran in these seconds: one that was finished before says nothing of the others."""
        folder = self._folder / str(number)
        result = result_of(folder) or {"outputs": None}
        return bool(result["outputs"] == str(folder) and seconds >= sum(result.get("seconds", {}).values()))

    def _end_if_asked(self, job: JobReturn) -> None:
        self.ended_early = self._fail_fast
        if self._fail_fast:
            reason = visible_lines(str(job._return_value))  # noqa: SLF001  # its property prints and raises it
            of = f"{self.left} of {self.jobs}" if self.jobs else "other"
            rest = f"{of} jobs were not run to their end: the same command resumes the sweep"
            raise SweepEnded(f"{reason}\n{rest}")
