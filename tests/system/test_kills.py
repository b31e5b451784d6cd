"""A real search, killed again and again, ends as if it had never been."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import children, forcepos, runs

pytestmark = pytest.mark.system

# About two seconds a trial, so that kills fall into start-up, trials, the writing of results and the end.
SEARCH = ["debug=smoke", "model=ffnn_regression", "data.rows=300", "training.epochs=4", "evaluation.figures=false"]


def search_of(tuner: str) -> list[str]:
    return [*SEARCH, f"tuner={tuner}", *([] if tuner == "hyperband" else ["tuner.max_trials=12"])]


def trials(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("outputs/search/*/trial_*.json"))]


def kill_after(command: list[str], folder: Path, seconds: float, sent: int) -> bool:
    """Run the command and kill it; False if it was finished before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "forcepos", *command],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(sent)
        process.wait(timeout=60)
        return True
    return False


@pytest.mark.parametrize(("tuner", "kills"), [("random", 20), ("bayesian", 20), ("grid", 6), ("hyperband", 6)])
def test_a_search_killed_at_random_moments_equals_an_uninterrupted_one(
    tuner: str, kills: int, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    started = time.monotonic()
    expected = forcepos(search_of(tuner), whole)
    assert expected.code == 0, expected.err
    length = time.monotonic() - started
    chance = random.Random(1)  # noqa: S311  # moments, not secrets
    killed = 0
    for _ in range(kills):
        sent = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        killed += kill_after(search_of(tuner), parts, chance.uniform(0.2, 0.6) * length, sent)
    ended = forcepos(search_of(tuner), parts)
    assert ended.code == 0, ended.err
    assert ended.result["test"] == expected.result["test"]
    assert [trial["number"] for trial in trials(parts)] == [trial["number"] for trial in trials(whole)]
    assert [trial["hyperparameters"] for trial in trials(parts)] == [
        trial["hyperparameters"] for trial in trials(whole)
    ]
    assert [trial["score"] for trial in trials(parts)] == [trial["score"] for trial in trials(whole)]
    assert not list(parts.glob("outputs/search/*/*.unfinished"))
    everything = runs(parts)
    assert not [run for run in everything if run.info.status == "RUNNING"]
    last = children(everything, ended.result["run_id"])
    assert sorted(run.info.run_name or "" for run in last) == sorted(
        f"trial {number + 1}" for number in range(len(trials(whole)))
    )
    assert {run.info.status for run in last} == {"FINISHED"}
    parents = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    print(f"{tuner}: {killed} kills, {len(last)} trials, {len(parents)} run trees")
    assert killed >= kills // 2
