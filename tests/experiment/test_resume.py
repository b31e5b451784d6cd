"""Going on with what was interrupted, and with what is known already."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import PLATE, children, runs, trial_numbers
from tests.running import PLAIN, read_until, start
from tests.running import forcepos as in_new_process
from tests.runtime.test_files import strictly_parsed
from tests.warm import Started, forcepos

SEARCH = ["debug=smoke", "model=ffnn_regression", "tuner=random", *PLAIN]


def start_until(words: str, arguments: list[str], folder: Path) -> Started:
    """A process that has just said these words."""
    process = Started(arguments, folder)
    read_until(process.stderr, words)
    return process


@pytest.mark.system
def test_the_same_command_goes_on_with_the_same_run_after_kill_9(tmp_path: Path) -> None:
    command = [*SEARCH, "tuner.max_trials=4"]
    killed = start_until("trial 3 of 4", command, tmp_path)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(60) == -signal.SIGKILL
    statuses = [run.info.status for run in runs(tmp_path)]
    assert statuses.count("FINISHED") == 2
    assert "RUNNING" in statuses
    finished = forcepos(command, tmp_path)
    assert finished.code == 0, finished.err
    assert "2 of 4 trials from an earlier run" in finished.err
    everything = runs(tmp_path)
    jobs = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert [job.info.run_id for job in jobs] == [finished.result["run_id"]]
    assert {run.info.status for run in everything} == {"FINISHED"}
    assert trial_numbers(everything, jobs[0].info.run_id) == ["trial 1", "trial 2", "trial 3", "trial 4"]


@pytest.mark.system
def test_a_kill_while_the_database_is_made_leaves_nothing_that_the_next_run_cannot_use(tmp_path: Path) -> None:
    killed = start([*SEARCH, "tuner.max_trials=1"], tmp_path, stderr=subprocess.DEVNULL)  # makes it by migrations
    unfinished = tmp_path / "mlruns" / "mlflow.db.unfinished"
    while not (unfinished.is_file() and unfinished.stat().st_size):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()
    finished = forcepos([*SEARCH, "tuner.max_trials=1"], tmp_path)
    assert finished.code == 0, finished.err
    assert not unfinished.exists()
    assert {run.info.status for run in runs(tmp_path)} == {"FINISHED"}


@pytest.mark.system
def test_the_same_command_goes_on_after_its_files_were_damaged(tmp_path: Path) -> None:
    command = [*SEARCH, "tuner.max_trials=2", "skip_finished=true"]
    first = forcepos(command, tmp_path)
    damaged = [next(tmp_path.glob(f"outputs/{name}")) for name in ("search/*/trial_0001.json", "finished/*.json")]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:20])
    again = forcepos(command, tmp_path)
    assert again.code == 0, again.err
    told = [line.partition(" warning: ")[2] for line in again.err.splitlines() if " is damaged (" in line]
    assert [line.partition(" is damaged (")[0] for line in told] == [str(path) for path in reversed(damaged)]
    assert [line.partition("moved to ")[2] for line in told] == [
        f"{damaged[1].name}.damaged; the run is done again", "trial_0001.json.damaged; trial 1 is done again",
    ]  # fmt: skip
    assert "reused 1 of 2 trials from an earlier run" in again.err
    assert again.result["test"] == first.result["test"]


@pytest.mark.system
def test_more_trials_extend_a_search_and_the_new_run_shows_them_all(tmp_path: Path) -> None:
    forcepos([*SEARCH, "tuner.max_trials=2"], tmp_path)
    more = forcepos([*SEARCH, "tuner.max_trials=3"], tmp_path)
    trials = children(runs(tmp_path), more.result["run_id"])
    assert "2 of 3 trials from an earlier run" in more.err
    assert trial_numbers(runs(tmp_path), more.result["run_id"]) == ["trial 1", "trial 2", "trial 3"]
    assert all(trial.data.metrics["objective"] > 0 for trial in trials)


def test_a_second_process_at_the_same_search_is_told_and_stops(tmp_path: Path) -> None:
    command = [*SEARCH, "training.epochs=100000"]
    first = start_until("trial 1 of 2", command, tmp_path)
    second = forcepos(command, tmp_path)
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    assert second.code == 1
    assert second.err.splitlines()[-1].startswith(
        f"error: another process works on this search, {tmp_path}/outputs/search/"
    )


def test_failed_trials_are_recorded_with_their_reason_and_too_many_end_the_run(tmp_path: Path) -> None:
    diverging = [
        "model.space.lr.min=1e30",
        "model.space.lr.max=1e31",
        "tuner.max_trials=4",
        "tuner.max_failures=2",
    ]
    finished = forcepos([*SEARCH, "training.epochs=3", "model.scaling=none", *diverging], tmp_path)
    assert finished.code == 1
    assert finished.out == ""
    message = finished.err.splitlines()[-1]
    assert message.startswith("error: 2 of 2 trials failed, the last one with: the loss is not finite in epoch ")
    assert message.endswith("; raise tuner.max_failures to continue all the same")
    everything = runs(tmp_path)
    assert {run.info.status for run in everything} == {"FAILED"}
    trials = [run for run in everything if "mlflow.parentRunId" in run.data.tags]
    assert len(trials) == 2
    assert all(trial.data.tags["reason"].startswith("the loss is not finite in epoch ") for trial in trials)
    kept = [strictly_parsed(path.read_text()) for path in (tmp_path / "outputs" / "search").rglob("trial_*.json")]
    assert [trial["history"][0][-1]["loss"] for trial in kept] == [None, None]


@pytest.mark.system
def test_hyperparameters_of_a_run_are_trained_without_a_search(tmp_path: Path) -> None:
    first = forcepos([*SEARCH, "tuner.max_trials=1"], tmp_path)
    fixed = ["debug=smoke", "model=ffnn_regression", "tuner=fixed", *PLAIN]
    again = forcepos([*fixed, f"tuner.hyperparameters=runs:/{first.result['run_id']}"], tmp_path)
    assert again.code == 0, again.err
    assert again.result["best_hyperparameters"] == first.result["best_hyperparameters"]
    assert again.result["test"] == first.result["test"]
    assert children(runs(tmp_path), again.result["run_id"]) == []


def test_a_final_training_that_diverges_ends_the_run_in_a_line_and_leaves_no_result(tmp_path: Path) -> None:
    values = {"num_layers": 1, "units_0": 32, "activation": "relu", "dropout": False, "lr": 1e30, "batch_size": 32}
    (tmp_path / "f.json").write_text(json.dumps(values))
    fixed = ["debug=smoke", "model=ffnn_regression", "tuner=fixed", "tuner.hyperparameters=f.json", *PLAIN]
    finished = forcepos([*fixed, "hydra.run.dir=run"], tmp_path)
    assert (finished.code, finished.out) == (1, "")
    reason = "final training with lr=1e+30 failed: the loss is not finite in epoch 1; lower lr in f.json"
    assert finished.err.splitlines()[-1] == f"error: {reason}"
    assert not {"result.json", "model.keras"} & {path.name for path in (tmp_path / "run").iterdir()}
    (run,) = runs(tmp_path)
    assert (run.info.status, run.data.tags["reason"]) == ("FAILED", f"InputError: {reason}")
    assert run.data.metrics == {}


def test_hyperparameters_that_no_network_has_are_told_before_the_data_are_read(tmp_path: Path) -> None:
    """And before TensorFlow is loaded, which takes seconds."""
    (tmp_path / "f.json").write_text('{"num_layers": 1, "units_0": 0}')
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow is needed')")
    fixed = [
        "model=ffnn_regression",
        "tuner=fixed",
        "tuner.hyperparameters=f.json",
        "data=versuch",
        "data.path=no",
    ]
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    finished = in_new_process(fixed, tmp_path, PYTHONPATH=path)
    assert (finished.code, finished.out) == (1, "")
    assert finished.err.splitlines()[1:] == ["error: tuner.hyperparameters=f.json: units_0=0 must be at least 1"]
    assert not (tmp_path / "mlruns").exists()


def test_hyperparameters_of_no_run_are_an_error(tmp_path: Path) -> None:
    finished = forcepos(["debug=smoke", "tuner=fixed", "tuner.hyperparameters=runs:/0123"], tmp_path)
    assert finished.code == 1
    assert finished.err.splitlines()[-1] == (
        "error: tuner.hyperparameters=runs:/0123 names no run with best hyperparameters"
    )


@pytest.mark.system
def test_the_notebooks_preset_trains_the_network_of_a_notebooks_file(tmp_path: Path) -> None:
    source = PLATE.parent / "best_hyperparameters" / "versuch_own_ffnn_regression_1_2.obj"
    finished = forcepos(
        ["experiment=notebook_ffnn_regression", "data=versuch", f"data.path={PLATE}", "training.final_epochs=3",
         "tuner=fixed", f"tuner.hyperparameters={source}", *PLAIN], tmp_path,
    )  # fmt: skip
    assert finished.code == 0, finished.err
    assert finished.result["best_hyperparameters"]["units_4"] == 224
