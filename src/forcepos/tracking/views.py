"""Saved views and description of an experiment; the only module that knows how MLflow keeps a view.

MLflow 3.17 keeps a view of the list of runs in a tag of the experiment: a JSON object whose `state` is JSON again,
compressed if a user saved it. What a state lacks is as usual, and columns that no run has are not shown.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from forcepos.tracking.outages import ERRORS

OUR_KIND = {"mlflow.experimentKind": "custom_model_development"}  # MLflow's name for training runs
_KNOWN_RELEASE = "3.17."  # whose views were looked at in a browser
_VIEW = "mlflow.sharedViewState."  # begins a view's tag, which ends with its id
_COMPRESSED = "deflate;"  # begins the state of a view that a user saved
_ADDED = "forcepos.views"  # tag with the names of what was added: a view that a user deletes stays deleted
_NOTE = "mlflow.note.content"
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


def offer_views(client: MlflowClient, experiment: Experiment) -> str | None:
    """Give an experiment of ours each view and the description once, if it has never had them.

    A failure is no matter: nothing depends on them. Returns the id of the view of jobs, if there is one.
    """
    tags = dict(experiment.tags)
    if OUR_KIND.items() <= tags.items():
        with suppress(*ERRORS, ValueError, TypeError, LookupError, AttributeError):  # an unknown format
            new = {} if _NOTE in tags else {_NOTE: _DESCRIPTION}
            views = _new_views(tags, json.loads(os.environ.get("FORCEPOS_SWEEP_KEYS", "[]")))
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
