"""Multirun, and several processes at once."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.artifacts import load_dict
from mlflow.entities import Run

from forcepos.experiment import sweep
from tests.conftest import children, runs
from tests.running import PLAIN, QUICK, Finished
from tests.runtime.test_resources import composed
from tests.warm import forcepos


def test_jobs_of_a_sweep_share_one_parent(tmp_path: Path) -> None:
    budget = ["debug=smoke", "tuner.max_trials=1", "training.final_epochs=1", *PLAIN]
    finished = forcepos(["-m", "model=ffnn_regression,cnn_regression", "tuner=random,bayesian", *budget], tmp_path)
    assert finished.code == 0, finished.err
    everything = runs(tmp_path)
    parents = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.status for run in parents] == ["FINISHED"]
    jobs = children(everything, parents[0].info.run_id)
    assert sorted(job.info.run_name or "" for job in jobs) == [
        f"model={model} tuner={tuner}"
        for model in ("cnn_regression", "ffnn_regression")
        for tuner in ("bayesian", "random")
    ]
    assert {job.info.status for job in jobs} == {"FINISHED"}
    assert len(finished.out.splitlines()) == 4
    assert all(len(children(everything, job.info.run_id)) == 1 for job in jobs)
    assert not list(tmp_path.glob("outputs/unlogged/*")), "the same command would not be a new sweep"
    assert "multirun of 4 jobs; outputs: outputs/sweeps/" in finished.err
    assert "the jobs differ in model=ffnn_regression,cnn_regression tuner=random,bayesian\n" in finished.err
    assert re.search(r"sweep: job 0 took \d+ s: the other 3 will take about \d+ (s|min)\n", finished.err)
    of_sweep = parents[0]
    assert of_sweep.info.run_name == "sweep model=ffnn_regression,cnn_regression tuner=random,bayesian"
    best = min(jobs, key=lambda job: job.data.metrics["test/euclidean_mean_mm"]).data.metrics
    names = ["test/euclidean_mean_mm", "test_low/euclidean_mean_mm", "test_high/euclidean_mean_mm"]
    names += ["best_baseline/euclidean_mean_mm"]
    assert of_sweep.data.metrics == {name: best[name] for name in names}
    note = of_sweep.data.tags["mlflow.note.content"]
    assert note.startswith(
        "4 of 4 jobs finished\n\n| job | model | tuner | mean error \\(mm\\) | best baseline |\n"
    )
    (folder,) = tmp_path.glob("outputs/sweeps/*")
    left = {"jobs.svg", "jobs.png", "comparison.html", "sweep.csv"}
    assert left <= {path.name for path in folder.iterdir()}
    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    logged = {file.path for file in client.list_artifacts(of_sweep.info.run_id)}
    assert logged == left | {"sweep.json"}
    assert json.loads((folder / "sweep.json").read_text()) == {"run_id": of_sweep.info.run_id}


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


@pytest.mark.system
def test_fail_fast_ends_a_sweep_at_its_first_failure_and_the_same_command_resumes_it(tmp_path: Path) -> None:
    finished = forcepos([*FAILING, "fail_fast=true"], tmp_path)
    assert finished.code == 1
    *_, failure, rest = finished.err.splitlines()
    assert failure.startswith(
        "error: job 0: the recordings cannot be used: recording 0,0 visit 1: 5 rows, too short"
    )
    assert rest == "1 of 2 jobs were not run to their end: the same command resumes the sweep"
    assert "job 1" not in finished.err
    assert "Traceback" not in finished.err
    (table,) = tmp_path.glob("outputs/sweeps/*/sweep.csv")
    assert [line.partition(",")[0] for line in table.read_text().splitlines()] == ["job", "0"]
    begun, jobs = tree(tmp_path)
    assert (begun.info.status, jobs) == ("FAILED", [])
    again = forcepos([*FAILING, "fail_fast=false"], tmp_path)
    assert "resuming this sweep: " in again.err
    resumed, (job,) = tree(tmp_path)
    assert (resumed.info.run_id, job.info.status) == (begun.info.run_id, "FINISHED")


def test_jobs_know_what_their_sweep_varies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("forcepos.tracking.track.start_sweep", lambda *_: "id")
    monkeypatch.setattr(sweep, "_open", [])
    config = composed()
    config.hydra.sweeper.params = {"tuner": "random,bayesian", "tuner.max_trials": "3"}
    config.hydra.overrides.task = ["+data.x=1,2", "seed=range(3)", "split=blocked", "training.epochs=5"]
    sweep.SweepCallback().on_multirun_start(config)
    sweep._open.pop().lock.release()
    assert json.loads(os.environ["FORCEPOS_SWEEP_KEYS"]) == ["tuner", "data.x", "seed"]


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
