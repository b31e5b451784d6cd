"""A real search, killed again and again, ends as if it had never been."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import children, runs
from tests.running import PLAIN
from tests.warm import Started, forcepos

pytestmark = pytest.mark.system

# About a second a trial, so that kills fall into start-up, trials and the writing of results.
SEARCH = ["debug=smoke", "model=ffnn_regression", "training.epochs=2", *PLAIN]
MORE = {"hyperband": ["training.epochs=9", "tuner.max_trials=null"]}


def search_of(tuner: str) -> list[str]:
    return [*SEARCH, f"tuner={tuner}", *MORE.get(tuner, ["tuner.max_trials=22"])]


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
    names = [run.info.run_name or "" for run in children(everything, ended.result["run_id"])]
    assert sorted(names) == sorted(f"trial {trial['number']}" for trial in trials(whole))
    print(f"\n{tuner}: {killed} kills with {found_before} of {len(names)} trials done by then, 0 lost, 0 repeated")
    assert killed == kills
