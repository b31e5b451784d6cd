"""A signal that a library swallows while a run is saved: keras' file formats call Python from C."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

from forcepos.experiment.inputs import read_inputs
from forcepos.experiment.run import run_experiment
from forcepos.runtime import interruption
from forcepos.runtime.interruption import Interrupted, listen
from tests.conftest import checked_config, children, runs
from tests.running import QUICK


@pytest.fixture(autouse=True)
def _listening(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Answer signals as the command line does, and forget them afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(interruption, "_received", [])
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    listen()
    yield
    for number, answer in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, answer)


def run_in(folder: Path) -> dict[str, Any]:
    config = checked_config(*QUICK, "model=ffnn_regression", "tracking.uri=sqlite:///mlruns/mlflow.db")
    folder.mkdir()
    return run_experiment(config, read_inputs(config), folder, [])


def interrupted_save(model: keras.Model, path: Path) -> None:
    path.write_bytes(b"half of a model")
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except Interrupted:
        return


@pytest.mark.system
def test_a_signal_that_is_swallowed_while_the_model_is_saved_ends_the_run_and_the_next_one_replaces_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "save", interrupted_save)
        with pytest.raises(Interrupted) as raised:
            run_in(tmp_path / "first")
    assert raised.value.exit_code == 130
    assert not (tmp_path / "first" / "result.json").exists()
    killed = next(run for run in runs(tmp_path) if "mlflow.parentRunId" not in run.data.tags)
    assert (killed.info.status, killed.data.tags["reason"]) == ("KILLED", "interrupted")
    interruption._received.clear()
    result = run_in(tmp_path / "second")
    assert result["tracking"] == "complete"
    finished = next(run for run in runs(tmp_path) if "mlflow.parentRunId" not in run.data.tags)
    assert finished.info.run_id == result["run_id"]
    assert finished.data.tags["replaces"] == killed.info.run_id  # which held curves already
    assert [run.info.status for run in runs(tmp_path)] == ["FINISHED", "FINISHED"]
    assert len(children(runs(tmp_path), result["run_id"])) == 1
