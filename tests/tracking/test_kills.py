"""Killed at any call of the store and done again, a run holds one value for each key and step, each trial once."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from forcepos.tracking import steps, store
from forcepos.tracking.description import SweepStory
from forcepos.tracking.track import end_sweep, start_sweep, track
from forcepos.tuning.trials import TrialResult
from tests.conftest import children, datasets_of, runs
from tests.tracking.test_outages import DATA_SETS, smoke_with

FAILED = TrialResult(2, {"lr": 0.5}, [[{"loss": 9.0}]], None, "the loss is not finite in epoch 2")
Record = Callable[[str, float], Any]


class Killed(BaseException):
    """No code that ends a run in order may handle it: kill -9 leaves nothing that could."""


class Mortal:
    """A client whose process is killed before the call with this number: no later call arrives either."""

    calls = 0
    last: int | None = None
    began = 0.0  # in s

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if Mortal.last is not None and Mortal.calls >= Mortal.last:
                raise Killed
            Mortal.calls += 1
            return getattr(self._client, name)(*arguments, **named)

        return call


@pytest.fixture
def place(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a store whose clients are mortal; each step takes a second, and each attempt is a process."""
    shutil.copytree(empty_store, tmp_path, dirs_exist_ok=True)
    start, clock = steps._milliseconds(), itertools.count(1)
    monkeypatch.setattr(steps, "_milliseconds", lambda: start + 1000 * next(clock))
    monkeypatch.setattr(store, "_process", lambda: f"here 1 {Mortal.began:.2f}")
    monkeypatch.setattr(store, "MlflowClient", lambda uri: Mortal(MlflowClient(uri)))
    # Whoever opens a store marks the runs of dead processes; here, that process is this one and lives.
    monkeypatch.setattr(store, "mark_dead_runs", lambda *_: None)
    yield tmp_path
    Mortal.last = None


def killed_at_every_call(attempt: Record) -> Iterator[str]:
    """Attempt something whole, then kill it at each of its calls and attempt it again; yield the names of both."""
    _live(None)
    attempt("whole", 1.0)
    for number in range(Mortal.calls):
        name = f"killed at {number}"
        _live(number)
        with pytest.raises(Killed):
            attempt(name, 1.0)
        _live(None)
        attempt(name, 2.0)
        yield name


def _live(calls: int | None) -> None:
    Mortal.calls, Mortal.last, Mortal.began = 0, calls, steps._milliseconds() / 1000


def doubled(folder: Path) -> list[tuple[Any, ...]]:
    """Rows of metrics that share run, key and step, whether the run is deleted or not."""
    with closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as database:
        return database.execute(
            "SELECT run_uuid, key, step, count(*) FROM metrics GROUP BY run_uuid, key, step HAVING count(*) > 1"
        ).fetchall()


def content(run: Run) -> tuple[Any, ...]:
    params = {key: value for key, value in run.data.params.items() if not key.startswith("tracking.")}
    return run.info.status, params, run.data.tags.get("reason")


def test_a_run_killed_at_any_call_has_its_trials_curves_and_scores_once_and_the_last_ones(place: Path) -> None:
    config = smoke_with(f"sqlite:///{place}/mlruns/mlflow.db")

    def attempt(name: str, value: float) -> None:
        with track(config, name, search=name) as run:
            run.trial_known(TrialResult(1, {"lr": 0.1}, [[{"loss": 2.0}, {"loss": 1.0}]], 1.0))
            run.trial_started(2, {"lr": 0.5})
            run.trial_ended(FAILED)
            for member, epoch in ((1, 1), (1, 2), (2, 1)):
                run.final_epoch_ended(member, epoch, {"loss": value + epoch})
            run.log_scores({"test": {"mae_mm": value}}, DATA_SETS)
            run.log_hyperparameters({"lr": value})
            run.log_description(f"value {value}")

    killed = list(killed_at_every_call(attempt))
    assert len(killed) > 20
    assert doubled(place) == []
    everything = runs(place)
    jobs = {run.info.run_name: run for run in everything if "mlflow.parentRunId" not in run.data.tags}
    assert sorted(jobs) == sorted(["whole", *killed])
    assert len(everything) == 3 * len(jobs)
    whole = children(everything, jobs["whole"].info.run_id)
    for name in killed:
        job = jobs[name]
        assert job.info.status == "FINISHED"
        assert job.data.tags["mlflow.note.content"] == "value 2.0"
        assert list(datasets_of(job)) == list(DATA_SETS)
        assert job.data.metrics == {"train/loss_mm2": 4.0, "network_2/train/loss_mm2": 3.0, "test/mae_mm": 2.0}
        trials = children(everything, job.info.run_id)
        assert sorted(map(str, map(content, trials))) == sorted(map(str, map(content, whole)))
        assert sorted(str(trial.data.metrics) for trial in trials) == sorted(
            str(trial.data.metrics) for trial in whole
        )


@pytest.mark.system
def test_a_cross_validation_killed_at_any_call_has_each_fold_once(place: Path) -> None:
    config = smoke_with(f"sqlite:///{place}/mlruns/mlflow.db")

    def attempt(name: str, value: float) -> None:
        with track(config, name, search=name) as run:
            for fold in ("fold 1", "fold 2"):
                with track(config, fold, search=f"{name} {fold}", parent=run) as part:
                    part.log_scores({"test": {"mae_mm": value}})
            run.log_scores({"test": {"mae_mm": value}})

    killed = list(killed_at_every_call(attempt))
    assert len(killed) > 15
    assert doubled(place) == []
    everything = runs(place)
    assert len(everything) == 3 * (1 + len(killed))
    jobs = {run.info.run_name: run for run in everything if "mlflow.parentRunId" not in run.data.tags}
    for name in killed:
        folds = sorted(children(everything, jobs[name].info.run_id), key=lambda run: run.info.run_name or "")
        assert [(fold.info.run_name, fold.info.status) for fold in folds] == [
            ("fold 1", "FINISHED"), ("fold 2", "FINISHED"),
        ]  # fmt: skip
        assert [run.data.metrics for run in (jobs[name], *folds)] == [{"test/mae_mm": 2.0}] * 3


def test_a_trial_that_is_done_again_with_another_score_has_the_last_one_only(place: Path) -> None:
    def attempt(score: float) -> None:
        with track(smoke_with(f"sqlite:///{place}/mlruns/mlflow.db"), "name", "abc") as run:
            run.trial_known(TrialResult(1, {"lr": 0.1}, [[{"loss": score}]], score))
            raise KeyboardInterrupt

    for score in (1.0, 2.0):
        with pytest.raises(KeyboardInterrupt):
            attempt(score)
    assert doubled(place) == []
    job, trial = runs(place)
    assert children([trial], job.info.run_id)
    assert trial.data.metrics == {"train/loss_mm2": 2.0, "objective": 2.0}


def test_a_trial_that_the_end_of_a_failed_run_has_ended_is_logged_by_the_next(place: Path) -> None:
    result = TrialResult(1, {"lr": 0.1}, [[{"loss": 1.0}]], 1.0)
    config = smoke_with(f"sqlite:///{place}/mlruns/mlflow.db")

    def fail() -> None:
        with track(config, "name", "abc") as run:
            run.trial_started(1, result.hyperparameters)
            run.log_file(place / "no_such_file")

    with pytest.raises(FileNotFoundError):
        fail()
    with track(config, "name", "abc") as run:
        run.trial_known(result)
    assert [(run.info.status, run.data.metrics.get("objective")) for run in runs(place)] == [
        ("FINISHED", None), ("FINISHED", 1.0),
    ]  # fmt: skip


def test_the_same_search_of_somebody_else_on_the_same_server_is_left_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = smoke_with(f"sqlite:///{place}/mlruns/mlflow.db")
    for person in ("one", "other"):
        (place / person).mkdir()
    monkeypatch.chdir(place / "one")
    with track(config, "one", "abc") as mine:
        mine.final_epoch_ended(1, 1, {"loss": 1.0})
        monkeypatch.chdir(place / "other")
        with track(config, "other", "abc") as theirs:
            theirs.final_epoch_ended(1, 1, {"loss": 2.0})
        mine.final_epoch_ended(1, 2, {"loss": 1.0})
    assert [(run.info.run_name, run.data.metrics) for run in runs(place)] == [
        ("one", {"train/loss_mm2": 1.0}), ("other", {"train/loss_mm2": 2.0}),
    ]  # fmt: skip


def test_a_sweep_that_is_ended_twice_has_its_table_once(place: Path) -> None:
    tracking = smoke_with(f"sqlite:///{place}/mlruns/mlflow.db").tracking
    sweep, table = start_sweep(tracking, "seed=1"), place / "sweep.csv"
    table.write_text("job,accuracy\n0,0.5\n")
    for _ in range(2):
        end_sweep(tracking, sweep, "FAILED", table, SweepStory({}, "", (), 0))
    client = MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")
    assert client.load_table("1", "sweep.json", [sweep]).to_dict("records") == [{"job": 0, "accuracy": 0.5}]


@pytest.mark.system
def test_a_run_killed_at_any_call_that_logs_its_model_has_one_model_and_one_version(place: Path) -> None:
    import keras  # the quick tests do without

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save(place / "model.keras")
    config = smoke_with(f"sqlite:///{place}/mlruns/mlflow.db")
    client = MlflowClient(config.tracking.uri)

    def attempt(name: str, value: float) -> None:
        tracking = dataclasses.replace(config.tracking, register_as=name)
        with track(dataclasses.replace(config, tracking=tracking), name, search=name) as run:
            run.final_epoch_ended(1, 1, {"loss": value})
            run.log_model(place / "model.keras", np.zeros((1, 3), np.float32), name)

    killed = list(killed_at_every_call(attempt))
    assert len(killed) > 12
    assert doubled(place) == []
    models = client.search_logged_models(["1"])
    found = {run.info.run_id: run.info.run_name for run in runs(place)}
    assert sorted(found[model.source_run_id] for model in models) == sorted(["whole", *killed])
    for name in killed:
        (version,) = client.search_model_versions(f"name = '{name}'")
        assert found[version.run_id] == name
