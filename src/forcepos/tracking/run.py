"""A job's run: what is logged of it, and kept for later while the tracking store is unreachable."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config
from forcepos.data.recordings import Float32
from forcepos.runtime.interruption import defer_signals
from forcepos.tracking.mlflow_run import MlflowRun
from forcepos.tracking.outages import ERRORS, is_outage, reason
from forcepos.tracking.store import open_store
from forcepos.tuning.events import Listener
from forcepos.tuning.trials import Logs, TrialResult, Values

log = logging.getLogger(__name__)
_AGAIN_S = 60.0  # an unreachable store is tried at most this often


class Run(Listener):
    """A run that is not tracked: tracking=none. `TrackedRun` logs the same steps."""

    run_id: str | None = None
    model_uri: str | None = None  # where the model can be loaded from, None if it is not tracked
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

    Args:
        run_id, model_uri, kept: of a run that another process could not log completely.
    """

    def __init__(
        self,
        config: Config,
        run_id: str | None = None,
        model_uri: str | None = None,
        kept: Iterable[Step] = (),
    ) -> None:
        self._config, self._task = config.tracking, config.model.task
        self.run_id, self.model_uri = run_id, model_uri
        self.kept = deque(kept)
        self.outage: Exception | None = None
        self._mlflow: MlflowRun | None = None
        self._tried = time.monotonic()

    expected_status = "complete"

    @property
    def tracking(self) -> str:  # type: ignore[override]
        return "incomplete" if self.kept else "complete"

    @defer_signals()
    def connect(self) -> None:
        """Open the store.

        Raises:
            InputError: it cannot be used.
        """
        client, experiment_id = open_store(self._config)
        self._mlflow = MlflowRun(client, experiment_id, self._task, self.run_id)

    def start(self, name: str, search: str, parent: str | None, params: Mapping[str, str]) -> None:
        self._do("start", name=name, search=search, parent=parent, params=params)

    def resume(self, parent: str | None) -> None:
        """Log the kept steps of a run, under `parent` if there is one by now."""
        names = [step.name for step in self.kept]
        if "start" in names:
            self.kept[names.index("start")].arguments["parent"] = parent
        elif "close" in names and "resume" not in names:
            self.kept.appendleft(Step("resume", _milliseconds(), {"parent": parent}))
        self.try_again()

    def close(self, status: str, reason: str | None = None) -> None:
        """Log the kept steps and end the run, or keep that step as well."""
        self.kept.append(Step("close", _milliseconds(), {"status": status, "reason": reason}))
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
        self.kept.append(Step(name, _milliseconds(), arguments))
        if len(self.kept) == 1:  # otherwise it waits behind others
            self.try_again()

    def try_again(self) -> None:
        """Log the kept steps, up to the first one that the store does not take."""
        if not self.kept:
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
        if self._mlflow is None:
            self.connect()
        while self.kept and self._mlflow:
            self._log_first(self._mlflow)
        if self.outage:
            log.info("tracking.uri=%s is reachable again: logged what was kept", self._config.uri)
            self.outage = None

    @defer_signals()
    def _log_first(self, mlflow_run: MlflowRun) -> None:
        step = self.kept[0]
        try:
            getattr(mlflow_run, step.name)(step.when, **step.arguments)
        except Exception as error:
            if not is_outage(error):
                self.kept.popleft()  # whatever follows must not make the same mistake again
            raise
        finally:  # a step that was done in part may have got this far
            self.run_id = mlflow_run.run_id or None
            self.model_uri = mlflow_run.model_uri or self.model_uri
        self.kept.popleft()


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
