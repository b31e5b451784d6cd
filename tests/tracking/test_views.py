"""The saved views and the description that an experiment of ours gets in MLflow's user interface."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment, ExperimentTag
from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import MlflowHostCreds

from forcepos.config.schema import TrackingConfig
from forcepos.tracking import ui
from forcepos.tracking.store import open_store

VIEW = "mlflow.sharedViewState."
NAMES = ["Jobs by test score", "Trials of a search"]


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> TrackingConfig:
    shutil.copytree(empty_store, tmp_path, dirs_exist_ok=True)
    return TrackingConfig("mlflow", f"sqlite:///{tmp_path}/mlruns/mlflow.db", "forcepos", None, "runs")


def client_of(store: TrackingConfig) -> MlflowClient:
    return MlflowClient(store.uri)


def tags_of(store: TrackingConfig) -> dict[str, str]:
    experiment = client_of(store).get_experiment_by_name(store.experiment)
    assert experiment is not None
    return dict(experiment.tags)


def views_in(tags: dict[str, str]) -> dict[str, dict[str, Any]]:
    """State of each view, by name."""
    saved = [json.loads(value) for key, value in tags.items() if key.startswith(VIEW)]
    return {view["name"]: json.loads(view["state"]) for view in saved}


def as_before(store: TrackingConfig) -> None:
    """Take away what this version adds to an experiment of an earlier one."""
    for key in tags_of(store):
        if key != "mlflow.experimentKind":
            client_of(store).delete_experiment_tag("1", key)


def test_a_new_experiment_has_the_views_and_a_description(store: TrackingConfig) -> None:
    tags = tags_of(store)
    assert [*views_in(tags)] == NAMES
    assert "`python -m forcepos ui` opens the list" in tags["mlflow.note.content"]


def test_the_view_of_jobs_shows_the_scores_of_both_kinds_and_sorts_by_the_first(store: TrackingConfig) -> None:
    jobs = views_in(tags_of(store))["Jobs by test score"]
    assert (jobs["searchFilter"], jobs["orderByKey"]) == (
        "tags.search IS NOT NULL",
        "metrics.`test/euclidean_mean_mm`",
    )
    assert {
        f"metrics.`{group}/{score}`"
        for group in ("test", "held_out_points", "best_baseline")
        for score in ("euclidean_mean_mm", "accuracy")
    } <= {*jobs["selectedColumns"]}


def test_an_experiment_of_an_earlier_version_gets_them_when_a_run_opens_the_store(store: TrackingConfig) -> None:
    as_before(store)
    open_store(store)
    assert [*views_in(tags_of(store))] == NAMES


def test_a_view_that_was_deleted_does_not_come_back_and_a_text_that_was_written_stays(
    store: TrackingConfig,
) -> None:
    client_of(store).delete_experiment_tag("1", f"{VIEW}forcepos-trials")
    client_of(store).set_experiment_tag("1", "mlflow.note.content", "ours")
    open_store(store)
    assert [*views_in(tags_of(store))] == NAMES[:1]
    assert tags_of(store)["mlflow.note.content"] == "ours"


def test_an_experiment_that_has_all_is_not_written_to(
    store: TrackingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(MlflowClient, "set_experiment_tag", lambda *call: calls.append(call[2]))
    open_store(store)
    assert calls == []


def test_an_experiment_that_is_not_ours_stays_as_it_is(store: TrackingConfig) -> None:
    client_of(store).create_experiment("another", tags={"team": "lab"})
    other = TrackingConfig("mlflow", store.uri, "another", None, "runs")
    open_store(other)
    assert tags_of(other) == {"team": "lab"}


def test_another_release_of_mlflow_gets_no_views(store: TrackingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    as_before(store)
    monkeypatch.setattr(mlflow, "__version__", "3.18.0")
    open_store(store)
    assert {*tags_of(store)} == {"mlflow.experimentKind", "mlflow.note.content"}


def test_a_server_of_another_release_gets_no_views(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [ExperimentTag("mlflow.experimentKind", "custom_model_development")]
    experiment = Experiment("1", "forcepos", "mlflow-artifacts:/1", "active", ours)
    asked: list[str] = []
    added: list[str] = []
    monkeypatch.setattr(MlflowClient, "set_experiment_tag", lambda *call: added.append(call[2]))
    for release in ("3.1.4", "3.17.2"):
        monkeypatch.setattr(ui, "http_request", _answering(release, asked))
        ui.offer_views(MlflowClient("http://lab:5000"), experiment)
    assert asked == ["http://lab:5000/version"] * 2
    note, *rest = added
    assert (note, rest[0], rest[-1]) == ("mlflow.note.content", "mlflow.note.content", "forcepos.views")


def _answering(release: str, asked: list[str]) -> Callable[[MlflowHostCreds, str, str], SimpleNamespace]:
    def answer(server: MlflowHostCreds, path: str, _: str) -> SimpleNamespace:
        asked.append(f"{server.host}{path}")
        return SimpleNamespace(text=release)

    return answer


def test_a_store_that_takes_no_views_is_opened_all_the_same(
    store: TrackingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before(store)

    def refuse(*_: object) -> None:
        raise MlflowException("read only")

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuse)
    assert open_store(store)[1] == "1"
    assert [*tags_of(store)] == ["mlflow.experimentKind"]


@pytest.mark.parametrize(
    "value", ["deflate;eJyrVkosLcmIz0vMTVWyUkpUqgUAMpUFVw==", '{"version": 2}', "[]", "no JSON"]
)
def test_a_view_of_ours_in_another_format_is_left_alone(
    value: str, store: TrackingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_of(store).set_experiment_tag("1", f"{VIEW}forcepos-jobs", value)
    monkeypatch.setenv("FORCEPOS_SWEEP_KEYS", '["model.window"]')
    open_store(store)
    assert tags_of(store)[f"{VIEW}forcepos-jobs"] == value


def test_what_a_sweep_varies_becomes_a_column(store: TrackingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCEPOS_SWEEP_KEYS", '["model", "model.window"]')
    open_store(store)
    columns = views_in(tags_of(store))["Jobs by test score"]["selectedColumns"]
    assert columns[:3] == ["params.`sweep.model.window`", "params.`sweep.data`", "params.`sweep.model`"]


def test_a_view_that_a_user_altered_gets_no_column(store: TrackingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"{VIEW}forcepos-jobs"
    altered = json.dumps({**json.loads(tags_of(store)[key]), "state": "deflate;eJyrrgUAAXUA+Q=="})
    client_of(store).set_experiment_tag("1", key, altered)
    monkeypatch.setenv("FORCEPOS_SWEEP_KEYS", '["model.window"]')
    open_store(store)
    assert tags_of(store)[key] == altered
