"""The main job, from the command line to what MLflow holds."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any, cast

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from forcepos.config.schema import SimulatedConfig
from forcepos.data.simulation.simulation import Simulation
from tests import running
from tests.conftest import MODELS, Smoke, checked_config, children, datasets_of, runs
from tests.running import PLAIN, QUICK, Finished
from tests.warm import forcepos

EACH_MODEL = [
    pytest.param(model, marks=[pytest.mark.system] if model == "cnn_classification" else []) for model in MODELS
]  # a run takes 15 s, and the fourth shows little that the others do not


@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_run_prints_one_line_of_json_the_same_as_its_result_file(smoke: Smoke, model: str) -> None:
    finished, _ = smoke(model)
    assert finished.code == 0, finished.err
    assert len(finished.out.splitlines()) == 1
    result = finished.result
    assert json.loads(Path(result["outputs"], "result.json").read_text()) == result
    assert list(result)[:3] == ["run_id", "test", "baseline"]
    assert {"best_hyperparameters", "model_uri", "outputs"} <= result.keys()


@pytest.mark.parametrize("model", EACH_MODEL)
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
    assert {"overrides", "code_version", "data_fingerprint", "device", "version.keras"} <= run.data.tags.keys()
    trials = children(everything, run.info.run_id)
    assert [trial.info.run_name for trial in trials] == [
        f"trial {number} of {run.info.run_name}" for number in (1, 2)
    ]
    assert {trial.info.status for trial in trials} == {"FINISHED"}
    measure = "accuracy" if "classification" in model else "mae_mm"
    for trial in trials:
        assert "lr" in trial.data.params
        curves = {name for name in trial.data.metrics if name.startswith(("train/", "validation/"))}
        assert trial.data.metrics.keys() == curves | {"objective"}
        assert trial.data.metrics["objective"] == pytest.approx(trial.data.metrics[f"validation/{measure}"])


@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_run_has_few_metrics_beside_its_curves_and_all_others_in_a_table(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    result, metrics = finished.result, metrics_of(finished, folder)
    regression = "regression" in model
    main, others = ("euclidean_mean_mm", REGRESSION) if regression else ("accuracy", CLASSIFICATION)
    size = "radius_mean_mm" if regression else "sectors_mean"
    covered = ["coverage", *(["held_out_points_coverage"] if result["also"]["coverage"] else [])]
    assert {name for name in metrics if not name.startswith(("train/", "validation/"))} == {
        *(f"{group}/{main}" for group in ("test", "test_low", "test_high", "best_baseline")),
        *(f"held_out_points{end}/{main}" for end in ("", "_low", "_high")),
        *(f"test/{name}" for name in others), *(f"test/mae_{axis}_mm" for axis in AXES.get(model, ())),
        *(f"{group}/{score}" for group in covered for score in ("found", size)),
        "seconds/search", "seconds/final_training", "model/weights",
    }  # fmt: skip
    assert metrics["model/weights"] == result["weights"]
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    shown = json.loads(client.get_run(result["run_id"]).data.tags["mlflow.loggedArtifacts"])
    assert shown == [{"path": "tables/scores.json", "type": "table"}]
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlruns/mlflow.db")
    table = mlflow.artifacts.load_dict(f"runs:/{result['run_id']}/tables/scores.json")
    assert table["columns"] == ["who", "score", "value", "low", "high"]
    assert ["model", main, result["test"][main], *result["intervals"][main]] in table["data"]
    assert ["boosted trees", main, result["boosted_trees"][main], None, None] in table["data"]
    second = result["also"]["boosted_trees"][main]
    assert ["boosted trees on held_out_points", main, second, None, None] in table["data"]
    scores = sum(len(scores) for scores in (result["test"], result["also"]["test"], result["oracle_visits"]))
    assert len(table["data"]) > scores


@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_run_is_told_apart_by_its_data_sets_and_described_in_three_lines(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    result, data = finished.result, finished.result["data"]
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    run = client.get_run(result["run_id"])
    inputs = datasets_of(run)
    assert {context: (dataset.name, dataset.digest) for context, dataset in inputs.items()} == {
        "recordings": ("simulated", data["fingerprint"]), "train": ("simulated", data["train_digest"]),
        "test": ("simulated", data["test_digest"]),
    }  # fmt: skip
    assert json.loads(inputs["test"].profile) == {
        "rows": 1800, "recordings": 18, "points": 9, "rate_hz": 100.0, "samples": data["subsets"]["test"],
    }  # fmt: skip
    columns = [column["name"] for column in json.loads(inputs["train"].schema)["mlflow_colspec"]]
    targets = [f"{axis}_mm" for axis in AXES.get(model, ())] or ["class"]
    assert (len(columns), columns[-len(targets) :]) == (20 + len(targets), targets)
    assert json.loads(inputs["test"].source)["config"]["grid"] == [3, 3]
    for query in (
        "dataset.name = 'simulated'",
        f"dataset.digest = '{data['test_digest']}'",
        "dataset.context = 'test'",
    ):
        found = client.search_runs([run.info.experiment_id], query)
        assert [one.info.run_id for one in found] == [run.info.run_id]
    what, scores, repeat = run.data.tags["mlflow.note.content"].split("\n\n")
    assert what == f"model `{model}`, data `simulated`, split `blocked`, tuner `random`, seed 1"
    measure = "mean error in mm" if "regression" in model else "accuracy"
    assert scores.startswith(f"**{measure} ")
    assert ", best baseline (" in scores
    assert ", on `held_out_points` " in scores
    assert repeat == f"Repeat it: `python -m forcepos debug=smoke model={model} tuner=random`"


@pytest.mark.parametrize("model", EACH_MODEL)
def test_models_compare_by_scores_params_and_data(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    (logged,) = client.search_logged_models(["1"])
    run = client.get_run(finished.result["run_id"])
    of_run = {name for name in run.data.metrics if not name.startswith(("train/", "validation/"))}
    assert {metric.key: metric.value for metric in logged.metrics or ()} == {
        name: run.data.metrics[name] for name in of_run
    }
    assert {(metric.dataset_name, metric.dataset_digest) for metric in logged.metrics or ()} == {
        ("simulated", finished.result["data"]["fingerprint"])
    }
    best = {f"best.{name}": str(value) for name, value in finished.result["best_hyperparameters"].items()}
    assert logged.params == best | {
        "data.name": "simulated", "model.name": model, "model.window": run.data.params["model.window"],
        "split.name": "blocked", "tuner.name": "random", "seed": "1",
    }  # fmt: skip
    assert logged.tags["mlflow.note.content"] == run.data.tags["mlflow.note.content"]


@pytest.mark.parametrize(("model", "count"), [("ffnn_regression", 73), ("cnn_regression", 74)])
def test_params_are_short_and_say_what_a_run_is(smoke: Smoke, model: str, count: int) -> None:
    finished, folder = smoke(model)
    run = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db").get_run(finished.result["run_id"])
    params = {name: value for name, value in run.data.params.items() if not name.startswith("best.")}
    assert len(params) == count
    assert max(map(len, params.values())) <= 60
    assert params["data.features"] == "20 values, 4fbac0b6"
    assert "None" not in params.values()
    assert not {name for name in params if name.startswith("tracking.")}
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlruns/mlflow.db")
    whole = mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/config/config.json")
    assert len(whole["data"]["features"]) == 20


def metrics_of(finished: Finished, folder: Path) -> dict[str, float]:
    """What MLflow holds of a finished run."""
    run = next(run for run in runs(folder) if run.info.run_id == finished.result["run_id"])
    return dict(run.data.metrics)


REGRESSION = ("euclidean_median_mm", "euclidean_p95_mm", "r2")
AXES = {"ffnn_regression": ("x", "y", "z"), "cnn_regression": ("x", "y")}
CLASSIFICATION = ("f1_macro", "precision_macro", "recall_macro")
PICTURES = {
    "coverage",
    "error_against_force",
    "error_against_time",
    "gap",
    "hyperparameters",
    "learning_curves",
    "trials",
    "true_against_predicted",
}


@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_run_leaves_pictures_and_a_report_in_its_folder_and_in_mlflow(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    own = {"error_distribution", "error_map"} if "regression" in model else {"sector_map"}
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    logged = {entry.path for entry in client.list_artifacts(finished.result["run_id"], "figures")}
    assert logged == {f"figures/{name}.{suffix}" for name in PICTURES | own for suffix in ("png", "svg")}
    outputs = Path(finished.result["outputs"])
    for path in logged:
        assert (outputs / path).read_bytes().startswith(b"\x89PNG" if path.endswith("png") else b"<?xml")
    assert "report.html" in {entry.path for entry in client.list_artifacts(finished.result["run_id"])}
    report = (outputs / "report.html").read_text()
    assert report.count("data:image/png;base64,") == len(logged) / 2
    assert "split=blocked" in report


@pytest.mark.parametrize("model", EACH_MODEL)
def test_a_run_leaves_tables_of_its_errors(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    logged = {entry.path for entry in client.list_artifacts(finished.result["run_id"], "tables")}
    names = ("errors_by_point", "errors_by_recording", "coverage_by_region", "learning_curves", "trials")
    assert logged == {*(f"tables/{name}.csv" for name in names), "tables/scores.json"}
    trials = pd.read_csv(Path(finished.result["outputs"], "tables", "trials.csv"))
    assert list(trials.columns[:3]) == ["number", "objective", "failure"]
    assert list(trials["number"]) == [1, 2]
    best = min if "regression" in model else max
    assert best(trials["objective"]) == pytest.approx(finished.result["objective"])
    points = pd.read_csv(Path(finished.result["outputs"], "tables", "errors_by_point.csv"))
    measure = "euclidean_mean_mm" if "regression" in model else "accuracy"
    assert len(points) == 9
    mean = (points[measure] * points["samples"]).sum() / points["samples"].sum()
    assert mean == pytest.approx(finished.result["test"][measure])


@pytest.mark.parametrize("model", EACH_MODEL)
def test_every_score_has_an_interval_and_the_honest_figure_beside_it(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    result, metrics = finished.result, metrics_of(finished, folder)
    assert result["intervals"].keys() == result["test"].keys()
    assert (result["resampled"], result["confidence"]) == ("recordings", 0.95)
    measure = "euclidean_mean_mm" if "regression" in model else "accuracy"
    low, high = result["intervals"][measure]
    assert low <= result["test"][measure] <= high
    assert measure == "accuracy" or low < high
    assert (metrics[f"test_low/{measure}"], metrics[f"test_high/{measure}"]) == pytest.approx((low, high))
    also = result["also"]
    assert also["split"] == "held_out_points"
    assert metrics[f"held_out_points/{measure}"] == pytest.approx(also["test"][measure])
    assert also["test"][measure] != result["test"][measure]
    assert "model, held_out_points" in finished.err
    assert f"{result['verdict']}\n" in finished.err
    assert result["verdict"] in unescape(Path(result["outputs"], "report.html").read_text())


@pytest.mark.parametrize("model", EACH_MODEL)
def test_baselines_and_coverage_stand_beside_every_score(smoke: Smoke, model: str) -> None:
    finished, folder = smoke(model)
    result, metrics = finished.result, metrics_of(finished, folder)
    measure = "euclidean_mean_mm" if "regression" in model else "accuracy"
    pick = min if "regression" in model else max
    best = pick(result[name][measure] for name in ("baseline", "linear", "boosted_trees"))
    assert metrics[f"best_baseline/{measure}"] == pytest.approx(best)
    for scored in (result, result["also"]):
        assert {"baseline", "linear", "boosted_trees"} == scored["differences"].keys() <= scored.keys()
        for name, ((low, high),) in ((name, ends.values()) for name, ends in scored["differences"].items()):
            assert low <= scored["test"][measure] - scored[name][measure] <= high
    assert {"oracle_points", "oracle_visits"} <= result.keys() - result["also"].keys()
    assert result["coverage"]["asked"] == 0.9
    assert metrics["coverage/found"] == pytest.approx(result["coverage"]["found"])
    page = Path(result["outputs"], "report.html").read_text()
    assert re.search(r"Target coverage \d+ %, all that \d recordings vouch for, observed ", page)
    if "regression" in model:
        limits = [
            result[f"limit{of}_visit"]["rmse_radial_mm"]
            for of in ("_known", "_new", "_row_new")
            if f"limit{of}_visit" in result
        ]
        assert limits == sorted(limits)
    assert result["neighbour_share"] is None


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    """A run without tracking, without a calibration part, on a random split, with TensorBoard's logs."""
    folder = tmp_path_factory.mktemp("bare")
    keys = ["tracking=none", "split=random", "split.calibration_ratio=0", "training.tensorboard=true"]
    return forcepos([*QUICK, *keys], folder), folder


def test_a_random_split_says_how_much_it_leaks(bare: tuple[Finished, Path]) -> None:
    result = bare[0].result
    assert result["neighbour_share"] > 0.99
    leak = "of the same recording within a window's length: this score is too optimistic"
    assert [check["found"] for check in result["checks"] if check["found"].endswith(leak)]


def test_a_single_recording_is_drawn_in_blocks_and_has_no_second_split(tmp_path: Path) -> None:
    single = ["data.grid=[1,1]", "data.visits=1", "data.rows=600", "evaluation.also=held_out_points"]
    finished = forcepos([*QUICK, *single, "tracking=none"], tmp_path)
    assert finished.code == 0, finished.err
    assert finished.result["resampled"] == "time blocks of the only recording"
    assert finished.result["also"] is None
    assert (
        "no score on evaluation.also=held_out_points: "
        "split=held_out_points cannot divide 1 points into three subsets"
    ) in finished.err


@pytest.mark.system
def test_an_ensemble_has_a_radius_of_its_own_for_every_sample(tmp_path: Path) -> None:
    finished = forcepos([*QUICK, "model=ffnn_regression", "training.ensemble=3"], tmp_path)
    assert finished.code == 0, finished.err
    metrics = metrics_of(finished, tmp_path)
    assert {"validation/mae_mm", "network_2/validation/mae_mm", "network_3/validation/mae_mm"} <= metrics.keys()
    model = keras.models.load_model(Path(finished.result["outputs"], "model.keras"))
    signals = np.random.default_rng(1).normal(size=(5, *model.input_shape[1:])).astype(np.float32)
    answers = model.predict(signals, verbose=0)
    assert len(set(answers["radius"].tolist())) == 5


def test_without_a_calibration_part_the_model_gives_no_radius(bare: tuple[Finished, Path]) -> None:
    result = bare[0].result
    assert result["coverage"] is None
    model = keras.models.load_model(Path(result["outputs"], "model.keras"))
    assert list(model.output) == ["position"]


@pytest.mark.parametrize("model", EACH_MODEL)
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


def logged_model(smoke: Smoke, model: str) -> Any:
    """The pyfunc of a smoke run's logged model."""
    finished, folder = smoke(model)
    found = list((folder / "mlruns").rglob(f"{finished.result['model_uri'].removeprefix('models:/')}/artifacts"))
    return mlflow.pyfunc.load_model(str(found[0]))


def rows_of_simulation() -> pd.DataFrame:
    recordings = Simulation(cast("SimulatedConfig", checked_config("debug=smoke").data)).recordings
    return pd.DataFrame(recordings.signals[:40].astype(np.float64), columns=recordings.channels)


@pytest.mark.parametrize("model", ["cnn_regression", "ffnn_classification"])
def test_the_logged_model_answers_rows_by_the_names_of_their_columns(smoke: Smoke, model: str) -> None:
    logged, rows = logged_model(smoke, model), rows_of_simulation()
    whole = logged.predict(rows)
    filling = 9 if "cnn" in model else 0  # rows before the first whole window
    if "cnn" in model:
        assert list(whole) == ["x_mm", "y_mm", "radius_mm"]
        assert whole.isna().all(axis=1).tolist() == [True] * filling + [False] * 31
    else:
        classes = [f"class {number}" for number in range(1, 9)]
        assert list(whole) == [
            "predicted",
            *(f"{of}_{name}" for of in ("probability", "in_set") for name in classes),
        ]
        assert set(whole["predicted"]) <= set(classes)
        assert whole.filter(like="probability").sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    for same in (
        rows[rows.columns[::-1]],
        rows.assign(extra=1.0),
        rows.astype(np.float32),
        rows.to_dict("records"),
    ):
        pd.testing.assert_frame_equal(logged.predict(same), whole, check_exact=False)
    assert logged.predict(rows.iloc[:0]).shape == (0, whole.shape[1])
    assert [column["name"] for column in logged.metadata.signature.inputs.to_dict()] == list(rows)
    assert [column["name"] for column in logged.metadata.signature.outputs.to_dict()] == list(whole)
    with pytest.raises(mlflow.exceptions.MlflowException, match="Model is missing inputs \\['Fx'\\]"):
        logged.predict(rows.drop(columns="Fx"))


@pytest.mark.parametrize("model", ["cnn_regression", "ffnn_classification"])
def test_the_logged_model_has_no_answer_to_a_dead_sensor(smoke: Smoke, model: str) -> None:
    logged, rows = logged_model(smoke, model), rows_of_simulation()
    whole, broken = logged.predict(rows), rows.copy()
    broken.iloc[20, 4] = np.nan
    answers = logged.predict(broken)
    shape = keras.models.load_model(Path(smoke(model)[0].result["outputs"], "model.keras")).input_shape
    seen = shape[1] if len(shape) == 3 else 1  # rows: of the window, or of the statistics that the search chose
    lost = range(20, min(20 + seen, 40))  # as long as they hold the row
    numbers = answers.drop(columns="predicted", errors="ignore").filter(regex="mm|probability")
    assert numbers[numbers.isna().all(axis=1)].index[9 * ("cnn" in model) :].tolist() == list(lost)
    others = answers.index.difference(lost)
    pd.testing.assert_frame_equal(answers.loc[others], whole.loc[others], check_exact=False)
    if "classification" in model:
        assert answers.loc[20].filter(like="in_set").tolist() == [1.0] * 8  # nothing is known, all is possible
        assert answers.loc[20, "predicted"] == ""


@pytest.mark.system
def test_the_logged_model_is_loaded_without_forcepos_and_without_a_warning(smoke: Smoke, tmp_path: Path) -> None:
    finished, folder = smoke("cnn_regression")
    program = (
        "import sys, warnings\n"
        "sys.modules['forcepos'] = None\n"  # importing it raises ImportError
        "warnings.filterwarnings('error', '.*optimizer.*')\n"
        "import mlflow, numpy as np, pandas as pd\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "rows = pd.DataFrame(np.zeros((12, 20)), columns=model.metadata.signature.inputs.input_names())\n"
        "print(model.predict(rows).notna().all(axis=1).sum())\n"
        "print(sorted(mlflow.tensorflow.load_model(sys.argv[1]).output))\n"
    )
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlruns/mlflow.db", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", program, finished.result["model_uri"]],
        cwd=tmp_path, check=True, capture_output=True, text=True, env=os.environ | environment,
    )  # fmt: skip
    assert done.stdout.splitlines()[-2:] == ["3", "['position', 'radius']"]


def test_the_same_seed_gives_the_same_scores_in_another_folder(smoke: Smoke, tmp_path: Path) -> None:
    first = smoke("cnn_regression")[0].result
    again = forcepos(
        ["debug=smoke", "model=cnn_regression", "tuner=random", "tracking=none", *PLAIN], tmp_path
    ).result
    assert again["test"] == first["test"]
    assert again["best_hyperparameters"] == first["best_hyperparameters"]


@pytest.mark.system
def test_a_finished_search_is_reused_and_the_run_says_so(tmp_path: Path) -> None:
    first = forcepos(QUICK, tmp_path)
    again = forcepos([*QUICK, "training.final_epochs=2"], tmp_path)
    assert "1 of 1 trials from an earlier run" in again.err
    assert again.result["best_hyperparameters"] == first.result["best_hyperparameters"]


def test_without_tracking_nothing_but_the_runs_folder_is_written(bare: tuple[Finished, Path]) -> None:
    finished, folder = bare
    assert finished.code == 0, finished.err
    assert finished.result["run_id"] is None
    assert sorted(path.name for path in folder.iterdir()) == ["outputs"]
    model = Path(finished.result["outputs"], "model.keras")
    assert finished.result["model_uri"] == model.as_uri()
    assert model.is_file()


def test_tensorboard_logs_are_written_on_demand(bare: tuple[Finished, Path]) -> None:
    assert list(Path(bare[0].result["outputs"], "tensorboard").rglob("events.out.tfevents.*"))


NOISE = ("oneDNN", "cuda", "alembic", "Warning", "WARNING")


def test_what_people_read_goes_to_standard_error(smoke: Smoke) -> None:
    told = smoke("cnn_regression")[0].err
    assert "trial 1 of 2: conv_input_filter=" in told
    assert "trial 2: val_mae " in told
    assert "best so far" in told
    assert "On the test subset" in told
    assert "best hyperparameters: " in told
    assert "MLflow's pages are started with: python -m forcepos ui" in told
    for noise in NOISE:
        assert noise not in told


@pytest.mark.system
def test_what_libraries_tell_while_they_are_imported_is_not_shown(tmp_path: Path) -> None:
    finished = running.forcepos(QUICK, tmp_path)  # a new process
    assert [json.loads(line) for line in finished.out.splitlines()] == [finished.result]
    for noise in NOISE:
        assert noise not in finished.err


@pytest.mark.system
def test_a_model_can_be_registered(tmp_path: Path) -> None:
    finished = forcepos([*QUICK, "model=ffnn_regression", "tracking.register_as=plate"], tmp_path)
    assert finished.code == 0, finished.err
    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert client.get_model_version("plate", "1").status == "READY"


@pytest.mark.system
def test_the_logged_model_can_be_served(smoke: Smoke) -> None:
    finished, folder = smoke("cnn_regression")
    uri = f"sqlite:///{folder}/mlruns/mlflow.db"
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
    rows = rows_of_simulation()
    values: list[list[float]] = rows.to_numpy().tolist()  # float64
    split = {"columns": list(rows), "data": values}
    many = {"columns": list(rows), "data": np.resize(rows.to_numpy(), (10_000, 20)).tolist()}
    broken = [[*row[:4], None, *row[5:]] if at == 20 else row for at, row in enumerate(values)]
    try:
        url = f"http://127.0.0.1:{port}/invocations"
        answers = ask(url, {"dataframe_split": split}, seconds=90)
        by_row = ask(url, {"dataframe_records": rows[rows.columns[::-1]].to_dict("records")})
        of_many = ask(url, {"dataframe_split": many}, seconds=30)
        of_none = ask(url, {"dataframe_split": split | {"data": []}})
        of_broken = ask(url, {"dataframe_split": split | {"data": broken}})
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, {"dataframe_split": split | {"columns": [*list(rows)[:-1], "Tw"]}}, seconds=0)
        words = refused.value.read().decode()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
    assert np.isnan([row["x_mm"] for row in answers]).tolist() == [True] * 9 + [False] * 31
    assert str(by_row) == str(answers)  # NaN equals nothing
    assert len(of_many) == 10_000
    assert of_none == []
    unknown = np.flatnonzero(np.isnan([row["radius_mm"] for row in of_broken]))
    assert unknown.tolist() == [*range(9), *range(20, 30)]
    assert (refused.value.code, "Model is missing inputs ['Tz']" in words) == (400, True)


def ask(url: str, body: Mapping[str, Any], seconds: float = 10) -> list[dict[str, Any]]:
    """What the server answers, as soon as it is up."""
    content, until = json.dumps(body).encode(), time.monotonic() + seconds
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return list(json.load(response)["predictions"])
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


@pytest.mark.parametrize(
    ("overrides", "way_out"), [(["seed=2"], "move it away"), ([], "set skip_finished=true to reuse it")]
)
def test_a_second_run_in_a_folder_is_refused_and_leaves_it_as_it_was(
    overrides: list[str], way_out: str, smoke: Smoke, tmp_path: Path
) -> None:
    folder = Path(smoke("cnn_regression")[0].result["outputs"])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    asked = ["debug=smoke", "model=cnn_regression", "tuner=random", *overrides, f"hydra.run.dir={folder}"]
    refused = forcepos(asked, tmp_path)
    assert (refused.code, refused.out) == (1, "")
    assert (
        refused.err == f"error: {folder} holds the result of a finished run: choose another folder, or {way_out}\n"
    )
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_without_runs_for_trials_only_the_job_is_listed(tmp_path: Path) -> None:
    swept = json.dumps(["model", "tuner.max_trials"])
    finished = forcepos(
        [*QUICK, "model=ffnn_regression", "tracking.trials=none"], tmp_path, FORCEPOS_SWEEP_KEYS=swept
    )
    assert finished.code == 0, finished.err
    (job,) = runs(tmp_path)
    assert job.info.run_name == "tuner.max_trials=1 model=ffnn_regression"
    assert {name: value for name, value in job.data.params.items() if name.startswith("sweep.")} == {
        "sweep.model": "ffnn_regression", "sweep.tuner.max_trials": "1",
    }  # fmt: skip
    (logged,) = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db").search_logged_models(["1"])
    assert logged.params["sweep.model"] == "ffnn_regression"
    trials = pd.read_csv(Path(finished.result["outputs"], "tables", "trials.csv"))
    assert list(trials["objective"]) == [pytest.approx(finished.result["objective"])]
