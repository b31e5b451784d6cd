"""The trials of a search: a file for each that is finished, a journal, and events for those who listen."""

import dataclasses
import math
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FiniteFloat, PositiveInt

from forcepos.runtime import files
from forcepos.tuning.tuner import Space

Logs = dict[str, float]
Values = dict[str, Any]
_StoredLogs = dict[str, Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]]
FaultOf = Callable[["TrialResult"], str | None]  # says what is wrong with a result, None if nothing is


@dataclass(frozen=True)
class TrialResult:
    number: PositiveInt  # 1, 2, 3, …
    hyperparameters: Values
    history: list[list[_StoredLogs]]  # Keras' logs, per execution and per epoch
    score: FiniteFloat | None  # mean over executions of the best epoch's objective; None where the trial failed
    failure: str | None = None  # why it failed, None where it did not
    stopped: bool = False  # before its time, with the score so far: not to be compared with those of others
    seconds: Annotated[FiniteFloat, Field(ge=0)] = field(default=0.0, compare=False)  # unknown to earlier versions

    @property
    def reason(self) -> str | None:
        """Why it ended before its time; None where it did not."""
        stop = f"stopped in epoch {len(self.history[-1])}: worse than the median of earlier trials"
        return stop if self.stopped else self.failure


def best_first(trials: Iterable[TrialResult], direction: str) -> list[TrialResult]:
    """Return the trials that neither failed nor were stopped, the best first, of equals the earlier one."""
    whole = [(trial.score, trial) for trial in trials if trial.score is not None and not trial.stopped]
    return [trial for _, trial in sorted(whole, key=lambda pair: pair[0], reverse=direction == "max")]


def save_trial(directory: Path, result: TrialResult) -> None:
    files.write_state(directory / f"trial_{result.number:04}.json", dataclasses.asdict(result))


def load_trial(directory: Path, number: int, fault_of: FaultOf = lambda _: None) -> TrialResult | None:
    """Load the trial with this number, None if it is not finished or its file was damaged."""

    def check(result: TrialResult) -> None:
        if result.number != number or (result.score is None) == (result.failure is None):
            raise files.Damaged(f"it must hold trial {number}, and either a score or a failure")
        if fault := fault_of(result):
            raise files.Damaged(fault)

    path = directory / f"trial_{number:04}.json"
    return files.read_state(path, TrialResult, f"trial {number} is done again", check)


def load_trials(directory: Path, fault_of: FaultOf = lambda _: None) -> list[TrialResult]:
    """Load the finished trials by number; with several workers, some may be missing in between."""
    numbers = sorted(int(path.stem[6:]) for path in directory.glob("trial_*.json") if path.stem[6:].isdecimal())
    found = [load_trial(directory, number, fault_of) for number in numbers]
    return [result for result in found if result]


@dataclass(frozen=True)
class JournalEntry:
    event: Literal["begun", "ended"]
    trial: PositiveInt
    hyperparameters: Values | None = None  # of a trial that begins, unless they are lost


class Journal:
    """The order in which trials began and ended: lines of JSON that are only ever appended.

    A damaged journal, or none, is replaced by that of a search whose `known` trials were done one by one.
    """

    def __init__(self, directory: Path, space: Space, known: Collection[int]) -> None:
        self._path, text = directory / "journal.jsonl", b""
        # Events of earlier runs; each trial begins after the one before it, and before it ends.
        self.past: list[JournalEntry] = []
        try:
            text = files.read_bytes(self._path) or b""
            self.past = [files.parse(self._path, line, JournalEntry) for line in text.split(b"\n")[:-1]]
            self._check(space)
        except files.Damaged as damaged:
            files.move_aside(self._path, str(damaged), "the order of trials is restored from the trials' files")
            text, self.past = b"", []
        begun = max((event.trial for event in self.past), default=0)
        unended = {*known} - {event.trial for event in self.past if event.event == "ended"}
        lost = list[JournalEntry]()
        for number in range(1, max([begun, *known]) + 1):
            lost += [JournalEntry("begun", number)] * (number > begun)
            lost += [JournalEntry("ended", number)] * (number > begun or number in unended)
        self.past += lost
        whole = text[: text.rfind(b"\n") + 1] + b"".join(map(_line, lost))  # whoever wrote the rest was killed
        if whole != text:
            files.write_bytes(self._path, whole)

    def _check(self, space: Space) -> None:
        begun = 0
        for event in self.past:
            begun += event.event == "begun"
            fault = None if event.hyperparameters is None else space.fault_of(event.hyperparameters)
            if event.trial > begun or (event.event == "begun" and event.trial < begun):
                fault = f"trial {event.trial} cannot have {event.event}"
            if fault:
                raise files.Damaged(fault)

    def append(self, event: Literal["begun", "ended"], trial: int, hyperparameters: Values | None = None) -> None:
        """Append a line, which is on the disk then."""
        with self._path.open("ab") as file:
            file.write(_line(JournalEntry(event, trial, hyperparameters)))
            file.flush()
            os.fsync(file.fileno())


def _line(event: JournalEntry) -> bytes:
    entry = {name: value for name, value in dataclasses.asdict(event).items() if value is not None}
    return (files.to_json({**entry, "version": files.VERSION}) + "\n").encode()


class Listener:
    """Receives events; ignores those that it does not override. Several trials may be under way at once."""

    def phase(self, name: str, epochs: int) -> AbstractContextManager[None]:  # noqa: ARG002  # overridden
        """Surround a phase of at most `epochs` epochs, such as the search; 0 if nothing is trained in it."""
        return nullcontext()

    def trial_known(self, result: TrialResult) -> None: ...  # of an earlier run
    def trial_started(self, number: int, hyperparameters: Values) -> None: ...  # again if its worker was lost
    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None: ...
    def trial_ended(self, result: TrialResult) -> None: ...  # failed ones, too
    def final_epoch_ended(self, member: int, epoch: int, logs: Logs) -> None: ...  # of an ensemble's network
    def fold_epoch_ended(self, member: int, epoch: int, logs: Logs) -> None: ...  # calibrating, numbered on


class Events(Listener):
    """Passes each event on to all listeners, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners
        self.seconds = dict[str, float]()  # that all phases of a name took which have ended
        for event in vars(Listener):
            if event.endswith(("_known", "_started", "_ended")):
                setattr(self, event, partial(self._pass_on, event))

    @contextmanager
    def phase(self, name: str, epochs: int) -> Iterator[None]:
        start = time.monotonic()
        with ExitStack() as stack:
            for listener in self._listeners:
                stack.enter_context(listener.phase(name, epochs))
            yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start

    def _pass_on(self, event: str, *arguments: Any) -> None:
        for listener in self._listeners:
            getattr(listener, event)(*arguments)
