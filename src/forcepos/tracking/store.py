"""Where runs are kept: a database under the working directory, or any MLflow store."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import psutil
from filelock import FileLock
from mlflow import MlflowClient, set_tracking_uri
from mlflow.artifacts import load_dict
from mlflow.exceptions import MlflowException

from forcepos.config import TrackingConfig
from forcepos.errors import InputError
from forcepos.tuning.trials import Values

PARENT_VARIABLE = "FORCEPOS_SWEEP_RUN"  # carries the sweep's run id to its jobs, whatever process they run in
PARENT_TAG = "mlflow.parentRunId"
_LONGEST_NAME = 250  # of a run, in MLflow's tables
_PROCESS_TAG = "forcepos.process"


def open_store(config: TrackingConfig) -> tuple[MlflowClient, str]:
    """A client and the id of the experiment, which is made where it does not exist yet.

    The first use of a database creates its tables, and MLflow lets processes race for that: one at a time.

    Raises:
        InputError: MLflow cannot use tracking.uri, or the experiment was deleted.
    """
    uri, folder = _resolve(config.uri)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    set_tracking_uri(uri)
    try:
        with FileLock(folder / "mlflow.lock") if folder else _no_lock():
            client = MlflowClient(uri)
            experiment_id = _experiment(client, config.experiment, folder)
            _close_abandoned(client, experiment_id)
    except MlflowException as error:
        raise InputError(f"tracking.uri={config.uri} cannot be used: {error.message}") from error
    return client, experiment_id


def _experiment(client: MlflowClient, name: str, folder: Path | None) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        artifacts = (folder / "artifacts").as_uri() if folder else None
        tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI's view of training runs
        return str(client.create_experiment(name, artifacts, tags))
    if experiment.lifecycle_stage == "deleted":
        raise InputError(f"tracking.experiment={name} was deleted: restore it or choose another name")
    return str(experiment.experiment_id)


def create_run(
    client: MlflowClient,
    experiment_id: str,
    name: str,
    parent: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Start a run of this process; its id."""
    own = {_PROCESS_TAG: _this_process()} | ({PARENT_TAG: parent} if parent else {})
    run = client.create_run(experiment_id, run_name=name[:_LONGEST_NAME], tags={**own, **(tags or {})})
    return str(run.info.run_id)


def take_over(client: MlflowClient, run_id: str, parent: str | None = None) -> None:
    """Go on with a run that another process began and did not finish."""
    client.update_run(run_id, status="RUNNING")
    client.set_tag(run_id, _PROCESS_TAG, _this_process())
    if parent:
        client.set_tag(run_id, PARENT_TAG, parent)
    if "reason" in client.get_run(run_id).data.tags:
        client.delete_tag(run_id, "reason")


def _close_abandoned(client: MlflowClient, experiment_id: str) -> None:
    """Runs of processes on this machine that are no more, as after kill -9, are marked KILLED."""
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=1000):
        host, _, process = run.data.tags.get(_PROCESS_TAG, "").partition(" ")
        if host == socket.gethostname() and not _alive(process):
            client.set_tag(run.info.run_id, "reason", "the process ended without a word")
            client.set_terminated(run.info.run_id, "KILLED")


def _this_process() -> str:
    process = psutil.Process()
    return f"{socket.gethostname()} {process.pid} {process.create_time():.2f}"


def _alive(process: str) -> bool:
    number, _, started = process.partition(" ")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == started
    except (psutil.NoSuchProcess, ValueError):
        return False


def read_hyperparameters(config: TrackingConfig, source: str) -> Values:
    """The best hyperparameters of a run of ours, `source` being runs:/ID.

    Raises:
        InputError: there is no such run, or it has none.
    """
    open_store(config)
    try:
        return dict(load_dict(f"{source}/best_hyperparameters.json"))
    except (MlflowException, OSError) as error:
        raise InputError(f"tuner.hyperparameters={source} names no run with best hyperparameters") from error


def ui_command(config: TrackingConfig) -> str | None:
    """The command that shows the runs, None where none are kept or a server shows them."""
    uri, folder = _resolve(config.uri)
    return f"mlflow ui --backend-store-uri {uri}" if folder and config.name == "mlflow" else None


def _resolve(uri: str) -> tuple[str, Path | None]:
    """An absolute URI, and the folder of the database if it is a local one."""
    prefix = "sqlite:///"
    if not uri.startswith(prefix):
        return uri, None
    path = Path(uri.removeprefix(prefix)).absolute()
    return f"{prefix}{path}", path.parent


@contextmanager
def _no_lock() -> Iterator[None]:
    yield


def parent_run() -> str | None:
    """The sweep's run that this process' job belongs to."""
    return os.environ.get(PARENT_VARIABLE)


def start_sweep(config: TrackingConfig, overrides: str) -> str:
    """Start the run under which a multirun's jobs gather; its id."""
    client, experiment_id = open_store(config)
    source = {"mlflow.source.name": f"python -m forcepos -m {overrides}", "mlflow.source.type": "LOCAL"}
    return create_run(client, experiment_id, f"sweep {overrides}", tags=source)


def end_sweep(config: TrackingConfig, run_id: str, status: str, table: Path | None) -> None:
    """End a sweep's run, with the table of its jobs as a file and as MLflow shows tables.

    Jobs whose process is no more, as after Ctrl-C, are marked KILLED.
    """
    client = MlflowClient(_resolve(config.uri)[0])
    if table:
        client.log_artifact(run_id, str(table))
        client.log_table(run_id, pd.read_csv(table), "sweep.json")
    client.set_terminated(run_id, status)
    _close_abandoned(client, client.get_run(run_id).info.experiment_id)
