"""The files of a search: one for each finished trial, complete or absent, and a journal."""

import dataclasses
import math
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, FiniteFloat, PositiveInt

from forcepos.runtime.files import (
    VERSION,
    Damaged,
    move_aside,
    parse,
    read_bytes,
    read_state,
    to_json,
    write_bytes,
    write_state,
)  # fmt: skip
from forcepos.tuning.space import Space

Logs = dict[str, float]
Values = dict[str, Any]
_StoredLogs = dict[str, Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]]


@dataclass(frozen=True)
class TrialResult:
    """One finished trial.

    Attributes:
        number: 1, 2, 3, …
        history: Keras' logs, per execution and per epoch.
        score: mean over executions of the best epoch's objective; None where the trial failed.
        failure: why it failed, None where it did not.
    """

    number: PositiveInt
    hyperparameters: Values
    history: list[list[_StoredLogs]]
    score: FiniteFloat | None
    failure: str | None = None


def save_trial(directory: Path, result: TrialResult) -> None:
    """Write trial_<number>.json."""
    write_state(_file(directory, result.number), dataclasses.asdict(result))


def load_trial(
    directory: Path, number: int, fault_of: Callable[[TrialResult], str | None] = lambda _: None
) -> TrialResult | None:
    """Load the trial with this number, None if it is not finished or its file was damaged.

    Args:
        fault_of: says what is wrong with a result, None if nothing is.
    """

    def check(result: TrialResult) -> None:
        if result.number != number or (result.score is None) == (result.failure is None):
            raise Damaged(f"it must hold trial {number}, and either a score or a failure")
        if fault := fault_of(result):
            raise Damaged(fault)

    return read_state(_file(directory, number), TrialResult, f"trial {number} is done again", check)


def load_trials(
    directory: Path, fault_of: Callable[[TrialResult], str | None] = lambda _: None
) -> list[TrialResult]:
    """Load the finished trials by number; with several workers, some may be missing in between."""
    numbers = sorted(int(path.stem[6:]) for path in directory.glob("trial_*.json") if path.stem[6:].isdecimal())
    found = [load_trial(directory, number, fault_of) for number in numbers]
    return [result for result in found if result]


def _file(directory: Path, number: int) -> Path:
    return directory / f"trial_{number:04}.json"


@dataclass(frozen=True)
class Event:
    """A line of the journal; a trial that begins has hyperparameters, unless they are lost."""

    event: Literal["begun", "ended"]
    trial: PositiveInt
    hyperparameters: Values | None = None


class Journal:
    """The order in which trials began and ended: lines of JSON that are only ever appended.

    A damaged journal, or none, is replaced by that of a search whose known trials were done one by one.

    Args:
        known: numbers of the trials whose results are there.

    Attributes:
        past: events of earlier runs; each trial begins after the one before it, and before it ends.
    """

    def __init__(self, directory: Path, space: Space, known: Collection[int]) -> None:
        self._path, self._space = directory / "journal.jsonl", space
        try:
            text = read_bytes(self._path) or b""
            self.past = [parse(self._path, line, Event) for line in text.split(b"\n")[:-1]]
            self._check()
        except Damaged as damaged:
            move_aside(self._path, str(damaged), "the order of trials is restored from the trials' files")
            text, self.past = b"", []
        lost = list(self._lost(known))
        self.past += lost
        whole = text[: text.rfind(b"\n") + 1] + b"".join(map(_line, lost))  # whoever wrote the rest was killed
        if whole != text:
            write_bytes(self._path, whole)

    def _check(self) -> None:
        begun = 0
        for event in self.past:
            possible = range(1, begun + 1) if event.event == "ended" else [begun + 1]
            fault = None if event.trial in possible else f"trial {event.trial} cannot have {event.event}"
            if event.hyperparameters is not None:
                fault = fault or self._space.fault_of(event.hyperparameters)
            if fault:
                raise Damaged(fault)
            begun += event.event == "begun"

    def _lost(self, known: Collection[int]) -> Iterator[Event]:
        begun = sum(event.event == "begun" for event in self.past)
        ended = {event.trial for event in self.past if event.event == "ended"}
        for number in range(1, max([begun, *known]) + 1):
            if number > begun:
                yield Event("begun", number)
            if number > begun or number in {*known} - ended:
                yield Event("ended", number)

    def begun(self, number: int, hyperparameters: Values) -> None:
        self._append(Event("begun", number, hyperparameters))

    def ended(self, number: int) -> None:
        self._append(Event("ended", number))

    def _append(self, event: Event) -> None:
        with self._path.open("ab") as file:
            file.write(_line(event))
            file.flush()
            os.fsync(file.fileno())


def _line(event: Event) -> bytes:
    entry = {name: value for name, value in dataclasses.asdict(event).items() if value is not None}
    return (to_json({**entry, "version": VERSION}) + "\n").encode()
