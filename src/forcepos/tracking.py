"""Runs in MLflow: sweep, job, trial. The only module that imports mlflow.

Everything goes through MlflowClient with explicit run ids: MLflow's notion of one active run per process
does not survive sweeps, and a process that loses the race to create an experiment would otherwise log
into another one without a word.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from forcepos.config import Config, TrackingConfig
from forcepos.errors import InputError
from forcepos.provenance import package_versions
from forcepos.tuning.trials import Logs, TrialResult, Values

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
logging.getLogger("alembic").setLevel(logging.WARNING)

import mlflow  # noqa: E402  # after its settings
from mlflow.entities import LoggedModelOutput, Metric, Param, RunTag  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

    from forcepos.data.recordings import Float32

PARENT_VARIABLE = "FORCEPOS_SWEEP_RUN"  # carries the sweep's run id to its jobs, whatever process they run in
_PARENT_TAG = "mlflow.parentRunId"
_PARAMS_AT_ONCE = 100

# What Keras calls a metric, and what a run calls it, unit included.
_NAMES = {
    "regression": {"loss": "loss_mm2", "mae": "mae_mm", "rmse": "rmse_mm", "r2": "r2"},
    "classification": {"loss": "loss", "accuracy": "accuracy", "f1": "f1_macro"},
}


class Run:
    """A run that nobody records: tracking=none. `MlflowRun` records the same steps."""

    run_id: str | None = None

    def trial_started(self, number: int, hyperparameters: Values) -> None: ...

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None: ...

    def trial_ended(self, result: TrialResult) -> None: ...

    def log_tags(self, tags: Mapping[str, str]) -> None: ...

    def log_epoch(self, epoch: int, logs: Logs) -> None: ...

    def log_scores(self, groups: Mapping[str, Mapping[str, float]]) -> None: ...

    def log_hyperparameters(self, values: Values) -> None: ...

    def log_figure(self, name: str, figure: Figure) -> None: ...

    def log_file(self, path: Path) -> None: ...

    def log_model(self, model: keras.Model, example: Float32) -> str | None:  # noqa: ARG002
        """Where the model can be loaded from, None where it is not recorded."""
        return None


class MlflowRun(Run):
    """One job's run and its trials as child runs."""

    def __init__(self, client: mlflow.MlflowClient, experiment_id: str, config: Config, name: str) -> None:
        self._client, self._experiment_id, self._config = client, experiment_id, config
        self._names = _NAMES[config.model.task]
        self._trial_id: str | None = None
        self.run_id: str = self._create(name, os.environ.get(PARENT_VARIABLE))
        self._log_params(self.run_id, _flatten(dataclasses.asdict(config)))

    def _create(self, name: str, parent: str | None) -> str:
        tags = {_PARENT_TAG: parent} if parent else {}
        run = self._client.create_run(self._experiment_id, run_name=name, tags=tags)
        return str(run.info.run_id)

    def close(self, status: str, reason: str | None = None) -> None:
        """End the run, and the trial that it was in, as FINISHED, FAILED or KILLED."""
        for run_id in filter(None, (self._trial_id, self.run_id)):
            if reason:
                self._client.set_tag(run_id, "reason", reason)
            self._client.set_terminated(run_id, status)

    def trial_started(self, number: int, hyperparameters: Values) -> None:
        self._trial_id = self._create(f"trial {number}", self.run_id)
        self._log_params(self._trial_id, hyperparameters)

    def trial_ended(self, result: TrialResult) -> None:
        if self._trial_id is None:
            return
        self._log_metrics(self._trial_id, _mean_over_executions(result.history))
        if result.score is not None:
            self._client.log_metric(self._trial_id, "objective", result.score)
        else:
            self._client.set_tag(self._trial_id, "reason", result.failure)
        self._client.set_terminated(self._trial_id, "FAILED" if result.score is None else "FINISHED")
        self._trial_id = None

    def log_tags(self, tags: Mapping[str, str]) -> None:
        self._client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in tags.items()])

    def log_epoch(self, epoch: int, logs: Logs) -> None:
        self._log_metrics(self.run_id, [logs], first_epoch=epoch)

    def log_scores(self, groups: Mapping[str, Mapping[str, float]]) -> None:
        now = _milliseconds()
        metrics = [
            Metric(f"{group}/{name}", value, now, 0)
            for group, scores in groups.items()
            for name, value in scores.items()
        ]
        self._client.log_batch(self.run_id, metrics=metrics)

    def log_hyperparameters(self, values: Values) -> None:
        self._log_params(self.run_id, {f"best.{name}": value for name, value in values.items()})
        self._client.log_dict(self.run_id, values, "best_hyperparameters.json")

    def log_figure(self, name: str, figure: Figure) -> None:
        self._client.log_figure(self.run_id, figure, f"figures/{name}.png")

    def log_file(self, path: Path) -> None:
        self._client.log_artifact(self.run_id, str(path))

    def log_model(self, model: keras.Model, example: Float32) -> str:
        """Log the model with signature and example; it loads with mlflow.pyfunc, without forcepos."""
        with tempfile.TemporaryDirectory() as folder:  # exists, unlike what mlflow.keras expects: mlflow#16183
            mlflow.keras.save_model(
                model,
                folder,
                input_example=example,
                signature=infer_signature(example, model.predict(example, verbose=0)),
                pip_requirements=_requirements(),
            )
            logged = mlflow.initialize_logged_model(
                name=self._config.model.name, source_run_id=self.run_id, experiment_id=self._experiment_id
            )
            self._client.log_model_artifacts(logged.model_id, folder)
        self._client.finalize_logged_model(logged.model_id, "READY")
        self._client.log_outputs(self.run_id, [LoggedModelOutput(logged.model_id, step=0)])
        uri = f"models:/{logged.model_id}"
        if self._config.tracking.register_as:
            mlflow.register_model(uri, self._config.tracking.register_as)
        return uri

    def _log_params(self, run_id: str, values: Mapping[str, Any]) -> None:
        params = [Param(name, str(value)) for name, value in values.items()]
        for first in range(0, len(params), _PARAMS_AT_ONCE):
            self._client.log_batch(run_id, params=params[first : first + _PARAMS_AT_ONCE])

    def _log_metrics(self, run_id: str, history: Sequence[Logs], first_epoch: int = 1) -> None:
        now = _milliseconds()
        metrics = [
            Metric(self._metric_name(name), value, now, epoch)
            for epoch, logs in enumerate(history, first_epoch)
            for name, value in logs.items()
        ]
        self._client.log_batch(run_id, metrics=metrics)

    def _metric_name(self, keras_name: str) -> str:
        part = "validation" if keras_name.startswith("val_") else "train"
        return f"{part}/{self._names[keras_name.removeprefix('val_')]}"


@contextmanager
def track(config: Config, name: str) -> Iterator[Run]:
    """Record what happens inside as one run: FINISHED, FAILED with the reason, or KILLED."""
    if config.tracking.name == "none":
        yield Run()
        return
    client, experiment_id = open_store(config.tracking)
    run = MlflowRun(client, experiment_id, config, name)
    try:
        yield run
    except Exception as error:
        run.close("FAILED", f"{type(error).__name__}: {error}")
        raise
    except BaseException:  # Ctrl-C and SIGTERM
        run.close("KILLED", "interrupted")
        raise
    run.close("FINISHED")


def open_store(config: TrackingConfig) -> tuple[mlflow.MlflowClient, str]:
    """A client and the id of the experiment, which is made where it does not exist yet.

    The first use of a database creates its tables, and MLflow lets processes race for that: one at a time.

    Raises:
        InputError: MLflow cannot use tracking.uri, or the experiment was deleted.
    """
    uri, folder = _resolve(config.uri)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(uri)
    try:
        with FileLock(folder / "mlflow.lock") if folder else _no_lock():
            client = mlflow.MlflowClient(uri)
            experiment = client.get_experiment_by_name(config.experiment)
            if experiment is None:
                artifacts = (folder / "artifacts").as_uri() if folder else None
                tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI's view of training runs
                return client, client.create_experiment(config.experiment, artifacts, tags)
    except MlflowException as error:
        raise InputError(f"tracking.uri={config.uri} cannot be used: {error.message}") from error
    if experiment.lifecycle_stage == "deleted":
        raise InputError(f"tracking.experiment={config.experiment} was deleted: restore it or choose another name")
    return client, experiment.experiment_id


def start_sweep(config: TrackingConfig, name: str) -> str:
    """Start the run under which a multirun's jobs gather; returns its id."""
    client, experiment_id = open_store(config)
    return str(client.create_run(experiment_id, run_name=name, tags={"forcepos.sweep": "true"}).info.run_id)


def end_sweep(run_id: str, status: str) -> None:
    """End a sweep's run."""
    mlflow.MlflowClient().set_terminated(run_id, status)


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


def _requirements() -> list[str]:
    versions = package_versions()
    return [f"{name}=={versions[name]}" for name in ("mlflow", "tensorflow", "keras", "numpy")]


def _mean_over_executions(history: Sequence[Sequence[Logs]]) -> list[Logs]:
    """Per epoch the mean over executions, as far as all of them went."""
    return [
        {name: sum(logs[name] for logs in epoch) / len(epoch) for name in epoch[0]}
        for epoch in zip(*history, strict=False)
    ]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = json.dumps(value) if isinstance(value, list) else value
    return flat


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
