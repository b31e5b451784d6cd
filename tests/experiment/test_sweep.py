"""Multirun, and several processes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import children, runs
from tests.running import PLAIN, QUICK
from tests.warm import forcepos


def test_jobs_of_a_sweep_share_one_parent(tmp_path: Path) -> None:
    budget = ["debug=smoke", "tuner.max_trials=1", "training.final_epochs=1", *PLAIN]
    finished = forcepos(["-m", "model=ffnn_regression,cnn_regression", "tuner=random,bayesian", *budget], tmp_path)
    assert finished.code == 0, finished.err
    everything = runs(tmp_path)
    parents = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.status for run in parents] == ["FINISHED"]
    jobs = children(everything, parents[0].info.run_id)
    tail = " ".join(budget).replace("false", "False")  # as Hydra hands them to a job
    assert sorted(job.info.run_name or "" for job in jobs) == [
        f"cnn_regression bayesian blocked seed=1 {tail}", f"cnn_regression random blocked seed=1 {tail}",
        f"ffnn_regression bayesian blocked seed=1 {tail}", f"ffnn_regression random blocked seed=1 {tail}",
    ]  # fmt: skip
    assert {job.info.status for job in jobs} == {"FINISHED"}
    assert len(finished.out.splitlines()) == 4
    assert all(len(children(everything, job.info.run_id)) == 1 for job in jobs)


def test_a_failing_job_takes_no_other_with_it_and_the_exit_code_says_so(tmp_path: Path) -> None:
    finished = forcepos(["-m", "data.rows=5,100", *QUICK], tmp_path)
    assert finished.code == 1
    assert "Traceback" not in finished.err
    assert "5 rows, too short for one window of 10" in finished.err
    assert len(finished.out.splitlines()) == 1
    everything = runs(tmp_path)
    parent = next(run for run in everything if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.status == "FAILED"
    assert [job.info.status for job in children(everything, parent.info.run_id)] == ["FINISHED"]


@pytest.mark.system
def test_a_sweep_without_tracking_writes_no_database(tmp_path: Path) -> None:
    finished = forcepos(["-m", "seed=1,2", "tracking=none", *QUICK], tmp_path)
    assert finished.code == 0, finished.err
    assert len(finished.out.splitlines()) == 2
    assert not (tmp_path / "mlruns").exists()
