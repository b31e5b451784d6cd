"""One search, many workers: real processes, killed at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import runs, trial_numbers
from tests.running import PLAIN, forcepos, read_until, start

pytestmark = pytest.mark.system

# Epochs of a trial take seconds, so that a kill finds the workers at trials.
SEARCH = [
    "debug=smoke", "model=ffnn_regression", "tuner=random", "tuner.max_trials=6", "tuner.workers=2",
    "training.epochs=60", *PLAIN,
]  # fmt: skip


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Processes that multiprocessing has spawned, its resource tracker left out."""
    found = psutil.Process(process.pid).children()
    return [child for child in found if "--multiprocessing-fork" in child.cmdline()]


def trials(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("outputs/search/*/trial_*.json"))]


def check_tree(folder: Path, run_id: str) -> None:
    """One run, with six trials of different hyperparameters, all of them finished."""
    everything = runs(folder)
    assert [run.info.run_id for run in everything if "mlflow.parentRunId" not in run.data.tags] == [run_id]
    assert {run.info.status for run in everything} == {"FINISHED"}
    assert trial_numbers(everything, run_id) == [f"trial {number}" for number in range(1, 7)]
    assert len({json.dumps(trial["hyperparameters"], sort_keys=True) for trial in trials(folder)}) == 6


def test_the_trial_of_a_killed_worker_is_done_by_the_next_one(tmp_path: Path) -> None:
    process = start(SEARCH, tmp_path)
    read_until(process.stderr, "trial 2: ")
    victim = workers_of(process)[0]
    victim.kill()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "was ended by SIGKILL" in err
    result = json.loads(out)
    check_tree(tmp_path, result["run_id"])
    assert len(trials(tmp_path)) == 6
    print("\n1 worker killed, 6 of 6 trials, 0 lost, 0 repeated")


def test_a_killed_main_process_takes_its_workers_with_it_and_is_gone_on_with(tmp_path: Path) -> None:
    process = start(SEARCH, tmp_path)
    read_until(process.stderr, "trial 3: ")
    workers = workers_of(process)
    assert len(workers) == 2
    process.kill()
    process.communicate(timeout=60)
    gone, alive = psutil.wait_procs(workers, timeout=20)
    assert (len(gone), alive) == (2, [])
    kept = trials(tmp_path)
    again = forcepos(SEARCH, tmp_path)
    assert again.code == 0, again.err
    assert f"{len(kept)} of 6 trials from an earlier run" in again.err
    assert [trial for trial in trials(tmp_path) if trial in kept] == kept
    check_tree(tmp_path, again.result["run_id"])
    print(f"\nmain process killed with {len(kept)} of 6 trials done, 0 lost, 0 repeated")


def test_ctrl_c_ends_the_main_process_and_its_workers(tmp_path: Path) -> None:
    process = start(SEARCH, tmp_path)
    read_until(process.stderr, "trial 1 of 6")
    workers = workers_of(process)
    time.sleep(1)
    for each in (process.pid, *(worker.pid for worker in workers)):  # as a terminal does
        os.kill(each, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    assert not [run for run in runs(tmp_path) if run.info.status == "RUNNING"]
