"""The main job, from the command line to what MLflow holds."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from forcepos.config import SimulatedConfig
from forcepos.data.simulation import Simulation
from tests.conftest import MODELS, QUICK, Smoke, checked_config, children, forcepos, runs


@pytest.mark.parametrize("model", MODELS)
def test_a_run_prints_one_line_of_json_the_same_as_its_result_file(smoke: Smoke, model: str) -> None:
    finished, _ = smoke(model)
    assert finished.code == 0, finished.err
    assert len(finished.out.splitlines()) == 1
    result = finished.result
    assert json.loads(Path(result["outputs"], "result.json").read_text()) == result
    assert list(result)[:3] == ["run_id", "test", "baseline"]
    assert {"best_hyperparameters", "model_uri", "outputs"} <= result.keys()


@pytest.mark.parametrize("model", MODELS)
def test_a_run_is_recorded_with_its_trials(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    everything = runs(folder)
    run = next(run for run in everything if run.info.run_id == finished.result["run_id"])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == f"{model} random blocked seed=1 debug=smoke"
    assert run.data.params["model.name"] == model
    assert run.data.params["tuner.max_trials"] == "2"
    assert run.data.params["data.grid"] == "[3, 3]"
    for name, value in finished.result["best_hyperparameters"].items():
        assert run.data.params[f"best.{name}"] == str(value)
    for name, value in finished.result["test"].items():
        assert run.data.metrics[f"test/{name}"] == pytest.approx(value)
    assert {"overrides", "code_version", "data_fingerprint", "device", "version.keras"} <= run.data.tags.keys()
    trials = children(everything, run.info.run_id)
    assert [trial.info.run_name for trial in trials] == ["trial 1", "trial 2"]
    assert {trial.info.status for trial in trials} == {"FINISHED"}
    measure = "accuracy" if "classification" in model else "mae_mm"
    for trial in trials:
        assert "lr" in trial.data.params
        assert trial.data.metrics["objective"] == pytest.approx(trial.data.metrics[f"validation/{measure}"])


@pytest.mark.parametrize("model", MODELS)
def test_a_run_leaves_figures_in_its_folder_and_in_mlflow(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    logged = [entry.path for entry in client.list_artifacts(finished.result["run_id"], "figures")]
    assert sorted(logged) == ["figures/learning_curves.png", "figures/true_against_predicted.png"]
    for path in logged:
        assert Path(finished.result["outputs"], path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("model", MODELS)
def test_scores_stand_beside_the_trivial_baseline_and_the_oracles(smoke: Smoke, model: str) -> None:
    result = smoke(model)[0].result
    assert result["test"].keys() == result["baseline"].keys() == result["oracle_points"].keys()
    if "regression" in model:
        assert result["test"]["euclidean_mean_mm"] < result["baseline"]["euclidean_mean_mm"]
        axes = {"mae_x_mm", "mae_y_mm"} | ({"mae_z_mm"} if "ffnn" in model else set())
        assert axes == {name for name in result["test"] if name.startswith("mae_") and name != "mae_mm"}
    else:
        assert 0 < result["baseline"]["accuracy"] < 0.5
        assert {"accuracy_off_border", "f1_macro", "border_share"} <= result["test"].keys()


LOADS_WITHOUT_FORCEPOS = """
import sys
sys.modules["forcepos"] = None  # importing it raises ImportError
import mlflow, numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1])
signals = np.load(sys.argv[2])
np.save(sys.argv[3], model.predict(signals))
"""


@pytest.mark.parametrize("model", MODELS)
def test_the_logged_model_takes_raw_signals_without_forcepos(smoke: Smoke, model: str, tmp_path: Path) -> None:
    finished, folder = smoke(model)
    config = checked_config("debug=smoke").data
    assert isinstance(config, SimulatedConfig)
    recordings = Simulation(config).recordings
    centre = np.flatnonzero(recordings.point == 4)[:10]  # ten rows at the plate's centre
    signals = recordings.signals[centre] if "ffnn" in model else recordings.signals[centre][None]
    np.save(tmp_path / "signals.npy", signals)
    subprocess.run(
        [sys.executable, "-c", LOADS_WITHOUT_FORCEPOS, finished.result["model_uri"],
         tmp_path / "signals.npy", tmp_path / "answer.npy"],
        env={"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlruns/mlflow.db", "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    answer = np.load(tmp_path / "answer.npy")
    if "classification" in model:
        assert answer.shape == (len(signals), 8)
        assert np.allclose(answer.sum(axis=1), 1, atol=1e-5)
    else:
        assert answer.shape == (len(signals), 3 if "ffnn" in model else 2)
        assert np.abs(answer).max() < 60  # mm on a plate of 30 mm


def test_the_same_seed_gives_the_same_scores_in_another_folder(smoke: Smoke, tmp_path: Path) -> None:
    first = smoke("cnn_regression")[0].result
    again = forcepos(["debug=smoke", "model=cnn_regression", "tuner=random"], tmp_path).result
    assert again["test"] == first["test"]
    assert again["best_hyperparameters"] == first["best_hyperparameters"]


def test_a_finished_search_is_reused_and_the_run_says_so(tmp_path: Path) -> None:
    first = forcepos(QUICK, tmp_path)
    again = forcepos([*QUICK, "training.final_epochs=2"], tmp_path)
    assert "1 of 1 trials were there from an earlier run" in again.err
    assert again.result["best_hyperparameters"] == first.result["best_hyperparameters"]


def test_without_tracking_nothing_but_the_runs_folder_is_written(tmp_path: Path) -> None:
    finished = forcepos([*QUICK, "tracking=none"], tmp_path)
    assert finished.code == 0, finished.err
    assert finished.result["run_id"] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs"]
    model = Path(finished.result["outputs"], "model.keras")
    assert finished.result["model_uri"] == model.as_uri()
    assert model.is_file()


def test_tensorboard_logs_are_written_on_demand(tmp_path: Path) -> None:
    finished = forcepos([*QUICK, "tracking=none", "training.tensorboard=true"], tmp_path)
    assert list(Path(finished.result["outputs"], "tensorboard").rglob("events.out.tfevents.*"))


def test_what_people_read_goes_to_standard_error(smoke: Smoke) -> None:
    told = smoke("cnn_regression")[0].err
    assert "trial 1 of 2: conv_input_filter=" in told
    assert "trial 2: val_mae " in told
    assert "best so far" in told
    assert "On the test part" in told
    assert "best hyperparameters: " in told
    assert "look at it with: mlflow ui --backend-store-uri sqlite:///" in told
    for noise in ("oneDNN", "cuda", "alembic", "Warning", "WARNING"):
        assert noise not in told


def test_a_model_can_be_registered(tmp_path: Path) -> None:
    finished = forcepos([*QUICK, "model=ffnn_regression", "tracking.register_as=plate"], tmp_path)
    assert finished.code == 0, finished.err
    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert client.get_model_version("plate", "1").status == "READY"


def test_the_logged_model_can_be_served(smoke: Smoke) -> None:
    finished, folder = smoke("cnn_regression")
    uri = f"sqlite:///{folder}/mlruns/mlflow.db"
    example = json.dumps({"inputs": np.zeros((1, 10, 20)).tolist()}).encode()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    programs = Path(sys.executable).parent
    command = [programs / "mlflow", "models", "serve", "--model-uri", finished.result["model_uri"]]
    server = subprocess.Popen(
        [*command, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | {"MLFLOW_TRACKING_URI": uri, "PATH": f"{programs}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        answer = ask(f"http://127.0.0.1:{port}/invocations", example, seconds=90)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
    assert np.shape(answer["predictions"]) == (1, 2)


def ask(url: str, body: bytes, seconds: float) -> dict[str, Any]:
    """What the server answers, as soon as it is up."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return dict(json.load(response))
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
