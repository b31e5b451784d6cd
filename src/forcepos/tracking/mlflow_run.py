"""The steps of a job's run in MLflow, each of which can be repeated after it was done in part."""

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModel, LoggedModelOutput, Metric, Param, RunTag
from mlflow.entities import Run as Recorded
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from forcepos.runtime.wording import visible
from forcepos.tracking import store
from forcepos.tracking.description import package_versions, short_value
from forcepos.tuning.trials import Logs, TrialResult, Values

_SEARCH_TAG = "search"  # fingerprint of the search that a job belongs to
_DIRECTORY_TAG = "directory"  # that it was started in: others may do the same search on the same server
_REPLACES_TAG = "replaces"  # id of the run that an interrupted process left behind
_MAIN_PARAMS = {"data.name", "model.name", "model.window", "split.name", "tuner.name", "seed"}
# How a run is made, not what it is; its objective is the tuner's.
UNLOGGED_PARAMS = (
    "tracking.", "skip_finished", "fail_fast", "tuner.fresh", "tuner.workers", "model.objective",
    "model.direction", "evaluation.figures", "training.tensorboard",
)  # fmt: skip

Groups = Mapping[str, Mapping[str, float | None]]  # of scores, by the first part of their names
DataSets = Mapping[str, Mapping[str, str]]  # by context: what MLflow keeps of each
_NEEDED_BY_MODELS = ("mlflow", "tensorflow", "keras", "numpy")
# What Keras calls a metric, and what a run calls it, unit included.
_NAMES = {
    "regression": {"loss": "loss_mm2", "mae": "mae_mm", "rmse": "rmse_mm", "r2": "r2"},
    "classification": {"loss": "loss", "accuracy": "accuracy", "f1": "f1_macro"},
}


class MlflowRun:
    """A job's run with its trials as child runs.

    Every step takes the time at which it happened, in ms: what is logged later, or twice, gets the same time, and
    MLflow keeps it once. What another process does again has other times, maybe other values, and MLflow would
    keep both: a run that holds metrics of an interrupted process is replaced by a new one. Without the id of a run
    that was started before, `start` comes first.
    """

    def __init__(self, client: MlflowClient, experiment_id: str, task: str, run_id: str | None) -> None:
        self._client, self._experiment_id = client, experiment_id
        self._names = _NAMES[task]
        self.run_id = run_id or ""
        self.model_uri: str | None = None

    def start(self, when: int, name: str, search: str, parent: str | None, params: Mapping[str, str]) -> None:
        """Start the run, or resume the one that an interrupted process left behind."""
        before = None if self.run_id else self._left_behind(search, parent, params)
        if before and not before.data.metrics:
            self.run_id = before.info.run_id
        if self.run_id:
            store.resume_run(self._client, self.run_id, parent)
        else:
            tags = {_SEARCH_TAG: search, _DIRECTORY_TAG: str(Path.cwd()), MLFLOW_PARENT_RUN_ID: parent}
            tags[_REPLACES_TAG] = before.info.run_id if before else None
            self.run_id = store.create_run(self._client, self._experiment_id, name, tags, when)
        data = self._client.get_run(self.run_id).data
        if replaced := data.tags.get(_REPLACES_TAG):
            self._replace(replaced)
        lacking = {key: value for key, value in params.items() if key not in data.params}  # an earlier version's
        self._log_params(self.run_id, lacking)

    def _replace(self, before: str) -> None:
        """Take over the children of the run that this one replaces, and delete it; its models may be in use."""
        for run in self._children(before):
            self._client.set_tag(run.info.run_id, MLFLOW_PARENT_RUN_ID, self.run_id)
        versions = self._client.search_model_versions(f"run_id = '{before}'")
        if not any(version.aliases for version in versions):  # else one has been put to use
            for version in versions:
                self._client.delete_model_version(version.name, version.version)
            for model in self._models(before):
                self._client.delete_logged_model(model.model_id)
        self._client.delete_run(before)

    def _children(self, run_id: str, query: str = "") -> list[Recorded]:
        of_parent = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'"
        return store.search_all(self._client, self._experiment_id, of_parent + query)

    def resume(self, when: int, parent: str | None) -> None:  # noqa: ARG002
        """Resume a run that was started, under `parent` if there is one."""
        store.resume_run(self._client, self.run_id, parent)

    def move(self, when: int, parent: str | None) -> None:  # noqa: ARG002
        """Put the run under `parent`, unless it is under one that is there."""
        above = self._client.get_run(self.run_id).data.tags.get(MLFLOW_PARENT_RUN_ID)
        if parent and not (above and store.find_run(self._client, self._experiment_id, above)):
            self._client.set_tag(self.run_id, MLFLOW_PARENT_RUN_ID, parent)

    def _left_behind(self, search: str, parent: str | None, params: Mapping[str, str]) -> Recorded | None:
        """Return the last run of this search here if it has this config and an interrupted process left it."""
        here = str(Path.cwd())
        found = store.search_all(self._client, self._experiment_id, f"tags.{_SEARCH_TAG} = '{search}'")
        # Earlier versions did not tell the directory.
        run = next((run for run in reversed(found) if run.data.tags.get(_DIRECTORY_TAG, here) == here), None)
        if run is None or (run.info.status == "FINISHED" and not self._is_done_again(run, parent)):
            return None
        # Whoever was killed while logging params has left some of them; earlier versions logged more, and in full.
        left_out, logged = ("best.", *UNLOGGED_PARAMS), run.data.params
        kept = {key: short_value(value) for key, value in logged.items() if not key.startswith(left_out)}
        return run if all(params.get(key, "None") == value for key, value in kept.items()) else None

    def _is_done_again(self, run: Recorded, parent: str | None) -> bool:
        """Return whether a run is from before its sweep or cross-validation was resumed."""
        above = store.find_run(self._client, self._experiment_id, parent) if parent else None
        under = run.data.tags.get(MLFLOW_PARENT_RUN_ID) == parent
        return above is not None and under and run.info.start_time < store.process_start(above)

    def close(self, when: int, status: str, reason: str | None = None) -> None:
        """End the run and its running trials as FINISHED, FAILED or KILLED."""
        if not self.run_id:
            return
        running = " and attributes.status = 'RUNNING' and attributes.run_name like 'trial %'"
        for run_id in [*(run.info.run_id for run in self._children(self.run_id, running)), self.run_id]:
            if reason:
                self._client.set_tag(run_id, "reason", reason)
            self._client.set_terminated(run_id, status, when)

    def trial_known(self, when: int, result: Mapping[str, Any]) -> None:
        """Log a trial of an earlier process, unless that process did."""
        there = self._trial(result["number"])
        params = {name: str(value) for name, value in result["hyperparameters"].items()}
        held = there and (there.data.params, there.data.tags.get("reason"), there.data.metrics.get("objective"))
        if there is None or there.info.status == "RUNNING" or held != (params, result["failure"], result["score"]):
            self.trial_started(when, result["number"], result["hyperparameters"])
            self.trial_ended(when, result)

    def trial_started(self, when: int, number: int, hyperparameters: Values) -> None:
        """Start a trial, in place of one that was requeued or only begun."""
        if before := self._trial(number):
            self._client.delete_run(before.info.run_id)
        tags = {MLFLOW_PARENT_RUN_ID: self.run_id}
        name = f"trial {number} of {self._client.get_run(self.run_id).info.run_name}"
        self._log_params(store.create_run(self._client, self._experiment_id, name, tags, when), hyperparameters)

    def _trial(self, number: int) -> Recorded | None:
        name = f"trial {number}"  # all of it in runs of earlier versions
        found = self._children(self.run_id, f" and attributes.run_name like '{name}%'")
        return next((run for run in found if f"{run.info.run_name} ".startswith(f"{name} ")), None)

    def trial_ended(self, when: int, result: Mapping[str, Any]) -> None:
        ended = TrialResult(**result)
        trial = self._trial(ended.number)
        if trial is None:  # as the job's run, if the store lost both
            raise MlflowException(f"trial {ended.number} is gone", RESOURCE_DOES_NOT_EXIST)
        run_id = trial.info.run_id
        means = [  # of each epoch over the executions, as far as all of them went; None: NaN
            {name: sum(np.array([logs[name] for logs in epoch], float)) / len(epoch) for name in epoch[0]}
            for epoch in zip(*ended.history, strict=False)
        ]
        self._log_metrics(run_id, when, enumerate(means, 1))
        if ended.score is None:
            self._client.set_tag(run_id, "reason", ended.failure)
        else:
            self._client.log_batch(run_id, metrics=[Metric("objective", ended.score, when, 0)])
        self._client.set_terminated(run_id, "FAILED" if ended.score is None else "FINISHED", when)

    def log_tags(self, when: int, tags: Mapping[str, str]) -> None:  # noqa: ARG002
        self._client.log_batch(self.run_id, tags=[RunTag(*tag) for tag in tags.items()])

    def log_epoch(self, when: int, member: int, epoch: int, logs: Logs) -> None:
        self._log_metrics(self.run_id, when, [(epoch, logs)], "" if member == 1 else f"network_{member}/")

    def log_scores(self, when: int, groups: Groups, datasets: DataSets | None = None) -> None:
        """Log scores and, by their contexts, the data sets of a run; if there are any, also scores of its model.

        Those refer to the recordings: subsets differ with the seed, and MLflow would show the scores of each in
        columns of their own.
        """
        of_model = {}
        if datasets:
            tags = {context: [InputTag(MLFLOW_DATASET_CONTEXT, context)] for context in datasets}
            inputs = [DatasetInput(Dataset(**each), tags[context]) for context, each in datasets.items()]
            self._client.log_inputs(self.run_id, inputs)
            of_model = {f"dataset_{key}": datasets["recordings"][key] for key in ("name", "digest")}
            of_model |= {"model_id": model.model_id for model in self._models(self.run_id)}  # noqa: B035  # there is one
        scores = [(f"{group}/{name}", value) for group in groups for name, value in groups[group].items()]
        metrics = [Metric(name, value, when, 0, **of_model) for name, value in scores if value is not None]
        self._client.log_batch(self.run_id, metrics=metrics)

    def log_description(self, when: int, text: str) -> None:  # noqa: ARG002
        """Describe the run and its model in Markdown, and the model by the run's main params as well."""
        params = self._client.get_run(self.run_id).data.params
        main = {name for name in params if name in _MAIN_PARAMS or name.startswith(("best.", "sweep."))}
        self._client.set_tag(self.run_id, MLFLOW_RUN_NOTE, text)
        for model in self._models(self.run_id):
            self._client.set_logged_model_tags(model.model_id, {MLFLOW_RUN_NOTE: text})
            lacking = {name: params[name] for name in params if name in main - model.params.keys()}
            self._client.log_model_params(model.model_id, lacking)  # none twice, which MLflow refuses
        for version in self._client.search_model_versions(f"run_id = '{self.run_id}'"):
            self._client.update_model_version(version.name, version.version, text)

    def _models(self, run_id: str) -> list[LoggedModel]:
        return list(self._client.search_logged_models([self._experiment_id], f"source_run_id = '{run_id}'"))

    def log_hyperparameters(self, when: int, values: Values) -> None:  # noqa: ARG002
        self._log_params(self.run_id, {f"best.{name}": value for name, value in values.items()})
        self._client.log_dict(self.run_id, values, "best_hyperparameters.json")

    def log_file(self, when: int, path: str, folder: str | None = None) -> None:  # noqa: ARG002
        self._client.log_artifact(self.run_id, path, folder)

    def log_model(self, when: int, path: str, example: Sequence[Any], register_as: str | None) -> None:  # noqa: ARG002
        """Log a saved model of standard layers with signature and example, as an output of the run.

        Repeated after it was done in part, it resumes with the same model.
        """
        import keras  # noqa: PLC0415  # TensorFlow takes seconds
        import mlflow.tensorflow  # noqa: PLC0415  # likewise

        model = keras.models.load_model(path)
        client, signals = self._client, np.asarray(example, np.float32)
        begun = [one for one in self._models(self.run_id) if one.name == model.name]
        logged = begun[0] if begun else client.create_logged_model(self._experiment_id, model.name, self.run_id)
        versions = package_versions()
        with tempfile.TemporaryDirectory() as folder:
            # The flavor "keras" makes an array of whatever the model gives, even of answers by name.
            mlflow.tensorflow.save_model(
                model, f"{folder}/model",
                input_example=signals,
                signature=mlflow.models.infer_signature(signals, model.predict(signals, verbose=0)),
                # Named, since MLflow would find out by importing everything in another process.
                pip_requirements=[f"{name}=={versions[name]}" for name in _NEEDED_BY_MODELS],
            )  # fmt: skip
            client.log_model_artifacts(logged.model_id, f"{folder}/model")
        client.finalize_logged_model(logged.model_id, "READY")
        outputs = client.get_run(self.run_id).outputs
        if logged.model_id not in [output.model_id for output in (outputs.model_outputs if outputs else ())]:
            client.log_outputs(self.run_id, [LoggedModelOutput(logged.model_id, step=0)])
        if register_as and not client.search_model_versions(f"name='{register_as}' and run_id='{self.run_id}'"):
            mlflow.register_model(f"models:/{logged.model_id}", register_as)
        self.model_uri = f"models:/{logged.model_id}"

    def _log_params(self, run_id: str, values: Mapping[str, Any]) -> None:
        self._client.log_batch(run_id, params=[Param(name, visible(str(values[name]))) for name in values])

    def _log_metrics(self, run_id: str, when: int, epochs: Iterable[tuple[int, Logs]], group: str = "") -> None:
        names = {name: f"{group}train/{ours}" for name, ours in self._names.items()}
        names |= {f"val_{name}": f"{group}validation/{ours}" for name, ours in self._names.items()}
        metrics = [
            Metric(names[name], value, when, epoch)
            for epoch, logs in epochs
            for name, value in logs.items()
            if value is not None and math.isfinite(value)  # None: NaN, kept as JSON
        ]
        self._client.log_batch(run_id, metrics=metrics)
