"""Real runs, killed again and again, end as if that had never been: nothing lost, repeated, doubled or stuck."""

from __future__ import annotations

import json
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import children, runs, trial_numbers
from tests.running import PLAIN, Finished, start
from tests.running import forcepos as forcepos_cold
from tests.system.test_sweeps import table
from tests.warm import Started, forcepos

pytestmark = pytest.mark.system

# Half a second a trial, so that kills fall into start-up, trials and the writing of results, and so many that no
# kill comes after the last one: what has finished is another run when it is done again.
SEARCH = ["debug=smoke", "model=ffnn_regression", "training.epochs=2", *PLAIN]
MORE = {"hyperband": ["training.epochs=9", "tuner.max_trials=null"]}


def search_of(tuner: str) -> list[str]:
    return [*SEARCH, f"tuner={tuner}", *MORE.get(tuner, ["tuner.max_trials=36"])]


def trials(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("outputs/search/*/trial_*.json"))]


def kill(command: list[str], folder: Path, rng: random.Random) -> bool:
    """Run the command and kill it, one time in five while it starts, else within its first three trials."""
    process = Started(command, folder)
    if rng.random() < 0.2:
        time.sleep(rng.uniform(0, 4))
    else:
        for words in ["searching on", *["best so far"] * rng.randint(0, 2)]:
            next((line for line in process.stderr if words in line), "")
        time.sleep(rng.uniform(0, 1.5))
    running = process.running()
    process.send_signal(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
    told = process.stderr.read()
    code = process.wait(60)
    by_signal = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT}
    assert code in by_signal or not running, f"the signal got lost: the process ended with {code}: {told[-2000:]}"
    return running


@pytest.mark.parametrize(("tuner", "kills"), [("random", 12), ("bayesian", 12), ("grid", 6), ("hyperband", 6)])
def test_a_search_killed_at_random_moments_equals_an_uninterrupted_one(
    tuner: str, kills: int, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = forcepos(search_of(tuner), whole)
    assert expected.code == 0, expected.err
    rng = random.Random(1)  # noqa: S311  # moments, not secrets
    killed = sum(kill(search_of(tuner), parts, rng) for _ in range(kills))
    found_before = len(trials(parts))
    ended = forcepos(search_of(tuner), parts)
    assert ended.code == 0, ended.err

    for key in ("number", "hyperparameters", "score"):
        assert [trial[key] for trial in trials(parts)] == [trial[key] for trial in trials(whole)]
    assert ended.result["test"] == expected.result["test"]
    assert f"{found_before} of {len(trials(whole))} trials from an earlier run" in ended.err

    everything = runs(parts)
    trees = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.run_id for run in trees] == [ended.result["run_id"]]
    assert {run.info.status for run in everything} == {"FINISHED"}
    names = trial_numbers(everything, ended.result["run_id"])
    assert names == sorted(f"trial {trial['number']}" for trial in trials(whole))
    print(f"\n{tuner}: {killed} kills with {found_before} of {len(names)} trials done by then, 0 lost, 0 repeated")
    assert killed == kills
    check_counts(parts, tuner, killed, lost=0)


def check_counts(folder: Path, what: str, kills: int, lost: int) -> None:
    """Count trials that were lost or done again, and metric rows that occur twice: none."""
    repeated = sum(
        count - 1
        for journal in folder.glob("outputs/search/*/journal.jsonl")
        for count in Counter(line for line in journal.read_text().splitlines() if '"ended"' in line).values()
    )
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as database:
        query = "select count(*) from (select 1 from metrics group by run_uuid, key, step having count(*) > 1)"
        (doubled,) = database.execute(query).fetchone()
    print(
        f"{what}: {kills} kills, {lost} trials lost, {repeated} repeated, {doubled} metric rows doubled, 0 stuck"
    )
    assert (lost, repeated, doubled) == (0, 0, 0)


def tree(folder: Path) -> dict[str, Any]:
    """Names of runs below the only run that has no parent; every run has finished."""
    everything = runs(folder)
    assert {run.info.status for run in everything} == {"FINISHED"}
    (parent,) = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]

    def below(run_id: str) -> dict[str, Any]:
        found = children(everything, run_id)
        names = [
            f"{run.info.run_name} {run.data.params.get('seed')} {run.data.params.get('split.fold')}"
            for run in found
        ]
        assert len({*names}) == len(names), f"a run occurs twice: {names}"
        return dict(sorted((name, below(run.info.run_id)) for name, run in zip(names, found, strict=True)))

    return below(parent.info.run_id)


def kill_at(mark: str, command: list[str], folder: Path) -> None:
    """Run the command, and kill it as soon as there is one more file like `mark`, or a line with these words."""
    files = len(list(folder.glob(mark)))
    lines: list[str] = []
    process = Started(command, folder)
    reader = threading.Thread(target=lines.extend, args=(process.stderr,), daemon=True)
    reader.start()
    while process.running() and len(list(folder.glob(mark))) == files and not any(mark in line for line in lines):
        time.sleep(0.002)
    running = process.running()
    process.send_signal(signal.SIGKILL)
    reader.join(60)
    assert process.wait(60) == -signal.SIGKILL, f"ended before {mark}: {lines[-5:]}"
    assert running


RUN = ["debug=smoke", "model=ffnn_regression", "tuner=random", "evaluation.baselines=false"]
TWO_FOLDS = [*RUN, "split=cross_validation", "split.folds=2", "tuner.max_trials=1", *PLAIN]
TWO_JOBS = ["-m", "seed=1,2", "model=ffnn_regression", "tuner=random", "debug=smoke", *PLAIN]
SECOND_SPLIT = "samples: 1000 train"  # of split=held_out_points
FOLDER = "outputs/runs/*/"
SWEEP = "outputs/sweeps/*/"


@pytest.mark.parametrize(
    ("what", "command", "marks"),
    [
        (
            "a run",
            RUN,
            [
                "trial 1: val_mae", "outputs/search/*/trial_0002.json", SECOND_SPLIT,
                f"{FOLDER}model.keras", f"{FOLDER}tables/*.csv", f"{FOLDER}result.json",
                f"{FOLDER}figures/trials.png", f"{FOLDER}figures/error_map.svg", f"{FOLDER}report.html",
            ],
        ),
        (
            "folds",
            TWO_FOLDS,
            [
                "trial 1: val_mae", f"{FOLDER}fold_1/model.keras", "fold 2 of 2", f"{FOLDER}fold_2/model.keras",
                f"{FOLDER}fold_2/result.json", f"{FOLDER}folds.csv",
            ],
        ),
        (
            "a sweep",
            TWO_JOBS,
            [
                "job 0: trial 1: val_mae", f"{SWEEP}0/model.keras", f"{SWEEP}1/forcepos.log",
                "job 1: trial 2: val_mae", f"{SWEEP}1/model.keras", f"{SWEEP}sweep.csv",
            ],
        ),
    ],
    ids=["a run", "folds", "a sweep"],
)  # fmt: skip
def test_what_is_killed_in_every_phase_equals_an_uninterrupted_one(
    what: str, command: list[str], marks: list[str], tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = forcepos(command, whole)
    assert expected.code == 0, expected.err
    for mark in marks:
        kill_at(mark, command, parts)
    ended = forcepos(command, parts)
    assert ended.code == 0, ended.err
    assert scores(ended) == scores(expected)
    assert tree(parts) == tree(whole)
    lost = len(trials(whole)) - len(trials(parts))
    check_counts(parts, what, len(marks), lost)


def scores(finished: Finished) -> list[dict[str, Any]]:
    return [json.loads(line)["test"] for line in finished.out.splitlines()]


AT_WORK = "trial 1 of 3"  # whose epochs take seconds, so that a kill finds both workers at it
SLOW = ["debug=smoke", "model=ffnn_regression", "tuner=random", "training.epochs=60", "tuner.max_trials=3", *PLAIN]


def workers_of(process: subprocess.Popen[str], sign: str) -> list[psutil.Process]:
    """Processes below this one whose command line has `sign`, resource trackers left out."""
    found = [(child, " ".join(child.cmdline())) for child in psutil.Process(process.pid).children(recursive=True)]
    return [child for child, line in found if sign in line and "resource_tracker" not in line]


def start_until(at_work: int, command: list[str], folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start the command, and wait until so many processes are at their first trial; also return its log."""
    log = folder / "err"
    with log.open("w") as err:
        process = start(command, folder, stderr=err)
    logs = "outputs/sweeps/*/.submitit/*/*_log.err"
    before = sum(each.read_text().count(AT_WORK) for each in folder.glob(logs))
    while sum(each.read_text().count(AT_WORK) for each in [log, *folder.glob(logs)]) < before + at_work:
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    return process, log


@pytest.mark.parametrize(
    ("launcher", "sign"),
    [("joblib", "loky"), ("submitit_local", "submitit.core._submit")],
    ids=["joblib", "submitit"],
)
def test_a_job_that_is_killed_costs_a_sweep_that_job_only(launcher: str, sign: str, tmp_path: Path) -> None:
    command = ["-m", f"hydra/launcher={launcher}", "seed=1,2", *SLOW]
    process, log = start_until(2, command, tmp_path)
    worker, _ = workers_of(process, sign)
    worker.kill()
    out, _ = process.communicate(timeout=300)
    err = log.read_text()
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert re.fullmatch(
        r"job [01]: it ended unexpectedly: interrupted, killed, or out of memory", err.splitlines()[-1]
    )
    assert [row["status"] for row in table(tmp_path)] == ["FINISHED", "FAILED"]
    assert len(out.splitlines()) == 1

    process, _ = start_until(1, command, tmp_path)  # now the process that launches the job
    process.kill()
    process.wait(60)  # submitit's job outlives it, and has its standard output

    ended = forcepos_cold(command, tmp_path)
    assert ended.code == 0, ended.err
    assert "resuming this sweep" in ended.err
    assert [row["status"] for row in table(tmp_path)] == ["FINISHED", "FINISHED"]
    assert [len(below) for below in tree(tmp_path).values()] == [3, 3]
    check_counts(tmp_path, launcher, 2, lost=6 - len(trials(tmp_path)))


def test_workers_and_main_process_of_a_search_are_killed(tmp_path: Path) -> None:
    command = [*SLOW, "tuner.workers=2"]
    process, log = start_until(1, command, tmp_path)
    workers_of(process, "--multiprocessing-fork")[0].kill()
    while "was ended by SIGKILL" not in log.read_text():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    process.kill()
    process.wait(60)
    ended = forcepos_cold(command, tmp_path)
    assert ended.code == 0, ended.err
    check_counts(tmp_path, "tuner.workers=2", 2, lost=3 - len(trials(tmp_path)))
    assert len(tree(tmp_path)) == 3
