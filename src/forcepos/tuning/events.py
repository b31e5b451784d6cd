"""The events of a run, from whoever trains to whoever listens: terminal and MLflow run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from forcepos.tuning.trials import Logs, TrialResult, Values


class Listener:
    """Receives events; ignores those that it does not override. Several trials may be under way at once."""

    @contextmanager
    def phase(self, name: str, epochs: int) -> Iterator[None]:  # noqa: ARG002  # for those who override it
        """Surround a phase of at most `epochs` epochs, such as the search."""
        yield

    def trial_known(self, result: TrialResult) -> None:
        """Receive a trial that an earlier run finished."""

    def trial_started(self, number: int, hyperparameters: Values) -> None:
        """Receive a trial that begins, or begins again since its worker was lost."""

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None:
        """Receive the logs of an epoch of a trial's execution."""

    def trial_ended(self, result: TrialResult) -> None:
        """Receive a finished or failed trial."""

    def final_epoch_ended(self, member: int, epoch: int, logs: Logs) -> None:
        """Receive the logs of an epoch of the final training of an ensemble's member."""


class Events(Listener):
    """Passes each event on to all listeners, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners
        for event in ("trial_known", "trial_started", "epoch_ended", "trial_ended", "final_epoch_ended"):
            setattr(self, event, partial(self._pass_on, event))

    @contextmanager
    def phase(self, name: str, epochs: int) -> Iterator[None]:
        """Surround a phase for all listeners."""
        with ExitStack() as stack:
            for listener in self._listeners:
                stack.enter_context(listener.phase(name, epochs))
            yield

    def _pass_on(self, event: str, *arguments: Any) -> None:
        for listener in self._listeners:
            getattr(listener, event)(*arguments)
