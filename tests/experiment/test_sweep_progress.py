"""What a sweep says while its jobs run, and how it ends at the first failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus

from forcepos.experiment.sweep import JobFailed, SweepEnded, SweepProgress
from forcepos.runtime.files import write_json
from tests.conftest import a_result
from tests.runtime.test_resources import composed

SCORED = {"test": {"accuracy": 0.5}, "seconds": {"search": 1.0}}
DONE = JobReturn(status=JobStatus.COMPLETED)
FAILED = JobReturn(status=JobStatus.FAILED, _return_value=JobFailed("error: job 1: no \x1b data"))


def progress(folder: Path, jobs: int, *overrides: str) -> SweepProgress:
    config = composed(*overrides)
    config.hydra.overrides.task = [f"seed=range({jobs})"]
    return SweepProgress(config, folder)


def end(sweep: SweepProgress, folder: Path, seconds: dict[int, float]) -> None:
    """End jobs, each after so many seconds of which it has trained for one."""
    for number, took in seconds.items():
        job = folder / str(number)
        job.mkdir(exist_ok=True)
        write_json(job / "result.json", a_result(job) | SCORED)
        sweep.job_ended(number, DONE, took)


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


def test_the_first_job_tells_how_long_the_others_take(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    end(progress(tmp_path, 8), tmp_path, {0: 58.0})
    assert caplog.messages == ["job 0 took 58 s: the other 7 will take about 6.8 min"]


def test_after_that_each_quarter_of_the_jobs_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    end(progress(tmp_path, 12), tmp_path, dict.fromkeys(range(12), 1000.0))
    assert caplog.messages == [
        "job 0 took 17 min: the other 11 will take about 3.1 h",
        "job 3 took 17 min: the other 8 will take about 2.2 h",
        "job 6 took 17 min: the other 5 will take about 83 min",
        "job 9 took 17 min: the other 2 will take about 33 min",
    ]


def test_the_last_job_is_one_and_after_it_nothing_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    end(progress(tmp_path, 2), tmp_path, {0: 10.0, 1: 10.0})
    assert caplog.messages == ["job 0 took 10 s: the last one will take about 10 s"]


def test_jobs_side_by_side_take_less(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"]
    end(progress(tmp_path, 8, *launcher), tmp_path, {2: 60.0})
    assert caplog.messages == ["job 2 took 60 s: the other 7 will take about 3.0 min"]


def test_jobs_that_were_finished_before_do_not_count_as_fast(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sweep = progress(tmp_path, 8)
    end(sweep, tmp_path, {0: 0.5})  # less than it has trained for: in the same folder
    (tmp_path / "1").mkdir()
    write_json(tmp_path / "1" / "result.json", a_result("/earlier/run") | SCORED)
    sweep.job_ended(1, DONE, 0.5)
    assert caplog.messages == []
    end(sweep, tmp_path, {2: 40.0})
    assert caplog.messages == ["job 2 took 40 s: the other 5 will take about 3.3 min"]


def test_a_failed_job_does_not_count_as_fast_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sweep = progress(tmp_path, 8)
    sweep.job_ended(0, FAILED, 0.5)
    end(sweep, tmp_path, {1: 40.0})
    assert caplog.messages == ["job 1 took 40 s: the other 6 will take about 4.0 min"]


def test_where_times_are_unknown_there_is_no_estimate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    progress(tmp_path, 8, "hydra/launcher=submitit_local").job_ended(0, DONE, None)
    assert caplog.messages == []


def test_fail_fast_ends_the_sweep_at_the_first_job_that_fails(tmp_path: Path) -> None:
    sweep = progress(tmp_path, 8, "fail_fast=true")
    end(sweep, tmp_path, {0: 40.0, 2: 40.0})
    with pytest.raises(SweepEnded) as ended:
        sweep.job_ended(1, FAILED, 0.5)
    assert str(ended.value) == (
        "error: job 1: no \\x1b data\n5 of 8 jobs were not run to their end: the same command resumes the sweep"
    )
    assert sweep.ended_early
