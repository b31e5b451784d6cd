"""One MLflow server with PostgreSQL for many processes: it may be away, and nothing is lost or trained twice."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.conftest import children
from tests.running import QUICK, Finished, forcepos, read_until, start
from tests.system.mlflow_server import Server, mlflow_server
from tests.system.postgres import Postgres, postgres, programs

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("tracking server"),  # one server for all
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL: install it (initdb, pg_ctl) for these tests"),
]

TRIALS = 6
SEARCH = [
    "debug=smoke",
    "model=ffnn_regression",
    "tuner=random",
    f"tuner.max_trials={TRIALS}",
    "evaluation.also=null",
    "evaluation.baselines=false",
]
AGAIN = "run the same command again to log what is missing"
FIGURES = 18  # nine, each as PNG and SVG


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(scope="module")
def server(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with mlflow_server(database.create("server"), tmp_path_factory.mktemp("server")) as running:
        yield running


def all_runs(uri: str, experiment: str) -> list[Run]:
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id], max_results=1000, order_by=["start_time ASC"]))


def what_is_stored(uri: str, experiment: str) -> dict[str, Any]:
    """Of every run, by name: status, params, the values of each metric, files."""
    client = MlflowClient(uri)
    stored = {}
    for run in all_runs(uri, experiment):
        run_id, name = run.info.run_id, run.info.run_name or ""
        history = {
            metric: [(one.step, one.value) for one in client.get_metric_history(run_id, metric)]
            for metric in run.data.metrics
            if not metric.startswith("seconds/")
        }
        params = {key: value for key, value in run.data.params.items() if not key.startswith("tracking.")}
        folders = [None, "figures", "tables"] if "mlflow.parentRunId" not in run.data.tags else [None]
        files = [entry.path for folder in folders for entry in client.list_artifacts(run_id, folder)]
        kind = "trial" if name.startswith("trial") else "job"
        assert (kind, name) not in stored, f"{name} is there twice"
        stored[name.partition(" of ")[0] if kind == "trial" else kind] = (
            run.info.status,
            params,
            history,
            sorted(files),
        )
    return stored


def run_until(
    moments: Sequence[tuple[str, Callable[[], None]]], arguments: Sequence[str], folder: Path
) -> Finished:
    """The command; as soon as it says some words, something happens, one after the other."""
    process = start(arguments, folder)
    assert process.stderr is not None
    assert process.stdout is not None
    told: list[str] = []
    try:
        left = list(moments)
        for line in process.stderr:
            told.append(line)
            if left and left[0][0] in line:
                left.pop(0)[1]()
        assert left == [], "".join(told)
        return Finished(process.wait(timeout=60), process.stdout.read(), "".join(told))
    finally:
        process.kill()
        process.wait()


def in_experiment(server: Server, experiment: str) -> list[str]:
    return [f"tracking.uri={server.uri}", f"tracking.experiment={experiment}"]


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run leaves where nothing happens."""
    finished = forcepos([*SEARCH, *in_experiment(server, "undisturbed")], tmp_path_factory.mktemp("undisturbed"))
    assert finished.code == 0, finished.err
    assert finished.result["tracking"] == "complete"
    return what_is_stored(server.uri, "undisturbed")


WRITES = """
import multiprocessing, sys
from tests.conftest import checked_config
from forcepos.tracking.track import track
from forcepos.tuning.trials import TrialResult

uri, experiment, writers, runs = sys.argv[1:]
config = checked_config("debug=smoke", "tracking.uri=" + uri, "tracking.experiment=" + experiment)
logs = {"loss": 2.0, "mae": 1.0, "val_loss": 3.0, "val_mae": 1.5}
fork = multiprocessing.get_context("fork")  # what they import is imported once
together = fork.Barrier(int(writers))

def write(writer):
    together.wait(60)
    for number in range(int(runs)):
        with track(config, f"writer {writer} run {number}", f"{writer}-{number}") as run:
            run.trial_started(1, {"lr": 0.1})
            run.trial_ended(TrialResult(1, {"lr": 0.1}, [[logs, logs]], 1.5))
            run.log_scores({"test": {"mae_mm": float(number)}})
        assert run.tracking == "complete", run.outage

started = [fork.Process(target=write, args=(writer,)) for writer in range(int(writers))]
for process in started:
    process.start()
for process in started:
    process.join(180)
sys.exit([process.exitcode for process in started] != [0] * len(started))
"""
WRITERS, RUNS = 8, 3


def write_at_once(uri: str, experiment: str, folder: Path, beside: Sequence[Sequence[str]] = ()) -> None:
    """Eight processes use the store for the first time at the same moment, and whole commands with them."""
    here = Path(__file__).parents[2]
    commands = [
        [sys.executable, "-c", WRITES, uri, experiment, str(WRITERS), str(RUNS)],
        *([sys.executable, "-m", "forcepos", *arguments] for arguments in beside),
    ]
    started = [
        subprocess.Popen(
            command, cwd=folder, text=True, start_new_session=True,
            env=os.environ | {"PYTHONPATH": f"{here}/src:{here}"},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for command in commands
    ]  # fmt: skip
    try:
        for process in started:
            _, told = process.communicate(timeout=240)
            assert process.returncode == 0, told[-3000:]
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def check_all_is_there(uri: str, experiment: str, commands: int = 0) -> None:
    everything = all_runs(uri, experiment)
    written = {run.info.run_name for run in everything if (run.info.run_name or "").startswith("writer ")}
    assert written == {f"writer {writer} run {number}" for writer in range(WRITERS) for number in range(RUNS)}
    jobs = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert len(jobs) == WRITERS * RUNS + commands
    assert {run.info.status for run in everything} == {"FINISHED"}
    assert len(everything) == 2 * len(jobs)  # a trial each
    elsewhere = MlflowClient(uri).search_runs(["0"])
    assert list(elsewhere) == [], "runs in Default"
    print(f"\n{uri.partition(':')[0]}: {WRITERS} writers at once, {commands} commands beside: "
          f"{len(jobs)} of {WRITERS * RUNS + commands} runs and their trials, 0 lost")  # fmt: skip


def test_eight_processes_that_use_a_new_sqlite_database_at_once_lose_nothing(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    write_at_once(uri, "race", tmp_path)
    check_all_is_there(uri, "race")


def test_eight_processes_that_use_a_new_postgresql_database_at_once_lose_nothing(
    database: Postgres, tmp_path: Path
) -> None:
    uri = database.create("race")
    write_at_once(uri, "race", tmp_path)
    check_all_is_there(uri, "race")


def test_eight_processes_that_use_a_new_server_at_once_lose_nothing(server: Server, tmp_path: Path) -> None:
    commands = [
        [*QUICK, "model=ffnn_regression", f"seed={seed}", *in_experiment(server, "race")] for seed in (1, 2)
    ]
    write_at_once(server.uri, "race", tmp_path, commands)
    check_all_is_there(server.uri, "race", len(commands))


def test_everything_of_a_run_is_on_the_server_and_its_artifacts_beside_it(
    server: Server, undisturbed: dict[str, Any]
) -> None:
    status, params, history, files = undisturbed["job"]
    assert status == "FINISHED"
    assert params["tuner.max_trials"] == str(TRIALS)
    assert [step for step, _ in history["validation/mae_mm"]] == [1, 2]
    assert len([path for path in files if path.startswith("figures/")]) == FIGURES
    assert {"report.html", "result.json", "best_hyperparameters.json"} <= set(files)
    assert sorted(undisturbed) == ["job", *(f"trial {number}" for number in range(1, TRIALS + 1))]
    assert list(server.artifacts.rglob("report.html"))


def test_a_server_killed_in_a_search_costs_no_trial_and_the_same_command_logs_the_rest(
    server: Server, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    command = [*SEARCH, *in_experiment(server, "killed")]
    first = run_until([("trial 2: ", server.kill)], command, tmp_path)
    assert first.code == 3
    assert first.err.splitlines()[-1] == f"tracking is incomplete: {AGAIN}"
    assert "Traceback" not in first.err
    assert first.err.count("is unreachable") == 1
    assert len(list(tmp_path.glob("outputs/search/*/trial_*.json"))) == TRIALS
    assert first.result["tracking"] == "incomplete"
    assert keras.models.load_model(first.result["model_uri"].removeprefix("file://"))

    server.start()
    began = time.monotonic()
    second = forcepos(command, tmp_path)
    took = time.monotonic() - began
    assert second.code == 0, second.err
    assert "trained before, in " in second.err
    assert "trial 1" not in second.err
    assert "final training" not in second.err
    assert second.result["tracking"] == "complete"
    assert len(first.out.splitlines()) == len(second.out.splitlines()) == 1
    assert second.result["test"] == first.result["test"]
    assert second.result["run_id"] == first.result["run_id"]
    assert json.loads(Path(first.result["outputs"], "result.json").read_text()) == second.result
    stored = what_is_stored(server.uri, "killed")
    assert stored == undisturbed
    mlflow.set_tracking_uri(server.uri)
    assert mlflow.pyfunc.load_model(second.result["model_uri"]).metadata.signature is not None
    models = MlflowClient(server.uri).search_logged_models([experiment_id(server.uri, "killed")])
    assert [str(model.status) for model in models] == ["READY"]
    values = sum(len(points) for _, _, history, _ in stored.values() for points in history.values())
    print(f"\nkilled after trial 2; logged later, in {took:.0f} s: {len(stored) - 1} of {TRIALS} trials, "
          f"{values} metric values, {FIGURES} figures, {len(models)} model")  # fmt: skip
    assert not list(tmp_path.glob("outputs/unlogged/*.json"))


def experiment_id(uri: str, name: str) -> str:
    found = MlflowClient(uri).get_experiment_by_name(name)
    assert found is not None
    return str(found.experiment_id)


def test_a_database_that_comes_back_before_the_end_has_everything(
    server: Server, database: Postgres, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    command = [*SEARCH, *in_experiment(server, "back")]
    moments = [("trial 2: ", database.stop), (f"trial {TRIALS}: ", database.start)]
    try:
        finished = run_until(moments, [*command, "training.final_epochs=2"], tmp_path)
    finally:
        if not database.runs:
            database.start()
    assert finished.code == 0, finished.err
    assert f"tracking.uri={server.uri} is unreachable (it answers with HTTP 5" in finished.err
    assert f"tracking.uri={server.uri} is reachable again: logged what was kept" in finished.err
    assert finished.result["tracking"] == "complete"
    assert finished.result["model_uri"].startswith("models:/m-")
    assert what_is_stored(server.uri, "back") == undisturbed


def test_a_search_killed_while_the_server_is_away_goes_on_and_logs_its_trials(
    server: Server, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    command = [*SEARCH, *in_experiment(server, "both")]
    process = start(command, tmp_path, stdout=subprocess.DEVNULL)
    read_until(process.stderr, "trial 1: ")
    server.kill()
    read_until(process.stderr, "trial 4: ")
    process.kill()
    process.communicate(timeout=60)
    server.start()
    finished = forcepos(command, tmp_path)
    assert finished.code == 0, finished.err
    # On a busy machine the fifth may end before the kill arrives.
    assert re.search(rf"[45] of {TRIALS} trials from an earlier run", finished.err)
    assert what_is_stored(server.uri, "both") == undisturbed


def test_a_sweep_whose_server_goes_away_is_completed_by_the_same_command(server: Server, tmp_path: Path) -> None:
    command = ["-m", "seed=1,2", *QUICK, "model=ffnn_regression", *in_experiment(server, "sweep")]
    first = run_until([("trial 1: ", server.kill)], command, tmp_path)
    assert first.code == 3
    assert first.err.splitlines()[-1] == f"tracking of 2 of 2 jobs is incomplete: {AGAIN}"
    assert "Traceback" not in first.err
    assert [json.loads(line)["tracking"] for line in first.out.splitlines()] == ["incomplete"] * 2
    server.start()
    second = forcepos(command, tmp_path)
    assert second.code == 0, second.err
    assert "trial 1: " not in second.err
    assert [json.loads(line)["tracking"] for line in second.out.splitlines()] == ["complete"] * 2
    everything = all_runs(server.uri, "sweep")
    assert {run.info.status for run in everything} == {"FINISHED"}
    parents = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    jobs = children(everything, parents[0].info.run_id)
    assert {run.info.run_id for run in jobs} == {json.loads(line)["run_id"] for line in second.out.splitlines()}
    assert len(everything) == 1 + 2 + 2  # the sweep, its jobs, a trial each
    files = {entry.path for entry in MlflowClient(server.uri).list_artifacts(parents[0].info.run_id)}
    assert {"sweep.csv", "sweep.json"} <= files


def test_a_cross_validation_whose_server_goes_away_is_completed_by_the_same_command(
    server: Server, tmp_path: Path
) -> None:
    folds = ["split=cross_validation", "split.folds=2"]
    command = [*QUICK, "model=ffnn_regression", *folds, *in_experiment(server, "folds")]
    first = run_until([("fold 2 of 2", server.kill)], command, tmp_path)
    assert first.code == 3
    assert first.err.splitlines()[-1] == f"tracking is incomplete: {AGAIN}"
    assert [fold["tracking"] for fold in first.result["folds"]] == ["complete", "incomplete"]
    server.start()
    second = forcepos(command, tmp_path)
    assert second.code == 0, second.err
    assert "trial 1: " not in second.err
    assert second.result["tracking"] == "complete"
    assert [fold["tracking"] for fold in second.result["folds"]] == ["complete"] * 2
    everything = all_runs(server.uri, "folds")
    assert {run.info.status for run in everything} == {"FINISHED"}
    parent = next(run for run in everything if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.run_id == second.result["run_id"]
    assert parent.data.metrics["test/mae_x_mm"] == pytest.approx(second.result["test"]["mae_x_mm"])
    below = [
        run.info.run_id for run in everything if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    ]
    assert sorted(below) == sorted(fold["run_id"] for fold in second.result["folds"])
    assert len(everything) == 1 + 2 + 2
