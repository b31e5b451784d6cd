"""One job's run, its trials as child runs, its model."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.entities import Metric, Param, RunTag

from forcepos.config import Config
from forcepos.tracking.model import log_keras_model
from forcepos.tracking.store import PARENT_TAG, create_run, open_store, parent_run, take_over
from forcepos.tuning.trials import Logs, TrialResult, Values

if TYPE_CHECKING:
    import keras

    from forcepos.data.recordings import Float32

_PARAMS_AT_ONCE = 100
_SEARCH_TAG = "search"  # fingerprint of the search that a job belongs to

# What Keras calls a metric, and what a run calls it, unit included.
_NAMES = {
    "regression": {"loss": "loss_mm2", "mae": "mae_mm", "rmse": "rmse_mm", "r2": "r2"},
    "classification": {"loss": "loss", "accuracy": "accuracy", "f1": "f1_macro"},
}


class Run:
    """A run that nobody records: tracking=none. `MlflowRun` records the same steps."""

    run_id: str | None = None

    def trial_known(self, result: TrialResult) -> None: ...

    def trial_started(self, number: int, hyperparameters: Values) -> None: ...

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None: ...

    def trial_ended(self, result: TrialResult) -> None: ...

    def log_tags(self, tags: Mapping[str, str]) -> None: ...

    def log_epoch(self, member: int, epoch: int, logs: Logs) -> None: ...

    def log_scores(self, groups: Mapping[str, Mapping[str, float]]) -> None: ...

    def log_hyperparameters(self, values: Values) -> None: ...

    def log_file(self, path: Path, folder: str | None = None) -> None: ...

    def log_model(self, model: keras.Model, example: Float32) -> str | None:  # noqa: ARG002
        """Where the model can be loaded from, None where it is not recorded."""
        return None


class MlflowRun(Run):
    """A job's run; one that an interrupted process left behind is gone on with."""

    def __init__(
        self,
        client: mlflow.MlflowClient,
        experiment_id: str,
        config: Config,
        name: str,
        search: str,
        parent: str | None,
    ) -> None:
        self._client, self._experiment_id, self._config = client, experiment_id, config
        self._names = _NAMES[config.model.task]
        self._under_way: dict[int, str] = {}  # runs of trials that have begun and not ended, by number
        self._trials: dict[str, str] = {}  # children that are there already, by name
        params = {key: str(value) for key, value in _flatten(dataclasses.asdict(config)).items()}
        left_behind = self._left_behind(search, params)
        if left_behind:
            self.run_id: str = left_behind
            take_over(client, left_behind, parent)
            self._trials = self._children()
        else:
            self.run_id = create_run(client, experiment_id, name, parent, {_SEARCH_TAG: search})
        self._log_params(self.run_id, params)

    def _left_behind(self, search: str, params: Mapping[str, str]) -> str | None:
        """The last run of this search, if it has this config and was not finished."""
        runs = self._client.search_runs(
            [self._experiment_id], f"tags.{_SEARCH_TAG} = '{search}'", order_by=["start_time DESC"], max_results=1
        )
        if not runs or runs[0].info.status == "FINISHED":
            return None
        # Whoever was killed while logging params has left some of them.
        logged = {key: value for key, value in runs[0].data.params.items() if not key.startswith("best.")}
        return str(runs[0].info.run_id) if logged.items() <= params.items() else None

    def _children(self) -> dict[str, str]:
        found = self._client.search_runs(
            [self._experiment_id], f"tags.`{PARENT_TAG}` = '{self.run_id}'", max_results=10_000
        )
        return {run.info.run_name: run.info.run_id for run in found}

    def close(self, status: str, reason: str | None = None) -> None:
        """End the run, and the trials that it was in, as FINISHED, FAILED or KILLED."""
        for run_id in (*self._under_way.values(), self.run_id):
            if reason:
                self._client.set_tag(run_id, "reason", reason)
            self._client.set_terminated(run_id, status)

    def trial_known(self, result: TrialResult) -> None:
        """Log a trial of an earlier process, unless that process did."""
        there = self._trials.get(f"trial {result.number}")
        if there and self._client.get_run(there).info.status in ("FINISHED", "FAILED"):
            return
        self.trial_started(result.number, result.hyperparameters)
        self.trial_ended(result)

    def trial_started(self, number: int, hyperparameters: Values) -> None:
        if number in self._under_way:
            return  # given back by a worker that is gone
        name = f"trial {number}"
        there = self._trials.get(name)
        if there:
            take_over(self._client, there)
        run_id = there or create_run(self._client, self._experiment_id, name, self.run_id)
        self._under_way[number] = run_id
        self._log_params(run_id, hyperparameters)

    def trial_ended(self, result: TrialResult) -> None:
        run_id = self._under_way.pop(result.number)
        self._log_metrics(run_id, _mean_over_executions(result.history))
        if result.score is not None:
            self._client.log_metric(run_id, "objective", result.score)
        else:
            self._client.set_tag(run_id, "reason", result.failure)
        self._client.set_terminated(run_id, "FAILED" if result.score is None else "FINISHED")

    def log_tags(self, tags: Mapping[str, str]) -> None:
        self._client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in tags.items()])

    def log_epoch(self, member: int, epoch: int, logs: Logs) -> None:
        group = "" if member == 1 else f"network_{member}/"
        self._log_metrics(self.run_id, [logs], epoch, group)

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

    def log_file(self, path: Path, folder: str | None = None) -> None:
        self._client.log_artifact(self.run_id, str(path), folder)

    def log_model(self, model: keras.Model, example: Float32) -> str:
        uri = log_keras_model(self._client, self.run_id, model, example)
        if self._config.tracking.register_as:
            mlflow.register_model(uri, self._config.tracking.register_as)
        return uri

    def _log_params(self, run_id: str, values: Mapping[str, Any]) -> None:
        params = [Param(name, str(value)) for name, value in values.items()]
        for first in range(0, len(params), _PARAMS_AT_ONCE):
            self._client.log_batch(run_id, params=params[first : first + _PARAMS_AT_ONCE])

    def _log_metrics(self, run_id: str, history: Sequence[Logs], first_epoch: int = 1, group: str = "") -> None:
        now = _milliseconds()
        metrics = [
            Metric(f"{group}{self._metric_name(name)}", value, now, epoch)
            for epoch, logs in enumerate(history, first_epoch)
            for name, value in logs.items()
        ]
        self._client.log_batch(run_id, metrics=metrics)

    def _metric_name(self, keras_name: str) -> str:
        part = "validation" if keras_name.startswith("val_") else "train"
        return f"{part}/{self._names[keras_name.removeprefix('val_')]}"


@contextmanager
def track(config: Config, name: str, search: str, parent: str | None = None) -> Iterator[Run]:
    """Record what happens inside as one run: FINISHED, FAILED with the reason, or KILLED.

    Args:
        search: fingerprint of the search, by which the same command finds a run that it did not finish.
        parent: the run that it belongs to; by default the sweep's, if there is one.
    """
    if config.tracking.name == "none":
        yield Run()
        return
    client, experiment_id = open_store(config.tracking)
    run = MlflowRun(client, experiment_id, config, name, search, parent or parent_run())
    try:
        yield run
    except Exception as error:
        run.close("FAILED", f"{type(error).__name__}: {error}")
        raise
    except BaseException:  # Ctrl-C and SIGTERM
        run.close("KILLED", "interrupted")
        raise
    run.close("FINISHED")


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
