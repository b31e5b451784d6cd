"""The steps of a job's run, which are logged now or kept for later while the tracking store is unreachable."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import isfunction, signature
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from pydantic import TypeAdapter

from forcepos.config.schema import Config
from forcepos.runtime.interruption import defer_signals
from forcepos.tracking.description import PARENT_VARIABLE
from forcepos.tracking.outages import ERRORS, is_outage, reason, usable
from forcepos.tracking.store import find_run, open_store
from forcepos.tuning.trials import Listener, TrialResult

log = logging.getLogger(__name__)
_RENAMED = {"log_epoch": "final_epoch_ended"}  # steps in files of earlier versions
_as_json = TypeAdapter(Any).dump_python


@dataclass(frozen=True)
class Step:
    """A call of one of a run's steps, by name, as JSON can hold it."""

    name: str
    when: int  # it was requested, in ms
    arguments: dict[str, Any]


class StepQueue(Listener):
    """The steps of a run in MLflow, or of one that is not tracked, which logs nothing.

    All are kept, in order, even those that were logged: a database that is deleted meanwhile has none of them.
    """

    _client: MlflowClient
    _experiment_id: str

    def __init_subclass__(cls) -> None:
        """Make steps of the public methods of a subclass."""
        for name, method in [*vars(cls).items()]:
            if isfunction(method) and not name.startswith("_"):
                setattr(cls, name, _step(method))

    def __init__(self, config: Config, parent: "StepQueue | None" = None) -> None:
        self._config, self._task = config.tracking, config.model.task
        # Whether it belongs to a cross-validation or a sweep, which started with a reachable store.
        self.is_part = parent is not None or PARENT_VARIABLE in os.environ
        self.parent_id = parent.run_id if parent else os.environ.get(PARENT_VARIABLE)
        self.run_id: str | None = None
        self.model_uri: str | None = None  # where the model can be loaded from, None if it is not tracked
        self.steps: list[Step] = []  # those that were logged come first, `done` in number
        self.done, self.anew = 0, False  # anew: the store lost the run, and all of it is logged again
        # `tracking` of a result that is written before the run ends.
        self.expected_status = "none" if self._config.name == "none" else "complete"
        self.outage: Exception | None = None
        self.when = 0  # the step under way was requested, in ms; 0 between steps
        self._connected, self._tried = False, time.monotonic()

    @property
    def tracking(self) -> str:
        """Whether the store has all of the run so far: none, complete or incomplete."""
        return "incomplete" if self.done < len(self.steps) else self.expected_status

    @defer_signals()
    def connect(self) -> None:
        """Open the store, and begin anew if it has lost the run; raise InputError if it cannot be used."""
        self._client, self._experiment_id = open_store(self._config)
        with usable(self._config.uri):
            lost = self.run_id and not self._find(self.run_id)
        if lost and "start" not in [step.name for step in self.steps]:
            kept = "an earlier version of forcepos kept only what it lacked"
            raise MlflowException(f"{self._config.uri} no longer has the run, and {kept}", RESOURCE_DOES_NOT_EXIST)
        if lost:
            log.warning("tracking.uri=%s no longer has this run: all of it is logged anew", self._config.uri)
            self.run_id, self.model_uri, self.done, self.anew = None, None, 0, True
        self._connected = True

    def _find(self, run_id: str | None) -> Run | None:
        return find_run(self._client, self._experiment_id, run_id) if run_id else None

    def complete(self) -> None:
        """Log the kept steps, or all if the store lost the run, and put it under its parent, if any."""
        for step in self.steps:
            if step.name == "start":
                step.arguments["parent"] = self.parent_id
        names = {step.name for step in self.steps[self.done :]}
        if not names or ("close" in names and not names & {"start", "resume"}):
            step = Step("resume" if names else "move", _milliseconds(), {"parent": self.parent_id})
            self.steps.insert(self.done, step)
        self.try_again()

    def request(self, name: str, arguments: dict[str, Any]) -> None:
        """Do a step, or keep it behind those that an outage has kept."""
        if self.expected_status == "none" or (name.startswith("trial_") and self._config.trials == "none"):
            return
        kept = self.done < len(self.steps)
        self.steps.append(Step(name, _milliseconds(), arguments))
        if not kept or name == "close" or time.monotonic() - self._tried > 60:  # s
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
            self.outage, self._connected = error, False
        else:
            if self.outage:
                log.info("tracking.uri=%s is reachable again: logged what was kept", self._config.uri)
            self.outage = None

    @defer_signals()
    def _log_next(self) -> None:
        if not self._connected:
            self.connect()
        run_id, step = self.run_id, self.steps[self.done]
        given = {name: TrialResult(**each) if name == "result" else each for name, each in step.arguments.items()}
        self.when = step.when
        try:
            getattr(self, _RENAMED.get(step.name, step.name))(**given)
        except Exception as error:
            if is_outage(error):
                raise
            if isinstance(error, MlflowException):
                self.connect()
                if run_id and not self.run_id:
                    return  # the store has lost it: again from the first step
            self.done += 1  # whatever follows must not make the same mistake again
            raise
        finally:
            self.when = 0
        self.done += 1


def _step(method: Callable[..., None]) -> Callable[..., None]:
    """Let a method be called now or later, with what JSON makes of its arguments; inside another step at once."""

    @wraps(method)
    def call_or_keep(run: StepQueue, *args: Any, **named: Any) -> None:
        if run.when:
            method(run, *args, **named)
        else:
            given = dict([*signature(method).bind(run, *args, **named).arguments.items()][1:])
            run.request(method.__name__, _as_json(given, mode="json", fallback=lambda array: array.tolist()))

    return call_or_keep


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
