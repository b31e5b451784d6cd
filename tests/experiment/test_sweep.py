"""Multirun, and several processes at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.artifacts import load_dict
from mlflow.entities import Run

from tests.conftest import children, runs
from tests.running import PLAIN, QUICK, Finished
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
    assert not list(tmp_path.glob("outputs/unlogged/*")), "the same command would not be a new sweep"


FAILING = ["-m", "data.rows=5,100", *QUICK]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    """A sweep of two jobs, of which the first fails."""
    folder = tmp_path_factory.mktemp("failed")
    return forcepos(FAILING, folder), folder


def tree(folder: Path) -> tuple[Run, list[Run]]:
    """The only parent run, and the runs of its jobs."""
    everything = runs(folder)
    (parent,) = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    return parent, children(everything, parent.info.run_id)


def test_a_failing_job_takes_no_other_with_it_and_the_exit_code_says_so(failed: tuple[Finished, Path]) -> None:
    finished, folder = failed
    assert finished.code == 1
    assert "Traceback" not in finished.err
    assert "5 rows, too short for one window of 10" in finished.err
    assert len(finished.out.splitlines()) == 1
    parent, jobs = tree(folder)
    assert parent.info.status == "FAILED"
    assert [job.info.status for job in jobs] == ["FINISHED"]


def test_a_sweep_that_did_not_finish_is_resumed_by_the_same_command(failed: tuple[Finished, Path]) -> None:
    finished, folder = failed
    begun, (job,) = tree(folder)
    again = forcepos(FAILING, folder)
    assert again.code == 1
    assert (
        "resuming this sweep: complete jobs are skipped; to begin it anew, remove outputs/unlogged/" in again.err
    )
    assert again.err.count("finished before, in ") == 1
    assert again.out == finished.out
    parent, jobs = tree(folder)
    assert (parent.info.run_id, parent.info.status) == (begun.info.run_id, "FAILED")
    assert [run.info.run_id for run in jobs] == [job.info.run_id]
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    shown = load_dict(f"{client.get_run(parent.info.run_id).info.artifact_uri}/sweep.json")
    assert [row[0] for row in shown["data"]] == [1, 0], "not one row for each job"


def test_a_sweep_that_another_process_works_on_is_refused(failed: tuple[Finished, Path]) -> None:
    _, folder = failed
    (lock,) = folder.glob("outputs/unlogged/sweep-*.lock")
    with FileLock(lock):
        refused = forcepos(FAILING, folder)
    assert refused.code == 1
    assert refused.err.splitlines()[-1] == (
        "error: another process works on this sweep: wait for it, or change an override"
    )
    assert refused.out == ""


@pytest.mark.parametrize("launcher", ["slurm_cpu", "submitit_slurm"])
def test_a_launcher_for_slurm_is_refused_where_there_is_none(launcher: str, tmp_path: Path) -> None:
    refused = forcepos(["-m", f"hydra/launcher={launcher}", "seed=1,2", *QUICK], tmp_path, PATH=str(tmp_path))
    assert refused.code == 1
    assert refused.err == (
        "error: hydra/launcher: no srun on this machine's PATH, so it cannot submit jobs to a Slurm cluster: "
        "start the sweep on a login node, or run its jobs here with hydra/launcher=joblib\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_slurm_that_takes_no_job_is_reported_in_one_line(tmp_path: Path) -> None:
    for program in ("sbatch", "srun"):
        (tmp_path / program).write_text("#!/bin/sh\necho no controller >&2\nexit 1\n")
        (tmp_path / program).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    refused = forcepos(
        ["-m", "hydra/launcher=slurm_cpu", "seed=1,2", "tracking=none", *QUICK], tmp_path, PATH=path
    )
    assert refused.code == 1
    assert refused.err.splitlines()[-1] == (
        "error: hydra/launcher: no job could be submitted to Slurm: no controller"
    )
    assert "Traceback" not in refused.err


def test_no_job_at_a_time_is_refused(tmp_path: Path) -> None:
    refused = forcepos(["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0", "seed=1,2", *QUICK], tmp_path)
    assert refused.code == 1
    assert refused.err == "error: hydra.launcher.n_jobs=0 runs no job: give a number, or -1 for as many as cores\n"


@pytest.mark.system
def test_a_sweep_without_tracking_writes_no_database(tmp_path: Path) -> None:
    finished = forcepos(["-m", "seed=1,2", "tracking=none", *QUICK], tmp_path)
    assert finished.code == 0, finished.err
    assert len(finished.out.splitlines()) == 2
    assert not (tmp_path / "mlruns").exists()
