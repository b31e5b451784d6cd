"""Runs and sweeps that are killed and repeated in one folder, and others that are refused there."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.running import PLAIN
from tests.warm import Started, forcepos

pytestmark = pytest.mark.system

TINY = ["debug=smoke", "model=ffnn_regression", "tuner.max_trials=1", "training.final_epochs=1", *PLAIN[:2]]


def killed_once_there_is(path: Path, command: list[str]) -> None:
    process = Started(command, path.parents[1] if path.parent.name == "X" else path.parents[2])
    while process.running() and not path.exists():
        time.sleep(0.01)
    assert process.running()
    process.send_signal(signal.SIGKILL)
    process.stderr.read()
    process.wait(60)


@pytest.mark.parametrize("there", ["model.keras", "result.json", "figures"])
def test_a_run_killed_after_its_training_goes_on_in_its_folder_and_no_other_does(
    there: str, tmp_path: Path
) -> None:
    command = [*TINY, "hydra.run.dir=X"]
    killed_once_there_is(tmp_path / "X" / there, command)
    other = forcepos([*command, "seed=2"], tmp_path)
    assert other.err.splitlines() == [
        "error: X holds parts of an interrupted run of another command: choose another folder, or move it away"
    ]
    again = forcepos(command, tmp_path)
    assert again.code == 0, again.err
    assert json.loads((tmp_path / "X" / "result.json").read_text()) == again.result
    refused = forcepos(command, tmp_path)
    assert refused.code == 1
    assert refused.err.startswith("error: X holds the result of a finished run")


def test_a_cross_validation_killed_in_its_second_fold_goes_on_in_its_folder(tmp_path: Path) -> None:
    command = [*TINY, "split=cross_validation", "split.folds=2", "hydra.run.dir=X", "evaluation.figures=false"]
    killed_once_there_is(tmp_path / "X" / "fold_2" / "model.keras", command)
    again = forcepos(command, tmp_path)
    assert again.code == 0, again.err
    assert len(again.result["folds"]) == 2
    assert not list(tmp_path.glob("X/**/.unfinished"))


def test_a_second_sweep_in_a_folder_is_refused_before_a_job_starts_and_the_same_is_reused(tmp_path: Path) -> None:
    command = ["-m", "seed=1,2", *TINY, "evaluation.figures=false", "hydra.sweep.dir=X"]
    first = forcepos(command, tmp_path)
    assert first.code == 0, first.err
    asked = (tmp_path / "X" / "0" / ".hydra" / "overrides.yaml").read_text()
    for other, way_out in (
        (command, "set skip_finished=true to reuse it"),
        ([*command, "seed=3,4"], "move it away"),
    ):
        refused = forcepos(other, tmp_path)
        assert refused.code == 1
        assert refused.err.splitlines() == [
            f"error: X/0 holds the result of a finished run: choose another folder, or {way_out}"
        ]
    assert (tmp_path / "X" / "0" / ".hydra" / "overrides.yaml").read_text() == asked
    again = forcepos([*command, "skip_finished=true"], tmp_path)
    assert again.code == 0, again.err
    assert again.err.count("finished before, in ") == 2


def test_a_sweep_over_plain_values_of_a_space_works_in_any_directory(tmp_path: Path) -> None:
    plain = ["model.space.num_layers=1,2", "model.space.units=16", "model.space.lr=0.001"]
    moved = ["hydra.job.chdir=true", "hydra.sweep.dir=X", "tracking=none", "evaluation.figures=false"]
    swept = forcepos([TINY[0], *plain, "-m", *TINY[1:], *moved], tmp_path)
    assert swept.code == 0, swept.err
    assert len(swept.out.splitlines()) == 2
    best = swept.result["best_hyperparameters"]
    assert (best["num_layers"], best["units_1"], best["lr"]) == (2, 16, 0.001)
    assert len(list(tmp_path.glob("outputs/search/*/trial_*.json"))) == 2
    assert not list(tmp_path.glob("X/*/outputs"))
