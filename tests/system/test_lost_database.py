"""The database is deleted while a command is on: the same command records all of it, and trains nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import children, runs
from tests.running import PLAIN, read_until
from tests.warm import Started, forcepos

pytestmark = pytest.mark.system

RUN = ["debug=smoke", "model=ffnn_regression", "tuner=random", "tuner.max_trials=2", *PLAIN]
FOLDS = ["split=cross_validation", "split.folds=2"]
COMMANDS = {
    "run": ([*RUN], "trial 2: ", 1),
    "cross-validation": ([*RUN, *FOLDS], "fold 2 of 2", 2),
    "sweep": (["-m", "seed=1,2,3", *RUN], "job 1: trial 1: ", 3),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_everything_is_recorded_by_the_same_command(kind: str, tmp_path: Path) -> None:
    command, words, count = COMMANDS[kind]
    process = Started(command, tmp_path)
    read_until(process.stderr, words)
    (tmp_path / "mlruns" / "mlflow.db").unlink()
    told = process.stderr.read()
    assert process.wait(120) == 3, told
    assert told.splitlines()[-1].endswith("run the same command again to log what is missing")
    assert "Traceback" not in told

    again = forcepos(command, tmp_path)
    assert again.code == 0, again.err
    assert "trial 1: " not in again.err
    assert "final training" not in again.err
    everything = runs(tmp_path)
    assert {run.info.status for run in everything} == {"FINISHED"}
    trained = [run for run in everything if "best.lr" in run.data.params]
    assert len(trained) == count
    for run in trained:
        assert len(children(everything, run.info.run_id)) == 2
        assert {"validation/mae_mm", "test/euclidean_mean_mm"} <= set(run.data.metrics)
    (top,) = (run for run in everything if "mlflow.parentRunId" not in run.data.tags)
    assert len(children(everything, top.info.run_id)) == (2 if kind == "run" else count)
    models = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db").search_logged_models(["1"])
    assert {model.source_run_id for model in models} == {run.info.run_id for run in trained}
