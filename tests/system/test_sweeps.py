"""Sweeps: the table of jobs, jobs that are finished already, Ctrl-C."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import joblib
import mlflow
import psutil
import pytest

from tests.conftest import children, runs
from tests.running import PLAIN, forcepos, start

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


HYPERPARAMETERS = {
    "conv_input_filter": 16, "conv_input_kernel": 3, "conv_input_activation": "relu", "num_layers": 1,
    "conv_0_filter": 16, "conv_0_kernel": 3, "conv_0_activation": "relu", "dropout": False, "lr": 4e-3,
    "batch_size": 16,
}  # fmt: skip


def test_a_ladder_trains_what_it_is_given_on_every_split_and_draws_it(tmp_path: Path) -> None:
    (tmp_path / "best.json").write_text(json.dumps(HYPERPARAMETERS))
    small = ["debug=smoke", "training.final_epochs=2", "evaluation.figures=false", "evaluation.oracle=false"]
    finished = forcepos(["experiment=ladder", "tuner.hyperparameters=best.json", *small], tmp_path)
    assert finished.code == 0, finished.err
    (page,) = tmp_path.glob("outputs/sweeps/*/ladder.html")
    assert f"from split to split: {page.relative_to(tmp_path)}\n" in finished.err
    html, splits = page.read_text(), ["random", "blocked", "held_out_recordings", "held_out_points"]
    titles = [
        "split",
        "model",
        "mean or most frequent class",
        "linear model",
        "boosted trees",
        "what may be claimed",
    ]
    assert re.findall(r'<th scope="col">(.*?)</th>', html) == titles
    assert re.findall("<tr><td>(.*?)</td>", html) == splits
    results = [json.loads(line) for line in finished.out.splitlines()]
    assert [result["also"] for result in results] == [None] * 4
    assert [result["verdict"] in html for result in results] == [True] * 4
    assert [result["verdict"].count(" it knows, ") for result in results] == [0, 1, 1, 0]
    parent = next(run for run in runs(tmp_path) if "mlflow.parentRunId" not in run.data.tags)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert "ladder.html" in {entry.path for entry in client.list_artifacts(parent.info.run_id)}


def test_a_ladder_ends_in_a_session_that_was_never_seen_where_the_data_have_sessions(tmp_path: Path) -> None:
    table = ["data=table", "data.path=none.csv", "data.features=[Fx]", "data.targets=[x]", "data.session=day"]
    (tmp_path / "best.json").write_text(json.dumps(HYPERPARAMETERS))
    ladder = ["experiment=ladder", "tuner.hyperparameters=best.json", "fail_fast=true", *table]
    assert (
        "the jobs differ in split=random,blocked,held_out_recordings,held_out_points,held_out_sessions\n"
        in forcepos(ladder, tmp_path).err
    )
    fewer = forcepos([*ladder, "split=blocked,held_out_sessions"], tmp_path)
    assert "the jobs differ in split=blocked,held_out_sessions\n" in fewer.err


def test_a_sweep_that_is_interrupted_is_closed_and_goes_on(tmp_path: Path) -> None:
    command = ["-m", "seed=1,2,3", "skip_finished=true", *TINY]
    process = start(command, tmp_path, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    ended = 0
    for line in process.stderr:
        ended += ": outputs: " in line
        if ended == 1 and "trial 1 of 1" in line:
            break
    process.send_signal(signal.SIGINT)
    told = process.stderr.read()
    assert process.wait(timeout=60) == 130
    assert not [run for run in runs(tmp_path) if run.info.status == "RUNNING"], told
    parent = next(run for run in runs(tmp_path) if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.status == "FAILED"
    again = forcepos(command, tmp_path)
    assert again.code == 0, again.err
    assert again.err.count("finished before, in ") == 1
    assert len(again.out.splitlines()) == 3
    assert [row["status"] for row in table(tmp_path)] == ["FINISHED"] * 3
    assert not [run for run in runs(tmp_path) if run.info.status == "RUNNING"]


def test_jobs_side_by_side_are_one_sweep_and_share_the_cores(tmp_path: Path) -> None:
    side_by_side = ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    # A preset with a resolver of ours: a worker process does not know it by itself.
    preset = "experiment=notebook_ffnn_regression"
    finished = forcepos([*side_by_side, "seed=1,2,3", preset, *TINY], tmp_path)
    assert finished.code == 0, finished.err
    assert len(finished.out.splitlines()) == 3
    everything = runs(tmp_path)
    assert {run.info.status for run in everything} == {"FINISHED"}
    (parent,) = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    jobs = children(everything, parent.info.run_id)
    cores = joblib.cpu_count()
    assert [job.data.tags["device"] for job in jobs] == [f"CPU, {max(1, cores // 2)} of {cores} cores"] * 3
    assert [len(children(everything, job.info.run_id)) for job in jobs] == [1, 1, 1]
    assert [row["status"] for row in table(tmp_path)] == ["FINISHED"] * 3


def test_jobs_side_by_side_that_fail_are_told_by_number_and_the_others_go_on(tmp_path: Path) -> None:
    finished = forcepos(["-m", "hydra/launcher=joblib", "data.rows=5,100,6", *TINY], tmp_path)
    assert finished.code == 1
    assert "Traceback" not in finished.err
    assert [row["job"] for row in table(tmp_path)] == ["1", "0", "2"]
    *_, table_end, first, second = finished.err.splitlines()
    assert table_end.split()[:1] == ["2"]  # the table's last row
    for number, rows, line in ((0, 5, first), (2, 6, second)):
        assert line.startswith(
            f"job {number}: the recordings cannot be used: recording 0,0 visit 1: {rows} rows, too short for "
        )
        assert line.endswith("failure.txt)")


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_fail_fast_ends_the_jobs_side_by_side(launcher: str, tmp_path: Path) -> None:
    endless = ["training.epochs=100000", *TINY]
    finished = forcepos(
        ["-m", f"hydra/launcher={launcher}", "data.rows=100,5,101", "fail_fast=true", *endless], tmp_path
    )
    assert finished.code == 1
    assert "Traceback" not in finished.err
    *_, failure, rest = finished.err.splitlines()
    assert failure.startswith(
        "error: job 1: the recordings cannot be used: recording 0,0 visit 1: 5 rows, too short"
    )
    assert rest == "2 of 3 jobs were not run to their end: the same command resumes the sweep"
    assert {row["status"] for row in table(tmp_path)} == {"FAILED"}
    assert {run.info.status for run in runs(tmp_path)} <= {"FAILED", "KILLED"}
    left = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]  # none of a zombie
    assert not [words for words in left if str(tmp_path) in " ".join(words)]


def test_jobs_of_a_sweep_that_share_a_search_train_its_trials_once(tmp_path: Path) -> None:
    tiny = [override for override in TINY if not override.startswith("training.final_epochs")]
    launcher = ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    finished = forcepos([*launcher, "training.final_epochs=1,2", *tiny], tmp_path)
    assert finished.code == 0, finished.err
    assert finished.err.count("another process works on this search") == 1
    assert finished.err.count("1 of 1 trials from an earlier run") == 1
    assert len(list(tmp_path.glob("outputs/search/*/trial_*.json"))) == 1


@pytest.mark.parametrize("to_all", [True, False], ids=["Ctrl-C", "kill -INT"])
def test_an_interrupted_sweep_of_jobs_side_by_side_leaves_nothing_running(to_all: bool, tmp_path: Path) -> None:
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    endless = [*launcher, "seed=1,2,3", "training.epochs=100000", *TINY]
    process = start(["-m", *endless], tmp_path, start_new_session=True, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    training: set[str] = set()
    for line in process.stderr:
        training |= {line.split()[2]} if "trial 1 of 1, epoch" in line else set()
        if len(training) == 2:
            break
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 2
    if to_all:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 130
    assert "interrupted" in rest
    assert psutil.wait_procs(started, timeout=10)[1] == []
    statuses = sorted(run.info.status for run in runs(tmp_path))
    assert statuses == ["FAILED", *["KILLED"] * 4]  # the sweep, two jobs, two trials


def test_a_finished_job_is_left_out_only_with_the_same_config_and_data(tmp_path: Path) -> None:
    skip = [*TINY, "skip_finished=true"]
    first = forcepos(skip, tmp_path)
    assert forcepos(skip, tmp_path).out == first.out
    assert "finished before, in " not in forcepos([*skip, "training.final_epochs=1"], tmp_path).err
    assert "finished before, in " not in forcepos([*skip, "data.seed=2"], tmp_path).err
    assert "finished before, in " not in forcepos(TINY, tmp_path).err
