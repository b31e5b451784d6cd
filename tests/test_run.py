"""The main job, from the command line to what MLflow holds."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from forcepos.config import SimulatedConfig
from forcepos.data.arm import JOINTS
from forcepos.data.simulation import Simulation
from forcepos.paths import conf_dir
from tests.conftest import PLATE, Finished, checked_config, forcepos

Smoke = Callable[[str], tuple[Finished, Path]]
MODELS = ["ffnn_regression", "ffnn_classification", "cnn_regression", "cnn_classification"]
QUICK = ["debug=smoke", "tuner=random", "tuner.max_trials=1", "training.final_epochs=1"]


def runs(folder: Path) -> list[Run]:
    """All runs in the folder's database, first started first."""
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("forcepos")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], max_results=1000, order_by=["start_time ASC"])
    return list(found)


def children(everything: list[Run], parent: str) -> list[Run]:
    return [run for run in everything if run.data.tags.get("mlflow.parentRunId") == parent]


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


def notebook_file(path: Path, rows: int) -> Path:
    """A file in the notebook's format with 121 points, from the simulated arm with another seed."""
    config = checked_config("data.seed=77", "data.visits=1", f"data.rows={rows}", "data.rate_hz=500").data
    assert isinstance(config, SimulatedConfig)
    recordings = Simulation(config).recordings
    table: dict[str, Any] = dict(zip(recordings.channels, recordings.signals.T.astype(float), strict=True))
    time_ns = np.tile(np.arange(rows) * 2_000_000, 121)
    table |= {"t_Sec": time_ns // 10**9, "t_nSec": time_ns % 10**9}
    table |= {f"{name}1": table[name] for name in ("Fx", "Fy", "Fz", "Tx", "Ty", "Tz")}
    for joint in range(1, JOINTS + 1):
        table |= {f"cur_A{joint}": np.zeros(len(time_ns)), f"comd_A{joint}": np.zeros(len(time_ns))}
    for column, offset in enumerate(config.offset_mm):
        position = recordings.positions[:, column].astype(float) - offset
        table |= {f"curCart_{'xyz'[column]}": position, f"comdCart_{'xyz'[column]}": position}
    table["key"] = [f"{point // 11},{point % 11}" for point in recordings.point]
    import pandas as pd

    pd.DataFrame(table).to_feather(path)
    return path


@pytest.fixture(scope="session")
def plate_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return notebook_file(tmp_path_factory.mktemp("plate") / "versuch_x_100_1.feather", rows=100)


@pytest.mark.parametrize("model", MODELS)
def test_a_file_in_the_notebooks_format_trains_every_model(model: str, plate_file: Path, tmp_path: Path) -> None:
    budget = ["tuner.max_trials=1", "training.epochs=1", "training.final_epochs=3", "model.space.num_layers.max=1"]
    finished = forcepos(["data=versuch", f"data.path={plate_file}", f"model={model}", *budget], tmp_path)
    assert finished.code == 0, finished.err
    assert "121 recordings of 121 points, 12100 rows" in finished.err
    measure, better = ("accuracy", max) if "classification" in model else ("mae_mm", min)
    ours, trivial = finished.result["test"][measure], finished.result["baseline"][measure]
    assert better(ours, trivial) == ours
    assert "oracle_points" not in finished.result


def test_a_recording_too_short_ends_the_run_before_anything_is_trained(tmp_path: Path) -> None:
    finished = forcepos(["data=versuch", f"data.path={PLATE}", "model.window=43"], tmp_path)
    assert finished.code == 1
    assert finished.out == ""
    assert finished.err.splitlines() == [
        "error: the recordings cannot be used:",
        "  recording 2,0: 42 rows, too short for one window of 43",
        "  recording 2,1: 42 rows, too short for one window of 43",
        "  recording 2,2: 42 rows, too short for one window of 43",
    ]
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tuner.max_trials=0"], "error: tuner.max_trials=0 must be at least 1"),
        (["+model.foo=1"], "error: unknown key model.foo: model has name, task, axes, window, standardize, "
         "dropout_rate, objective, direction, space"),
        (["model.windw=3"], "Could not override 'model.windw'."),
        (["model=cnnn"], "In 'config': Could not find 'model/cnnn'"),
        (["tuner=random,bayesian"], "Ambiguous value for argument 'tuner=random,bayesian'"),
        (["data=versuch", "data.path=nowhere"], "error: data.path=nowhere is not a file"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line_is_answered_without_a_traceback(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    finished = forcepos(arguments, tmp_path)
    assert finished.code == 1
    assert finished.out == ""
    assert finished.err.splitlines()[0] == message
    assert "Traceback" not in finished.err


def test_help_is_answered_in_less_than_two_seconds_of_processor_time(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = forcepos(["--help"], tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert finished.code == 0
    assert "python -m forcepos model=cnn_regression tuner=bayesian" in finished.out
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    for path in conf_dir().glob("*/*.yaml"):
        if path.parent.name != "columns":
            assert path.stem in next(
                line for line in finished.out.splitlines() if line.startswith(path.parent.name)
            )


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_and_its_trial_are_marked_killed(sent: int, code: int, tmp_path: Path) -> None:
    endless = ["debug=smoke", "training.epochs=100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "forcepos", *endless], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch" in line:
            break
    process.send_signal(sent)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == code
    assert "Traceback" not in rest
    assert [run.info.status for run in runs(tmp_path)] == ["KILLED", "KILLED"]


def test_jobs_of_a_sweep_share_one_parent(tmp_path: Path) -> None:
    finished = forcepos(
        ["-m", "model=ffnn_regression,cnn_regression", "tuner=random,bayesian", "debug=smoke",
         "tuner.max_trials=1", "training.final_epochs=1"], tmp_path,
    )  # fmt: skip
    assert finished.code == 0, finished.err
    everything = runs(tmp_path)
    parents = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.status for run in parents] == ["FINISHED"]
    jobs = children(everything, parents[0].info.run_id)
    tail = "debug=smoke tuner.max_trials=1 training.final_epochs=1"
    assert sorted(job.info.run_name or "" for job in jobs) == [
        f"cnn_regression bayesian blocked seed=1 {tail}", f"cnn_regression random blocked seed=1 {tail}",
        f"ffnn_regression bayesian blocked seed=1 {tail}", f"ffnn_regression random blocked seed=1 {tail}",
    ]  # fmt: skip
    assert {job.info.status for job in jobs} == {"FINISHED"}
    assert len(finished.out.splitlines()) == 4
    assert all(len(children(everything, job.info.run_id)) == 1 for job in jobs)


def test_a_failing_job_takes_no_other_with_it_and_the_exit_code_says_so(tmp_path: Path) -> None:
    finished = forcepos(["-m", "data.rows=5,100", *QUICK], tmp_path)
    assert finished.code == 1
    assert "Traceback" not in finished.err
    assert "5 rows, too short for one window of 10" in finished.err
    assert len(finished.out.splitlines()) == 1
    everything = runs(tmp_path)
    parent = next(run for run in everything if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.status == "FAILED"
    assert [job.info.status for job in children(everything, parent.info.run_id)] == ["FINISHED"]


def test_a_sweep_without_tracking_writes_no_database(tmp_path: Path) -> None:
    finished = forcepos(["-m", "seed=1,2", "tracking=none", *QUICK], tmp_path)
    assert finished.code == 0, finished.err
    assert len(finished.out.splitlines()) == 2
    assert not (tmp_path / "mlruns").exists()


def test_processes_that_create_the_database_at_once_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "forcepos", *QUICK, "model=ffnn_regression", "evaluation.figures=false"]
    started = [
        subprocess.Popen([*command, f"seed={seed}"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for seed in (1, 2, 3)
    ]
    for process in started:
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told.decode()
    jobs = [run for run in runs(tmp_path) if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.status for run in jobs] == ["FINISHED"] * 3
    with sqlite3.connect(tmp_path / "mlruns" / "mlflow.db") as database:
        assert database.execute("select count(*) from experiments where name = 'forcepos'").fetchone() == (1,)


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


def test_a_wheel_carries_its_config(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    built = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(root)]
    subprocess.run([*built, "--wheel-dir", str(tmp_path)], check=True)
    installed = tmp_path / "installed"
    with zipfile.ZipFile(next(tmp_path.glob("forcepos-*.whl"))) as wheel:
        wheel.extractall(installed)
    packaged = installed / "forcepos" / "conf"
    carried = {path.relative_to(packaged) for path in packaged.rglob("*.yaml")}
    assert carried == {path.relative_to(conf_dir()) for path in conf_dir().rglob("*.yaml")}
    finished = forcepos(["--info", "searchpath"], tmp_path, PYTHONPATH=str(installed))
    assert finished.code == 0
    assert f"file://{packaged}" in finished.out


def test_a_users_own_folder_of_choices_joins_in(tmp_path: Path) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "short.yaml").write_text(
        "defaults: [cnn_regression, _self_]\nname: short\nwindow: 5\n"
    )
    finished = forcepos(["--config-dir", str(tmp_path / "mine"), "model=short", "--cfg", "job"], tmp_path)
    assert finished.code == 0
    assert "  name: short\n" in finished.out
    assert "  window: 5\n" in finished.out
