"""Workers for hydra/launcher=joblib, with jobs that end in every way that a process can."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

import pytest
from hydra.core.utils import JobReturn, JobStatus
from joblib import delayed

from forcepos.experiment import joblib_workers
from forcepos.experiment.joblib_workers import IsolatedJobs
from forcepos.experiment.sweep import JobFailed, SweepEnded

LOST = "it ended unexpectedly: interrupted, killed, or out of memory"


def job(number: int, overrides: Sequence[str]) -> JobReturn:
    """What Hydra's launcher gives joblib to do."""
    match overrides:
        case ["killed"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["exits"]:
            os._exit(0)
        case ["endless"]:
            time.sleep(600)
        case ["interrupted"]:
            raise KeyboardInterrupt
    time.sleep(0.5)
    return JobReturn(overrides=overrides, status=JobStatus.COMPLETED, _return_value=os.getpid())


def done(n_jobs: int, kinds: Sequence[str]) -> list[JobReturn]:
    calls = (delayed(job)(number, [kind]) for number, kind in enumerate(kinds))
    return IsolatedJobs(lambda *_: None, n_jobs)(calls)


@pytest.mark.parametrize(
    ("n_jobs", "kinds"), [(1, ["killed", "fine"]), (2, ["killed", "fine", "exits", "interrupted", "fine"])]
)
def test_jobs_whose_process_ends_fail_alone(
    n_jobs: int, kinds: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    jobs = done(n_jobs, kinds)
    assert [each.overrides for each in jobs] == [[kind] for kind in kinds]
    for number, (kind, each) in enumerate(zip(kinds, jobs, strict=True)):
        if kind == "fine":
            assert each.return_value != os.getpid()
        else:
            with pytest.raises(JobFailed, match=f"^error: job {number}: {LOST}$"):
                _ = each.return_value
    assert sorted(record.message for record in caplog.records) == [
        f"job {number}: {LOST}" for number, kind in enumerate(kinds) if kind != "fine"
    ]


def test_jobs_are_reported_as_they_end_and_a_report_may_end_the_others(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblib_workers, "_idle", [])  # they are killed, and the process would end
    reported = list[tuple[int, JobStatus]]()

    def job_ended(number: int, job: JobReturn, seconds: float | None) -> None:
        assert seconds is not None
        assert seconds > 0
        reported.append((number, job.status))
        if job.status == JobStatus.FAILED:
            raise SweepEnded("error: …")

    calls = (delayed(job)(number, [kind]) for number, kind in enumerate(["endless", "killed", "fine"]))
    with pytest.raises(SweepEnded):
        IsolatedJobs(job_ended, 2)(calls)
    assert reported == [(1, JobStatus.FAILED)]
    assert caplog.messages == [f"job 1: {LOST}"], "the one that was ended is not lost"


def test_a_worker_does_one_job_after_the_other() -> None:
    (process,) = {each.return_value for each in done(1, ["fine", "fine", "fine"])}
    assert {each.return_value for each in done(1, ["fine"])} == {process}, "not kept for the next batch"
