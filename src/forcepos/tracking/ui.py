"""MLflow's user interface: how it is started, where it shows a run or all of them, and the saved views.

MLflow 3.17 keeps a view of the list of runs in a tag of the experiment: a JSON object whose `state` is JSON again,
compressed if a user saved it. What a state lacks is as usual, and columns that no run has are not shown.
"""

import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from shlex import quote
from typing import NamedTuple, NoReturn

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from mlflow.utils.rest_utils import http_request

from forcepos.config.schema import TrackingConfig
from forcepos.tracking.description import SWEEP_KEYS_VARIABLE
from forcepos.tracking.outages import ERRORS
from forcepos.tracking.place import resolve

_DEFAULT = "sqlite:///mlruns/mlflow.db"
_MODE = "workflowType=machine_learning"  # else MLflow shows what language models need
OUR_KIND = {"mlflow.experimentKind": "custom_model_development"}  # MLflow's name for training runs
_KNOWN_RELEASE = "3.17."  # whose views were looked at in a browser
_VIEW = "mlflow.sharedViewState."  # begins a view's tag, which ends with its id
_COMPRESSED = "deflate;"  # begins the state of a view that a user saved
_ADDED = "forcepos.views"  # tag with the names of what was added: a view that a user deletes stays deleted
_DESCRIPTION = """\
Runs of forcepos, which learns from forces and torques where a robot is touched. A job is one search and one model;
its trials are below it, its sweep is above it. *Views*, at the top right, has **Jobs by test score** and
**Trials of a search**. `python -m forcepos` adds a run, `python -m forcepos ui` opens the list.
"""
_JOBS, _TRIALS = "forcepos-jobs", "forcepos-trials"  # ids
_NAMES = {_JOBS: "Jobs by test score", _TRIALS: "Trials of a search"}
_FILTERS = {  # only jobs have the tag `search`
    _JOBS: "tags.search IS NOT NULL",
    _TRIALS: "tags.search IS NULL and tags.`mlflow.parentRunId` IS NOT NULL",
}
_SWEPT = ("data", "model", "tuner", "split", "seed")
_SEARCHED = ("lr", "batch_size", "dropout", "num_layers", "activation", "units_0", "units_1", "conv_input_filter")
_SCORED = ("test", "held_out_points", "held_out_recordings", "best_baseline")
_SCORES = [f"metrics.`{group}/{score}`" for group in _SCORED for score in ("euclidean_mean_mm", "accuracy")]
_COLUMNS = {
    _JOBS: [*(f"params.`sweep.{key}`" for key in _SWEPT), *_SCORES],
    _TRIALS: ["metrics.`objective`", *(f"params.`{name}`" for name in _SEARCHED)],
}


class UiAddress(NamedTuple):
    command: str | None  # that starts the user interface; None where a server is running
    url: str


def ui_address(config: TrackingConfig, run_id: str | None, port: int = 5000) -> UiAddress | None:
    """Return where a run is shown, or without its id the list of all; None if untracked or at Databricks."""
    uri = resolve(config.uri)[0]
    if config.name == "none" or uri.startswith(("databricks", "uc")):
        return None
    page = _page(config, uri, run_id)
    if uri.startswith("http"):
        return UiAddress(None, f"{re.sub('//[^/]*@', '//', uri).rstrip('/')}/#/{page}")  # without a password
    taken = {resolve(_DEFAULT)[0], resolve(os.environ.get("MLFLOW_TRACKING_URI", _DEFAULT))[0]}
    command = "python -m forcepos ui" + ("" if taken == {uri} else f" {quote(uri)}")
    return UiAddress(command, f"http://127.0.0.1:{port}/#/{page}")


def _page(config: TrackingConfig, uri: str, run_id: str | None) -> str:
    """Return the page of the run or of the experiment, which the store knows; if it does not, that of all."""
    with suppress(*ERRORS):
        client = MlflowClient(uri)
        if run_id:
            return f"experiments/{client.get_run(run_id).info.experiment_id}/runs/{run_id}?{_MODE}"
        if experiment := client.get_experiment_by_name(config.experiment):
            view = offer_views(client, experiment)
            shared = f"&viewStateShareKey={view}" if view else ""  # one that is not there leads elsewhere
            return f"experiments/{experiment.experiment_id}/runs?{_MODE}{shared}"
    return f"experiments?{_MODE}"


def serve(uri: str, port: int) -> NoReturn:
    """Become the server of the user interface, on this machine only; Ctrl-C ends it."""
    os.environ |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
    command = ["-m", "mlflow", "ui", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    quiet = ["--uvicorn-opts", "--log-level critical"]  # else uvicorn shows a traceback for Ctrl-C
    stores = ["--backend-store-uri", resolve(uri)[0], "--registry-store-uri", resolve(uri)[0]]
    os.execv(sys.executable, [sys.executable, *command, *quiet, *stores])  # noqa: S606  # no shell


def offer_views(client: MlflowClient, experiment: Experiment) -> str | None:
    """Give an experiment of ours views and description once; return the id of the view of jobs, if it is there."""
    tags = dict(experiment.tags)
    if OUR_KIND.items() <= tags.items():
        with suppress(*ERRORS, ValueError, TypeError, LookupError, AttributeError):  # nothing depends on them
            new = {} if MLFLOW_RUN_NOTE in tags else {MLFLOW_RUN_NOTE: _DESCRIPTION}
            views = _new_views(tags, json.loads(os.environ.get(SWEEP_KEYS_VARIABLE, "[]")))
            if views and _release(client.tracking_uri).startswith(_KNOWN_RELEASE):
                new |= views
            for key, value in new.items():
                client.set_experiment_tag(experiment.experiment_id, key, value)
                tags[key] = value
    return _JOBS if f"{_VIEW}{_JOBS}" in tags else None


def _release(uri: str) -> str:
    """Return the version of the user interface: of the server if there is one, else of what is installed."""
    if uri.startswith("http"):
        credentials = get_default_host_creds(uri)  # type: ignore[no-untyped-call]
        return str(http_request(credentials, "/version", "GET").text)  # type: ignore[no-untyped-call]
    return mlflow.__version__


def _new_views(tags: Mapping[str, str], swept: Sequence[str]) -> dict[str, str]:
    """Return the tags of views to add, or to extend by what a sweep varies unless a user has altered them."""
    new = {key: _view(key, _COLUMNS[key]) for key, name in _NAMES.items() if name not in tags.get(_ADDED, "")}
    added = {_ADDED: ", ".join(_NAMES.values())} if new else {}
    state = json.loads(tags.get(f"{_VIEW}{_JOBS}", "{}")).get("state", _COMPRESSED)
    if not state.startswith(_COMPRESSED):
        shown = json.loads(state)["selectedColumns"]
        columns = [f"params.`sweep.{key.lstrip('+').replace('@', '_')}`" for key in swept]
        lacking = [column for column in columns if column not in shown]
        new |= {_JOBS: _view(_JOBS, [*lacking, *shown])} if lacking else {}
    return {f"{_VIEW}{key}": value for key, value in new.items()} | added


def _view(view: str, columns: Sequence[str]) -> str:
    """Describe a list sorted by its first metric, and charts that begin with scores and learning curves."""
    metrics = [column for column in columns if column.startswith("metrics.")]
    scores = [column.split("`")[1] for column in metrics]
    always = ["attributes.`Run Name`", "runDateAndNestInfo"]
    bar = {"type": "BAR", "metricSectionId": "scores", "runsCountToCompare": 20}
    sections = ("scores", "validation", "train")
    state = {
        "searchFilter": _FILTERS[view],
        "orderByKey": metrics[0],
        "orderByAsc": True,
        "selectedColumns": columns,
        "columnOrder": [*always, *columns, "duration"],
        "columnWidths": {always[0]: 230, **dict.fromkeys(metrics, 105)},  # pixels
        "compareRunSections": [{"uuid": name, "name": name, "display": True} for name in sections],
        "compareRunCharts": [{**bar, "uuid": name, "metricKey": name, "displayName": name} for name in scores],
        "isAccordionReordered": True,  # keeps this order of the sections
    }
    now = time.time_ns() // 1_000_000
    return json.dumps({"name": _NAMES[view], "createdAt": now, "updatedAt": now, "state": json.dumps(state)})
