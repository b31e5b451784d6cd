"""A job's run in MLflow: each of its steps can be repeated after it was done in part."""

import math
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow import pyfunc
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModel, LoggedModelOutput, Metric, Param, RunTag
from mlflow.entities import Run as Recorded
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.types import ColSpec, Schema
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from forcepos.data.recordings import Float32
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import visible
from forcepos.tracking import store
from forcepos.tracking.description import package_versions, short_value
from forcepos.tracking.steps import StepQueue
from forcepos.tuning.trials import Logs, TrialResult, Values

_SEARCH_TAG = "search"  # fingerprint of the search that a job belongs to
_DIRECTORY_TAG = "directory"  # that it was started in: others may do the same search on the same server
_REPLACES_TAG = "replaces"  # id of the run that an interrupted process left behind
# How a run is made, not what it is; its objective is the tuner's.
UNLOGGED_PARAMS = (
    "tracking.", "skip_finished", "fail_fast", "tuner.fresh", "tuner.workers", "model.objective",
    "model.direction", "evaluation.figures", "training.tensorboard",
)  # fmt: skip
Groups = Mapping[str, Mapping[str, float | None]]  # of scores, by the first part of their names
DataSets = Mapping[str, Mapping[str, str]]  # by context: what MLflow keeps of each
# What Keras calls a metric, and what a run calls it, unit included.
_NAMES = {
    "regression": {"loss": "loss_mm2", "mae": "mae_mm", "rmse": "rmse_mm", "r2": "r2"},
    "classification": {"loss": "loss", "accuracy": "accuracy", "f1": "f1_macro"},
}


class Run(StepQueue):
    """A run with its trials as child runs; its public methods are steps.

    A step is logged with the time of its request: logged later, or twice, it is kept once. What another process
    does again has other times: a run that holds metrics of an interrupted process is replaced by a new one.
    """

    @property
    def _id(self) -> str:
        return self.run_id or ""

    def start(self, name: str, search: str, params: Mapping[str, str], parent: str | None = None) -> None:
        """Start the run, or resume the one that an interrupted process left behind."""
        before = None if self.run_id else self._left_behind(search, parent, params)
        if before and not before.data.metrics:
            self.run_id = before.info.run_id
        if self.run_id:
            store.resume_run(self._client, self.run_id, parent)
        else:
            tags = {_SEARCH_TAG: search, _DIRECTORY_TAG: str(Path.cwd()), MLFLOW_PARENT_RUN_ID: parent}
            tags[_REPLACES_TAG] = before.info.run_id if before else None
            self.run_id = store.create_run(self._client, self._experiment_id, name, tags, self.when)
        data = self._client.get_run(self._id).data
        if replaced := data.tags.get(_REPLACES_TAG):
            self._replace(replaced)
        # An earlier version logged fewer.
        self._log_params(self._id, {key: params[key] for key in params if key not in data.params})

    def _replace(self, before: str) -> None:
        """Take over the children of the run that this one replaces, and delete it; its models may be in use."""
        for run in self._children(before):
            self._client.set_tag(run.info.run_id, MLFLOW_PARENT_RUN_ID, self._id)
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

    def resume(self, parent: str | None) -> None:
        """Resume a run that was started, under `parent` if there is one."""
        store.resume_run(self._client, self._id, parent)

    def move(self, parent: str | None) -> None:
        """Put the run under `parent`, unless it is under one that is there."""
        if parent and not self._find(self._client.get_run(self._id).data.tags.get(MLFLOW_PARENT_RUN_ID)):
            self._client.set_tag(self._id, MLFLOW_PARENT_RUN_ID, parent)

    def _left_behind(self, search: str, parent: str | None, params: Mapping[str, str]) -> Recorded | None:
        """Return the last run of this search here if it has this config and an interrupted process left it."""
        found = store.search_all(self._client, self._experiment_id, f"tags.{_SEARCH_TAG} = '{search}'")
        here = [run for run in found if run.data.tags.get(_DIRECTORY_TAG) in (None, str(Path.cwd()))]
        run = here[-1] if here else None  # earlier versions did not tell the directory
        if run and run.info.status == "FINISHED":  # done again if it is from before its parent was resumed
            above = parent == run.data.tags.get(MLFLOW_PARENT_RUN_ID) and self._find(parent)
            run = run if above and run.info.start_time < store.process_start(above) else None
        if run is None:
            return None
        # Whoever was killed while logging params has left some of them; earlier versions logged more, and in full.
        left_out, logged = ("best.", *UNLOGGED_PARAMS), run.data.params
        kept = {key: short_value(value) for key, value in logged.items() if not key.startswith(left_out)}
        return run if all(params.get(key, "None") == value for key, value in kept.items()) else None

    def close(self, status: str, reason: str | None = None) -> None:
        """End the run and its running trials as FINISHED, FAILED or KILLED."""
        if not self.run_id:
            return
        running = " and attributes.status = 'RUNNING' and attributes.run_name like 'trial %'"
        for run_id in [*(trial.info.run_id for trial in self._children(self._id, running)), self._id]:
            if reason:
                self._client.set_tag(run_id, "reason", reason)
            self._client.set_terminated(run_id, status, self.when)

    def trial_known(self, result: TrialResult) -> None:
        """Log a trial of an earlier process, unless that process did."""
        there = self._trial(result.number)
        params = {name: str(value) for name, value in result.hyperparameters.items()}
        held = there and (there.data.params, there.data.tags.get("reason"), there.data.metrics.get("objective"))
        if there is None or there.info.status == "RUNNING" or held != (params, result.reason, result.score):
            self.trial_started(result.number, result.hyperparameters)
            self.trial_ended(result)

    def trial_started(self, number: int, hyperparameters: Values) -> None:
        """Start a trial, in place of one that was requeued or only begun."""
        if before := self._trial(number):
            self._client.delete_run(before.info.run_id)
        tags = {MLFLOW_PARENT_RUN_ID: self._id}
        name = f"trial {number} of {self._client.get_run(self._id).info.run_name}"
        run_id = store.create_run(self._client, self._experiment_id, name, tags, self.when)
        self._log_params(run_id, hyperparameters)

    def _trial(self, number: int) -> Recorded | None:
        name = f"trial {number}"  # all of it in runs of earlier versions
        found = self._children(self._id, f" and attributes.run_name like '{name}%'")
        return next((run for run in found if f"{run.info.run_name} ".startswith(f"{name} ")), None)

    def trial_ended(self, result: TrialResult) -> None:
        trial = self._trial(result.number)
        if trial is None:  # as the job's run, if the store lost both
            raise MlflowException(f"trial {result.number} is gone", RESOURCE_DOES_NOT_EXIST)
        means = [  # of each epoch over the executions, as far as all of them went; None: NaN
            {name: sum(np.array([logs[name] for logs in epoch], float)) / len(epoch) for name in epoch[0]}
            for epoch in zip(*result.history, strict=False)
        ]
        self._log_metrics(trial.info.run_id, enumerate(means, 1))
        if result.reason:
            self._client.set_tag(trial.info.run_id, "reason", result.reason)
        if result.score is not None:
            self._client.log_batch(trial.info.run_id, metrics=[Metric("objective", result.score, self.when, 0)])
        status = "KILLED" if result.stopped else "FAILED" if result.failure else "FINISHED"
        self._client.set_terminated(trial.info.run_id, status, self.when)

    def log_tags(self, tags: Mapping[str, str]) -> None:
        self._client.log_batch(self._id, tags=[RunTag(*tag) for tag in tags.items()])

    def final_epoch_ended(self, member: int, epoch: int, logs: Logs) -> None:
        self._log_metrics(self._id, [(epoch, logs)], "" if member == 1 else f"network_{member}/")

    def log_scores(self, groups: Groups, datasets: DataSets | None = None) -> None:
        """Log scores and, by their contexts, the data sets of a run; if there are any, also scores of its model.

        Those refer to the recordings: of subsets, which differ with the seed, each would get columns of its own.
        """
        of_model = {}
        if datasets:
            tags = {context: [InputTag(MLFLOW_DATASET_CONTEXT, context)] for context in datasets}
            inputs = [DatasetInput(Dataset(**each), tags[context]) for context, each in datasets.items()]
            self._client.log_inputs(self._id, inputs)
            of_model = {f"dataset_{key}": datasets["recordings"][key] for key in ("name", "digest")}
            of_model |= {"model_id": model.model_id for model in self._models(self._id)}  # noqa: B035  # one
        scores = [(f"{group}/{name}", value) for group in groups for name, value in groups[group].items()]
        metrics = [Metric(name, value, self.when, 0, **of_model) for name, value in scores if value is not None]
        self._client.log_batch(self._id, metrics=metrics)

    def log_description(self, text: str) -> None:
        """Describe the run and its model in Markdown, and the model by the run's main params as well."""
        params = self._client.get_run(self._id).data.params
        main = {"data.name", "model.name", "model.window", "split.name", "tuner.name", "seed"} & params.keys()
        main |= {name for name in params if name.startswith(("best.", "sweep."))}
        self._client.set_tag(self._id, MLFLOW_RUN_NOTE, text)
        for model in self._models(self._id):
            self._client.set_logged_model_tags(model.model_id, {MLFLOW_RUN_NOTE: text})
            lacking = {name: params[name] for name in params if name in main - model.params.keys()}
            self._client.log_model_params(model.model_id, lacking)  # none twice, which MLflow refuses
        for version in self._client.search_model_versions(f"run_id = '{self._id}'"):
            self._client.update_model_version(version.name, version.version, text)

    def _models(self, run_id: str) -> list[LoggedModel]:
        return list(self._client.search_logged_models([self._experiment_id], f"source_run_id = '{run_id}'"))

    def log_hyperparameters(self, values: Values) -> None:
        self._log_params(self._id, {f"best.{name}": value for name, value in values.items()})
        self._client.log_dict(self._id, values, "best_hyperparameters.json")

    def log_file(self, path: Path, folder: str | None = None) -> None:
        self._client.log_artifact(self._id, str(path), folder)

    def log_model(self, path: Path, example: Float32, register_as: str | None) -> None:
        """Log a saved model of standard layers as an output of the run, with its facts and a raw sample."""
        import keras  # noqa: PLC0415  # TensorFlow takes seconds
        import mlflow.tensorflow  # noqa: PLC0415  # likewise

        model = keras.models.load_model(path)
        client = self._client
        begun = [one for one in self._models(self._id) if one.name == model.name]
        logged = begun[0] if begun else client.create_logged_model(self._experiment_id, model.name, self._id)
        with tempfile.TemporaryDirectory() as folder:
            # The flavor "keras" makes an array of whatever the model gives, even of answers by name.
            signals, windows = np.asarray(example, np.float32), Path(folder, "windows")
            of_windows = {"signature": infer_signature(signals, model.predict(signals, verbose=0))}
            mlflow.tensorflow.save_model(model, str(windows), input_example=signals, **of_windows, **_needed())
            place = _answering_rows(windows, Path(path), signals)
            client.log_model_artifacts(logged.model_id, str(place))
        client.finalize_logged_model(logged.model_id, "READY")
        of_run = client.get_run(self._id).outputs
        if not (of_run and logged.model_id in [output.model_id for output in of_run.model_outputs]):
            client.log_outputs(self._id, [LoggedModelOutput(logged.model_id, step=0)])
        if register_as and not client.search_model_versions(f"name='{register_as}' and run_id='{self._id}'"):
            mlflow.register_model(f"models:/{logged.model_id}", register_as)
        self.model_uri = f"models:/{logged.model_id}"

    def _log_params(self, run_id: str, values: Mapping[str, Any]) -> None:
        self._client.log_batch(run_id, params=[Param(name, visible(str(values[name]))) for name in values])

    def _log_metrics(self, run_id: str, epochs: Iterable[tuple[int, Logs]], group: str = "") -> None:
        names = {name: f"{group}train/{ours}" for name, ours in _NAMES[self._task].items()}
        names |= {f"val_{name}": f"{group}validation/{ours}" for name, ours in _NAMES[self._task].items()}
        values = [(names[name], value, epoch) for epoch, logs in epochs for name, value in logs.items()]
        known = [each for each in values if each[1] is not None and math.isfinite(each[1])]  # None: NaN in JSON
        self._client.log_batch(run_id, metrics=[Metric(name, value, self.when, at) for name, value, at in known])


def _needed() -> dict[str, list[str]]:
    """Name what a model needs: MLflow would find out by importing everything in another process."""
    names, versions = ("mlflow", "tensorflow", "keras", "numpy", "pandas"), package_versions()
    return {"pip_requirements": [f"{name}=={versions[name]}" for name in names]}


def _answering_rows(windows: Path, path: Path, example: Float32) -> Path:
    """Return the folder of an MLflow model that answers named rows as well as windows, from one that does these.

    It holds a copy of served.py; a model of an earlier version does not know its channels, and stays as it is.
    """
    from forcepos.models.facts import read_facts  # noqa: PLC0415  # TensorFlow takes seconds
    from forcepos.tracking import served  # noqa: PLC0415  # likewise

    try:
        facts = read_facts(path)
    except InputError:
        return windows
    code, rows = windows.with_name("forcepos_served.py"), windows.with_name("rows")
    shutil.copy(served.__file__, code)
    channels = [channel["name"] for channel in facts["channels"]]
    label = [ColSpec("string", "predicted")] * bool(facts["labels"])
    outputs = Schema([*label, *(ColSpec("double", name) for name in served.answer_columns(facts))])
    pyfunc.save_model(
        str(rows), loader_module=code.stem, code_paths=[str(code)], data_path=str(path),
        signature=ModelSignature(Schema([ColSpec("double", name) for name in channels]), outputs),
        input_example=pd.DataFrame(example.reshape(-1, len(channels)).astype(np.float64), columns=channels),
        metadata={"forcepos": {key: facts[key] for key in facts if key != "far"}}, **_needed(),
    )  # fmt: skip
    shutil.copytree(windows / "data", rows / "data", dirs_exist_ok=True)
    shutil.copy(path, rows / "data" / path.name)  # which has the facts, unlike the one of windows
    described = Model.load(str(rows))
    described.flavors["tensorflow"] = Model.load(str(windows)).flavors["tensorflow"]
    described.save(str(rows / "MLmodel"))
    return rows
