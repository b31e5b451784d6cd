"""A job's run: what is logged of it, and kept for later while the tracking store is unreachable."""

import dataclasses
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from forcepos.config.schema import Config
from forcepos.data.recordings import Float32
from forcepos.runtime.interruption import defer_signals
from forcepos.tracking.description import PARENT_VARIABLE
from forcepos.tracking.mlflow_run import DataSets, Groups, MlflowRun
from forcepos.tracking.outages import ERRORS, is_outage, reason, usable
from forcepos.tracking.store import find_run, open_store
from forcepos.tuning.trials import Listener, Logs, TrialResult, Values

log = logging.getLogger(__name__)
_AGAIN_S = 60.0  # an unreachable store is tried at most this often


@dataclass(frozen=True)
class Step:
    """A call of `MlflowRun`, by name, as JSON can hold it."""

    name: str
    when: int  # it was requested, in ms
    arguments: dict[str, Any]


class Run(Listener):
    """A run in MLflow, or one that is not tracked, which logs nothing.

    What cannot be logged now is kept, in order, and tried again. What was logged is kept as well: a database that
    is deleted or replaced meanwhile has nothing of the run.
    """

    def __init__(self, config: Config, parent: "Run | None" = None) -> None:
        self._config, self._task = config.tracking, config.model.task
        # Whether it belongs to a cross-validation or a sweep, which started with a reachable store.
        self.is_part = parent is not None or PARENT_VARIABLE in os.environ
        self._parent_id = parent.run_id if parent else os.environ.get(PARENT_VARIABLE)
        self.run_id: str | None = None
        self.model_uri: str | None = None  # where the model can be loaded from, None if it is not tracked
        self.steps: list[Step] = []  # those that were logged come first, `done` in number
        self.done, self.anew = 0, False  # anew: the store lost the run, and all of it is logged again
        # `tracking` of a result that is written before the run ends.
        self.expected_status = "none" if self._config.name == "none" else "complete"
        self.outage: Exception | None = None
        self._mlflow: MlflowRun | None = None
        self._tried = time.monotonic()

    @property
    def tracking(self) -> str:
        """Whether the store has all of the run so far: none, complete or incomplete."""
        return "incomplete" if self.done < len(self.steps) else self.expected_status

    @defer_signals()
    def connect(self) -> MlflowRun:
        """Open the store, and begin anew if it has lost the run.

        Raises:
            InputError: it cannot be used.
        """
        client, experiment_id = open_store(self._config)
        with usable(self._config.uri):
            lost = self.run_id and not find_run(client, experiment_id, self.run_id)
        if lost and "start" not in [step.name for step in self.steps]:
            kept = "an earlier version of forcepos kept only what it lacked"
            raise MlflowException(f"{self._config.uri} no longer has the run, and {kept}", RESOURCE_DOES_NOT_EXIST)
        if lost:
            log.warning("tracking.uri=%s no longer has this run: all of it is logged anew", self._config.uri)
            self.run_id, self.model_uri, self.done, self.anew = None, None, 0, True
        self._mlflow = MlflowRun(client, experiment_id, self._task, self.run_id)
        return self._mlflow

    def start(self, name: str, search: str, params: Mapping[str, str]) -> None:
        self._do("start", name=name, search=search, parent=self._parent_id, params=params)

    def resume(self) -> None:
        """Log the kept steps, or all if the store lost the run, and put it under its parent, if any."""
        for step in self.steps:
            if step.name == "start":
                step.arguments["parent"] = self._parent_id
        names = {step.name for step in self.steps[self.done :]}
        if not names or ("close" in names and not names & {"start", "resume"}):
            step = Step("resume" if names else "move", _milliseconds(), {"parent": self._parent_id})
            self.steps.insert(self.done, step)
        self.try_again()

    def close(self, status: str, reason: str | None = None) -> None:
        """Log the kept steps and end the run, or keep that step as well."""
        self._do("close", status=status, reason=reason)

    def trial_known(self, result: TrialResult) -> None:
        self._do("trial_known", result=dataclasses.asdict(result))

    def trial_started(self, number: int, hyperparameters: Values) -> None:
        self._do("trial_started", number=number, hyperparameters=dict(hyperparameters))

    def trial_ended(self, result: TrialResult) -> None:
        self._do("trial_ended", result=dataclasses.asdict(result))

    def final_epoch_ended(self, member: int, epoch: int, logs: Logs) -> None:
        self._do("log_epoch", member=member, epoch=epoch, logs=dict(logs))

    def log_tags(self, tags: Mapping[str, str]) -> None:
        self._do("log_tags", tags=dict(tags))

    def log_scores(self, groups: Groups, datasets: DataSets | None = None) -> None:
        self._do("log_scores", groups=groups, datasets=datasets)

    def log_description(self, text: str) -> None:
        self._do("log_description", text=text)

    def log_hyperparameters(self, values: Values) -> None:
        self._do("log_hyperparameters", values=dict(values))

    def log_file(self, path: Path, folder: str | None = None) -> None:
        self._do("log_file", path=str(path), folder=folder)

    def log_model(self, path: Path, example: Float32) -> None:
        self._do("log_model", path=str(path), example=example.tolist(), register_as=self._config.register_as)

    def _do(self, name: str, /, **arguments: Any) -> None:
        """Do a step of `MlflowRun`, or keep it behind those that an outage has kept."""
        if self.expected_status == "none" or (name.startswith("trial_") and self._config.trials == "none"):
            return
        kept = self.done < len(self.steps)
        self.steps.append(Step(name, _milliseconds(), arguments))
        if not kept or name == "close" or time.monotonic() - self._tried > _AGAIN_S:
            self.try_again()

    def try_again(self) -> None:
        """Log the kept steps, up to the first one that the store does not take."""
        self._tried = time.monotonic()
        try:
            while self.done < len(self.steps):
                self._log_next()
        except ERRORS as error:
            if not is_outage(error):
                raise
            if self.outage is None:
                kept = "the run continues, and what it logs is kept for later"
                log.warning("tracking.uri=%s is unreachable (%s): %s", self._config.uri, reason(error), kept)
            self.outage, self._mlflow = error, None
        else:
            if self.outage:
                log.info("tracking.uri=%s is reachable again: logged what was kept", self._config.uri)
            self.outage = None

    def _log_next(self) -> None:
        mlflow_run = self._mlflow or self.connect()
        run_id = mlflow_run.run_id
        try:
            self._log(self.steps[self.done], mlflow_run)
        except Exception as error:
            if is_outage(error):
                raise
            if not isinstance(error, MlflowException) or self.connect().run_id or not run_id:  # not lost
                self.done += 1  # whatever follows must not make the same mistake again
                raise

    @defer_signals()
    def _log(self, step: Step, mlflow_run: MlflowRun) -> None:
        try:
            getattr(mlflow_run, step.name)(step.when, **step.arguments)
        finally:  # a step that was done in part may have got this far
            self.run_id = mlflow_run.run_id or None
            self.model_uri = mlflow_run.model_uri or self.model_uri
        self.done += 1


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
