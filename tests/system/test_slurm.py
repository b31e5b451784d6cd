"""Sweeps through submitit: on a real Slurm that this machine is for as long, and as processes without one."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import joblib
import pytest

from tests import warm
from tests.conftest import children, runs, trial_numbers
from tests.running import PLAIN, forcepos
from tests.system.slurm import Cluster, cluster, missing
from tests.system.test_sweeps import TINY, table

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("slurm")]  # one cluster for all

needs_slurm = pytest.mark.skipif(
    bool(missing()),
    reason=f"no Slurm on this machine, it lacks {', '.join(missing())}: apt-get install slurm-wlm munge",
)
SMALL_JOBS = ["hydra/launcher=slurm_cpu", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"]


@pytest.fixture(scope="module")
def slurm() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


def logs(folder: Path, kind: str) -> str:
    """What the sweep's jobs wrote to `kind`, out or err."""
    return "".join(path.read_text() for path in sorted(folder.glob(f"outputs/sweeps/*/.submitit/*/*_log.{kind}")))


def seconds_of_a_trial(search: list[str], folder: Path) -> float:
    """What a trial takes on this machine, the first one left out: it waits for more."""
    assert warm.forcepos([*search, "tuner.max_trials=3"], folder).code == 0
    trials = [run.info for run in runs(folder) if "mlflow.parentRunId" in run.data.tags]
    return float(sum(trial.end_time - trial.start_time for trial in trials[1:])) / 1000 / len(trials[1:])


def assert_one_tree_of_two(folder: Path, device: str) -> None:
    everything = runs(folder)
    assert {run.info.status for run in everything} == {"FINISHED"}
    parents = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    jobs = children(everything, parents[0].info.run_id)
    assert sorted(job.data.params["seed"] for job in jobs) == ["1", "2"]
    assert [len(children(everything, job.info.run_id)) for job in jobs] == [1, 1]
    assert {job.data.tags["device"] for job in jobs} == {device}
    assert [row["status"] for row in table(folder)] == ["FINISHED", "FINISHED"]


@needs_slurm
def test_a_sweep_runs_as_jobs_of_a_cluster(slurm: Cluster, tmp_path: Path) -> None:
    finished = forcepos(["-m", *SMALL_JOBS, "seed=1,2", *TINY], tmp_path, 300, **slurm.environment)
    assert finished.code == 0, finished.err + logs(tmp_path, "err")
    results = sorted(tmp_path.glob("outputs/sweeps/*/*/result.json"))
    assert [json.loads(line) for line in finished.out.splitlines()] == [
        json.loads(path.read_text()) for path in results
    ]
    assert_one_tree_of_two(tmp_path, "CPU, 1 of 1 cores")


@needs_slurm
def test_a_failing_job_of_a_cluster_is_told_by_number_and_the_others_go_on(slurm: Cluster, tmp_path: Path) -> None:
    finished = forcepos(["-m", *SMALL_JOBS, "data.rows=5,100", *TINY], tmp_path, 300, **slurm.environment)
    assert finished.code == 1
    assert "Traceback" not in finished.err
    assert [row["status"] for row in table(tmp_path)] == ["FINISHED", "FAILED"]
    assert finished.err.splitlines()[-1].startswith(
        "job 0: the recordings cannot be used: recording 0,0 visit 1: 5 rows, too short for one window of 10"
    )


@needs_slurm
def test_fail_fast_cancels_the_jobs_of_a_cluster(slurm: Cluster, tmp_path: Path) -> None:
    endless = [*SMALL_JOBS, "training.epochs=100000", *TINY]
    finished = forcepos(["-m", "data.rows=5,100", "fail_fast=true", *endless], tmp_path, 300, **slurm.environment)
    assert finished.code == 1
    assert "Traceback" not in finished.err
    assert finished.err.splitlines()[-1] == (
        "1 of 2 jobs were not run to their end: the same command resumes the sweep"
    )
    squeue = ["squeue", "--noheader", "--format=%i", "--states=PENDING,RUNNING"]
    left = subprocess.run(
        squeue, env={**os.environ, **slurm.environment}, capture_output=True, text=True, check=True
    )
    assert not [job for job in left.stdout.split() if job.endswith("_1")], "it trains for ever"


@needs_slurm
def test_a_job_at_its_time_limit_is_queued_again_and_goes_on_with_its_search(
    slurm: Cluster, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    search = ["debug=smoke", "model=ffnn_regression", "tuner=random", "training.epochs=60", *PLAIN]
    # The warning comes 96 to 110 s after the start. The first start begins late, with work for twice what is left.
    limits = [
        "hydra.launcher.timeout_min=2",
        "hydra.launcher.signal_delay_s=5",
        "hydra.launcher.setup=['[ $SLURM_RESTART_COUNT ] || sleep 60']",
    ]
    trials = math.ceil(100 / seconds_of_a_trial(search, tmp_path_factory.mktemp("measured")))
    finished = forcepos(
        ["-m", *SMALL_JOBS, *limits, "seed=1", f"tuner.max_trials={trials}", *search],
        tmp_path,
        900,
        **slurm.environment,
    )
    told = logs(tmp_path, "err")
    assert finished.code == 0, finished.err + told

    numbers = list(range(1, trials + 1))
    files = sorted(tmp_path.glob("outputs/search/*/trial_*.json"))
    ended = Counter(int(number) for number in re.findall(r"job 0: trial (\d+): val_mae", told))
    assert len(files) == trials
    assert sorted(ended) == numbers, "a trial was lost"
    assert set(ended.values()) == {1}, "a trial was repeated"

    everything = runs(tmp_path)
    assert {run.info.status for run in everything} == {"FINISHED"}
    (parent,) = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    (job,) = children(everything, parent.info.run_id)
    assert trial_numbers(everything, job.info.run_id) == sorted(f"trial {number}" for number in numbers)
    restarts = int(job.data.tags["slurm.restarts"])
    assert restarts == logs(tmp_path, "out").count("Requeued job") >= 1
    seen = f"queued again {restarts} times at a limit of two minutes: {trials} trials"
    print(f"\n{seen}, 0 lost, 0 repeated, one run")


@needs_slurm
def test_workers_of_one_task_share_a_search(slurm: Cluster, tmp_path: Path) -> None:
    """What as many tasks of a step did before: all trials once, in one run."""
    search = ["debug=smoke", "tuner=random", "tuner.max_trials=6", "training.epochs=20", *PLAIN]
    done = srun(slurm, tmp_path, ["--ntasks=1", "--cpus-per-task=2"], [*search, "tuner.workers=2"])
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    everything = runs(tmp_path)
    assert {run.info.status for run in everything} == {"FINISHED"}
    assert len(children(everything, json.loads(line)["run_id"])) == 6
    assert len(everything) == 7
    journal = next(tmp_path.glob("outputs/search/*/journal.jsonl")).read_text()
    assert journal.count("begun") == journal.count("ended") == 6
    assert len(list(tmp_path.glob("outputs/runs/*/worker_[12].log"))) == 2


@needs_slurm
def test_a_step_of_several_tasks_is_refused(slurm: Cluster, tmp_path: Path) -> None:
    done = srun(slurm, tmp_path, ["--ntasks=2", "--cpus-per-task=1"], ["tuner.workers=2"])
    assert done.returncode != 0
    assert (
        "error: Slurm runs this command as 2 tasks, each of which would do the whole run: ask for one task, "
        "srun --ntasks=1 --cpus-per-task=2 …, and set tuner.workers=2"
    ) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mlruns").exists()


def srun(slurm: Cluster, folder: Path, step: list[str], arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """The command as a step of the cluster's."""
    command = ["srun", *step, "--mem=4G", "--time=5", sys.executable, "-m", "forcepos", *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | slurm.environment, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip


def test_a_sweep_runs_as_processes_of_submitit(tmp_path: Path) -> None:
    launcher = ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"]
    finished = forcepos(["-m", *launcher, "seed=1,2", *TINY], tmp_path)
    assert finished.code == 0, finished.err + logs(tmp_path, "err")
    assert len(finished.out.splitlines()) == 2
    cores = joblib.cpu_count()
    assert_one_tree_of_two(tmp_path, f"CPU, {max(1, cores // 2)} of {cores} cores")
