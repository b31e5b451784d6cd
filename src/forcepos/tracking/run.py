"""A job's run: what is logged of it, and kept for later while the tracking store is unreachable."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from forcepos.config.schema import Config
from forcepos.data.recordings import Float32
from forcepos.runtime.interruption import defer_signals
from forcepos.tracking.mlflow_run import MlflowRun
from forcepos.tracking.outages import ERRORS, is_outage, reason, unusable
from forcepos.tracking.store import find_run, open_store
from forcepos.tuning.events import Listener
from forcepos.tuning.trials import Logs, TrialResult, Values

log = logging.getLogger(__name__)
_AGAIN_S = 60.0  # an unreachable store is tried at most this often


class Run(Listener):
    """A run that is not tracked: tracking=none. `TrackedRun` logs the same steps."""

    run_id: str | None = None
    model_uri: str | None = None  # where the model can be loaded from, None if it is not tracked
    anew = False  # whether the store lost the run, and all of it is logged again
    tracking = "none"  # or whether the store has all of the run so far: "complete", "incomplete"
    expected_status = "none"  # `tracking` of a result that is written before the run ends

    def log_tags(self, tags: Mapping[str, str]) -> None:
        self._do("log_tags", tags=dict(tags))

    def log_scores(self, groups: Mapping[str, Mapping[str, float | None]]) -> None:
        self._do("log_scores", groups=groups)

    def log_hyperparameters(self, values: Values) -> None:
        self._do("log_hyperparameters", values=dict(values))

    def log_file(self, path: Path, folder: str | None = None) -> None:
        self._do("log_file", path=str(path), folder=folder)

    def log_model(self, path: Path, example: Float32) -> None:
        self._do("log_model", path=str(path), example=example.tolist())

    def _do(self, name: str, /, **arguments: Any) -> None:
        """Do a step of `MlflowRun`, by name."""


@dataclass(frozen=True)
class Step:
    """A call of `MlflowRun`, by name, as JSON can hold it.

    Attributes:
        when: it was requested, in ms.
    """

    name: str
    when: int
    arguments: dict[str, Any]


class TrackedRun(Run):
    """A run in MLflow. What cannot be logged now is kept, in order, and tried again.

    What was logged is kept as well: a database that is deleted or replaced meanwhile has nothing of the run.

    Args:
        run_id, model_uri, steps: of a run that another process has logged up to `done` of its steps.
    """

    def __init__(
        self,
        config: Config,
        run_id: str | None = None,
        model_uri: str | None = None,
        steps: Iterable[Step] = (),
        done: int = 0,
    ) -> None:
        self._config, self._task = config.tracking, config.model.task
        self.run_id, self.model_uri = run_id, model_uri
        self.steps, self.done = list(steps), done
        self.outage: Exception | None = None
        self._mlflow: MlflowRun | None = None
        self._tried = time.monotonic()

    expected_status = "complete"

    @property
    def tracking(self) -> str:  # type: ignore[override]
        return "incomplete" if self.done < len(self.steps) else "complete"

    @property
    def is_part(self) -> bool:
        """Whether it belongs to a cross-validation or a sweep."""
        return any(step.arguments["parent"] for step in self.steps if step.name == "start")

    @defer_signals()
    def connect(self) -> None:
        """Open the store.

        Raises:
            InputError: it cannot be used.
        """
        client, experiment_id = open_store(self._config)
        try:
            lost = self.run_id and not find_run(client, self.run_id)
        except ERRORS as error:
            raise unusable(self._config.uri, error) from error
        if lost:
            self._start_over()
        self._mlflow = MlflowRun(client, experiment_id, self._task, self.run_id)

    def _start_over(self) -> None:
        if "start" not in [step.name for step in self.steps]:
            kept = "an earlier version of forcepos kept only what it lacked"
            raise MlflowException(f"{self._config.uri} no longer has the run, and {kept}", RESOURCE_DOES_NOT_EXIST)
        log.warning("tracking.uri=%s no longer has this run: all of it is logged anew", self._config.uri)
        self.run_id, self.model_uri, self.done, self.anew = None, None, 0, True

    def start(self, name: str, search: str, parent: str | None, params: Mapping[str, str]) -> None:
        self._do("start", name=name, search=search, parent=parent, params=params)

    def resume(self, parent: str | None) -> None:
        """Log the kept steps of a run, under `parent` if there is one by now."""
        self._set_parent(parent)
        names = [step.name for step in self.steps[self.done :]]
        if "close" in names and not {"start", "resume"} & {*names}:
            self.steps.insert(self.done, Step("resume", _milliseconds(), {"parent": parent}))
        self.try_again()

    def rejoin(self, parent: str | None) -> None:
        """Log all of the run if the store lost it, and put it under `parent` if its own was lost."""
        self._set_parent(parent)
        self._do("move", parent=parent)

    def _set_parent(self, parent: str | None) -> None:
        for step in self.steps:
            if step.name == "start":
                step.arguments["parent"] = parent

    def close(self, status: str, reason: str | None = None) -> None:
        """Log the kept steps and end the run, or keep that step as well."""
        self.steps.append(Step("close", _milliseconds(), {"status": status, "reason": reason}))
        self.try_again()

    def trial_known(self, result: TrialResult) -> None:
        self._do("trial_known", result=dataclasses.asdict(result))

    def trial_started(self, number: int, hyperparameters: Values) -> None:
        self._do("trial_started", number=number, hyperparameters=dict(hyperparameters))

    def trial_ended(self, result: TrialResult) -> None:
        self._do("trial_ended", result=dataclasses.asdict(result))
        if time.monotonic() - self._tried > _AGAIN_S:
            self.try_again()

    def final_epoch_ended(self, member: int, epoch: int, logs: Logs) -> None:
        self._do("log_epoch", member=member, epoch=epoch, logs=dict(logs))

    def log_model(self, path: Path, example: Float32) -> None:
        self._do("log_model", path=str(path), example=example.tolist(), register_as=self._config.register_as)

    def _do(self, name: str, /, **arguments: Any) -> None:
        self.steps.append(Step(name, _milliseconds(), arguments))
        if self.done == len(self.steps) - 1:  # otherwise it waits behind others
            self.try_again()

    def try_again(self) -> None:
        """Log the kept steps, up to the first one that the store does not take."""
        if self.tracking == "complete":
            return
        self._tried = time.monotonic()
        try:
            self._log_kept()
        except ERRORS as error:
            if not is_outage(error):
                raise
            if self.outage is None:
                log.warning(
                    "tracking.uri=%s is unreachable (%s): the run continues, and what it logs is kept for later",
                    self._config.uri, reason(error),
                )  # fmt: skip
            self.outage, self._mlflow = error, None  # a new one looks at what has been done
        except BaseException:
            self._mlflow = None  # likewise
            raise

    def _log_kept(self) -> None:
        while self.done < len(self.steps):
            if self._mlflow is None:
                self.connect()
            if self._mlflow:
                self._log_next(self._mlflow)
        if self.outage:
            log.info("tracking.uri=%s is reachable again: logged what was kept", self._config.uri)
            self.outage = None

    def _log_next(self, mlflow_run: MlflowRun) -> None:
        try:
            self._log(self.steps[self.done], mlflow_run)
        except Exception as error:
            if is_outage(error):
                raise
            run_id = self.run_id
            if isinstance(error, MlflowException):
                self.connect()  # it sees whether the run is lost
            if not run_id or self.run_id:
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
