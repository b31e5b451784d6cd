"""Stores that are away, or lose the answer to a call."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from forcepos.config.schema import Config
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import to_json
from forcepos.tracking import store
from forcepos.tracking.outages import is_outage, reason
from forcepos.tracking.run import Run
from forcepos.tracking.store import open_store
from forcepos.tracking.track import track
from forcepos.tuning.trials import TrialResult
from tests.conftest import checked_config, datasets_of
from tests.running import forcepos
from tests.system.ports import free_port


@pytest.fixture
def broken() -> Iterator[str]:
    """A server that answers everything with HTTP 500; its URI."""

    class Broken(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Broken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def smoke_with(uri: str) -> Config:
    return checked_config("debug=smoke", "model=ffnn_regression", f"tracking.uri={uri}")


def test_a_server_that_is_away_is_told_in_one_line() -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(InputError, match=f"^tracking.uri={uri} cannot be used: Connection refused$"):
        open_store(smoke_with(uri).tracking)


def test_a_server_that_only_fails_is_told_in_one_line(broken: str) -> None:
    with pytest.raises(InputError, match=f"^tracking.uri={broken} cannot be used: it answers with HTTP 500$"):
        open_store(smoke_with(broken).tracking)


@pytest.mark.parametrize("job", [[], ["-m", "seed=1,2"]])
def test_a_command_ends_at_once_where_the_server_is_away(job: list[str], tmp_path: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    finished = forcepos([*job, "debug=smoke", f"tracking.uri={uri}"], tmp_path)
    assert (finished.code, finished.out) == (1, "")
    *before, last = finished.err.splitlines()
    assert last == f"error: tracking.uri={uri} cannot be used: Connection refused"
    assert len(before) == (2 if job else 1)  # what will run, and what its jobs differ in


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (MlflowException("away"), True),
        (MlflowException("its database went away in the middle", 3), True),
        (ConnectionResetError(), True),
        (MlflowException("no such thing", 3001), False),
        (FileNotFoundError("model.keras"), False),
    ],
)
def test_a_mistake_is_no_outage(error: Exception, outage: bool) -> None:
    codes = {3: "BAD_REQUEST", 3001: "RESOURCE_DOES_NOT_EXIST"}
    if isinstance(error, MlflowException) and "no such" in error.message:
        error.error_code = codes[3001]
    elif isinstance(error, MlflowException) and "middle" in error.message:
        error.error_code = codes[3]
    assert is_outage(error) == outage


def test_a_reason_is_short() -> None:
    long = "failed with exception HTTPConnectionPool(host='h', port=1): Max retries exceeded (Caused by X('{}'))"
    assert reason(MlflowException(long.format("[Errno 111] Connection refused"))) == "Connection refused"
    assert reason(MlflowException(long.format("too many 503 error responses"))) == "it answers with HTTP 503"
    assert reason(MlflowException("API request failed with timeout exception …")) == "no answer in time"
    assert reason(MlflowException("one\ntwo")) == "one"


LOGS = {"loss": 2.0, "mae": 1.0, "val_loss": 3.0, "val_mae": 1.5}
FAILED = TrialResult(2, {"lr": 0.5}, [[LOGS]], None, "the loss is not finite in epoch 1")
DATA_SETS = {
    context: {"name": "plate", "digest": context, "source_type": "local", "source": '{"uri": "plate.csv"}'}
    for context in ("recordings", "train", "test")
}


def log_everything(run: Any, folder: Path) -> None:
    """Two trials at once, the second one given back once and failing."""
    file = folder / "figure.svg"
    file.write_text("<svg/>")
    run.log_tags({"device": "CPU"})
    run.trial_known(TrialResult(1, {"lr": 0.1}, [[LOGS, LOGS]], 1.5))
    run.trial_started(2, {"lr": 0.5})
    run.trial_started(3, {"lr": 0.3})
    run.trial_started(2, {"lr": 0.5})
    run.trial_ended(TrialResult(3, {"lr": 0.3}, [[LOGS]], 1.5))
    run.trial_ended(FAILED)
    run.final_epoch_ended(1, 1, LOGS)
    run.final_epoch_ended(1, 2, LOGS)
    run.log_scores({"test": {"mae_mm": 1.25}}, DATA_SETS)
    run.log_hyperparameters({"lr": 0.1})
    run.log_description("model ` m `")
    run.log_file(file, "figures")


def what_is_stored(uri: str) -> list[Any]:
    """Everything of every run but ids, times and processes."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("forcepos")
    assert experiment is not None
    found = []
    for run in client.search_runs([experiment.experiment_id], order_by=["attributes.run_name"]):
        history = {
            name: [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        params = {key: value for key, value in run.data.params.items() if key != "tracking.uri"}
        files = [entry.path for entry in client.list_artifacts(run.info.run_id)]
        tags = {name: run.data.tags.get(name) for name in ("reason", "device", "search", "mlflow.note.content")}
        tags |= {context: dataset.digest for context, dataset in datasets_of(run).items()}
        child = "mlflow.parentRunId" in run.data.tags
        found.append((run.info.run_name, run.info.status, child, params, history, sorted(files), tags))
    return found


def test_values_that_are_not_finite_or_null_in_a_file_are_not_logged(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    diverged = TrialResult(1, {"lr": 0.1}, [[LOGS, LOGS | {"loss": math.nan}], [LOGS, LOGS]], None, "diverged")
    kept = TrialResult(**json.loads(to_json(dataclasses.asdict(diverged))))
    with track(smoke_with(uri), "run", search="search") as run:
        run.trial_known(kept)
        run.trial_ended(dataclasses.replace(diverged, number=1))
        run.final_epoch_ended(1, 1, LOGS | {"mae": math.inf})
        run.log_scores({"test": {"mae_mm": 1.25, "r2": None}})
    (_, _, _, _, of_run, _, _), (_, _, _, _, of_trial, _, _) = what_is_stored(uri)
    assert set(of_run) == {"train/loss_mm2", "validation/loss_mm2", "validation/mae_mm", "test/mae_mm"}
    assert {step for step, _ in of_trial["train/loss_mm2"]} == {1}
    assert {step for step, _ in of_trial["validation/loss_mm2"]} == {1, 2}


class Shaky:
    """A client whose calls fail at random, before or after they are done."""

    def __init__(self, client: MlflowClient, rng: random.Random) -> None:
        self._client, self._chance = client, rng

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._client, name)

        @functools.wraps(call)
        def shaken(*arguments: Any, **named: Any) -> Any:
            if self._chance.random() < 0.15:
                raise MlflowException("not done")
            answer = call(*arguments, **named)
            if self._chance.random() < 0.15:
                raise MlflowException("done, and the answer was lost")
            return answer

        return shaken


@pytest.mark.system
def test_calls_that_fail_or_lose_their_answer_lose_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = f"sqlite:///{tmp_path}/expected/mlflow.db"
    with track(smoke_with(expected), "name", "abc") as run:
        log_everything(run, tmp_path)
    told = what_is_stored(expected)
    assert [(name, status, child) for name, status, child, *_ in told] == [
        ("name", "FINISHED", False), ("trial 1 of name", "FINISHED", True), ("trial 2 of name", "FAILED", True),
        ("trial 3 of name", "FINISHED", True),
    ]  # fmt: skip

    rng = random.Random(1)  # noqa: S311  # failures, not secrets
    failures = 0
    for attempt in range(3):
        shaky = f"sqlite:///{tmp_path}/shaky_{attempt}/mlflow.db"
        tracked = Run(smoke_with(shaky))
        tracked.connect()
        monkeypatch.setattr(store, "MlflowClient", lambda uri: Shaky(MlflowClient(uri), rng))
        tracked._connected = False
        tracked.start("name", "abc", told[0][3] | {"tracking.uri": shaky})
        log_everything(tracked, tmp_path)
        tracked.close("FINISHED")
        while tracked.tracking == "incomplete":
            failures += 1
            tracked.try_again()
        monkeypatch.undo()
        assert what_is_stored(shaky) == told
    assert failures > 20


def test_a_run_that_is_interrupted_ends_all_its_trials(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"

    def interrupted() -> None:
        with track(smoke_with(uri), "name", "abc") as run:
            run.trial_started(1, {"lr": 0.1})
            run.trial_started(2, {"lr": 0.2})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(name, status) for name, status, *_ in what_is_stored(uri)] == [
        ("name", "KILLED"), ("trial 1 of name", "KILLED"), ("trial 2 of name", "KILLED"),
    ]  # fmt: skip


def test_a_mistake_ends_the_run_and_is_not_made_again(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(FileNotFoundError), track(smoke_with(uri), "name", "abc") as run:
        run.log_file(tmp_path / "no_such_file")
    assert [status for _, status, *_ in what_is_stored(uri)] == ["FAILED"]


def test_a_mistake_while_a_run_begins_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_long(*_: object) -> None:
        raise MlflowException("param value is too long", 1000)

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setattr(Run, "_log_params", too_long)
    with pytest.raises(MlflowException, match="too long"), track(smoke_with(uri), "name", "abc"):
        pass
    assert [status for _, status, *_ in what_is_stored(uri)] == ["FAILED"]


def test_who_loses_the_race_to_make_an_experiment_takes_the_winners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = smoke_with(f"sqlite:///{tmp_path}/mlflow.db").tracking
    _, first = open_store(tracking)
    answers = [None]  # it was not there yet when the loser looked

    class Late(MlflowClient):
        def get_experiment_by_name(self, name: str) -> Any:
            return answers.pop() if answers else super().get_experiment_by_name(name)

    monkeypatch.setattr(store, "MlflowClient", Late)
    assert open_store(tracking)[1] == first != "0"
    assert answers == []
