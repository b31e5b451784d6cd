"""Sweeps: the table of jobs, jobs that are finished already, Ctrl-C."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from tests.conftest import PLAIN, children, forcepos, runs

pytestmark = pytest.mark.system

TINY = ["debug=smoke", "tuner.max_trials=1", "training.final_epochs=2", *PLAIN]


def table(folder: Path) -> list[dict[str, str]]:
    with max(folder.glob("outputs/sweeps/*/sweep.csv")).open() as file:
        return list(csv.DictReader(file))


def test_a_sweep_over_every_model_and_tuner_ends_in_a_table_that_agrees_with_mlflow(tmp_path: Path) -> None:
    finished = forcepos(["-m", "model=glob(*)", "tuner=random,bayesian,grid", *TINY], tmp_path)
    assert finished.code == 0, finished.err
    assert "Jobs by test score" in finished.err
    everything = runs(tmp_path)
    parent = next(run for run in everything if run.info.run_name and run.info.run_name.startswith("sweep "))
    jobs = {job.info.run_id: job for job in children(everything, parent.info.run_id)}
    rows = table(tmp_path)
    assert parent.info.status == "FINISHED"
    assert len(rows) == len(jobs) == 12
    assert {row["run_id"] for row in rows} == set(jobs)
    for row in rows:
        for score in ("euclidean_mean_mm", "accuracy"):
            if row[score]:
                assert float(row[score]) == pytest.approx(
                    jobs[row["run_id"]].data.metrics[f"test/{score}"], abs=1e-4
                )
    errors = [float(row["euclidean_mean_mm"]) for row in rows if row["euclidean_mean_mm"]]
    assert errors == sorted(errors)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert {"sweep.csv", "sweep.json"} <= {entry.path for entry in client.list_artifacts(parent.info.run_id)}


def test_a_sweep_that_is_interrupted_is_closed_and_goes_on(tmp_path: Path) -> None:
    command = ["-m", "seed=1,2,3", "skip_finished=true", *TINY]
    process = subprocess.Popen(
        [sys.executable, "-m", "forcepos", *command], cwd=tmp_path, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    ended = 0
    for line in process.stderr:
        ended += "outputs: " in line
        if ended == 1 and "trial 1 of 1" in line:
            break
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    assert process.wait(timeout=60) == 130
    assert not [run for run in runs(tmp_path) if run.info.status == "RUNNING"]
    parent = next(run for run in runs(tmp_path) if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.status == "FAILED"
    again = forcepos(command, tmp_path)
    assert again.code == 0, again.err
    assert again.err.count("finished before, in ") == 1
    assert len(again.out.splitlines()) == 3
    assert [row["status"] for row in table(tmp_path)] == ["FINISHED"] * 3
    assert not [run for run in runs(tmp_path) if run.info.status == "RUNNING"]


def test_a_finished_job_is_left_out_only_with_the_same_config_and_data(tmp_path: Path) -> None:
    skip = [*TINY, "skip_finished=true"]
    first = forcepos(skip, tmp_path)
    assert forcepos(skip, tmp_path).out == first.out
    assert "finished before, in " not in forcepos([*skip, "training.final_epochs=1"], tmp_path).err
    assert "finished before, in " not in forcepos([*skip, "data.seed=2"], tmp_path).err
    assert "finished before, in " not in forcepos(TINY, tmp_path).err
