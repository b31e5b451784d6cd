"""The files of a search: one for each finished trial, complete or absent, and a journal."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, FiniteFloat, PositiveInt

from forcepos.runtime.files import to_json, write_bytes
from forcepos.runtime.state_files import (
    VERSION,
    Damaged,
    move_aside,
    parse,
    read_bytes,
    read_state,
    write_state,
)  # fmt: skip
from forcepos.tuning.space import Space

Logs = dict[str, float]
Values = dict[str, Any]
Event = tuple[str, int]  # "begun" or "ended"; the trial's number
_StoredLogs = dict[str, Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]]
_OURS = b'{"event": "'  # a journal's line begins with this


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
        fault = f"it holds trial {result.number}" if result.number != number else fault_of(result)
        if not fault and (result.score is None) != (result.failure is not None):
            fault = "it must hold either a score or a failure"
        if fault:
            raise Damaged(fault)

    return read_state(_file(directory, number), TrialResult, f"trial {number} is done again", check)


def load_trials(
    directory: Path, fault_of: Callable[[TrialResult], str | None] = lambda _: None
) -> list[TrialResult]:
    """Load the finished trials by number; with several workers, some may be missing in between."""
    numbers = sorted(int(path.stem[6:]) for path in directory.glob("trial_*.json") if path.stem[6:].isdecimal())
    found = [load_trial(directory, number, fault_of) for number in numbers]
    return [result for result in found if result]


def set_aside(directory: Path, number: int, fault: str) -> None:
    """Move a trial's file aside: it contradicts the journal."""
    move_aside(_file(directory, number), fault, f"trial {number} is done again")


def _file(directory: Path, number: int) -> Path:
    return directory / f"trial_{number:04}.json"


@dataclass(frozen=True)
class _Line:
    event: Literal["begun", "ended"]
    trial: PositiveInt
    hyperparameters: Values | None = None


class Journal:
    """The order in which trials began and ended: lines of JSON that are only ever appended.

    Args:
        known: numbers of the trials whose results are there.
    """

    def __init__(self, directory: Path, space: Space, known: Collection[int]) -> None:
        self._path, self._space, self._known = directory / "journal.jsonl", space, known
        self._begun: dict[int, Values] = {}
        self._written = self._read()

    def _read(self) -> list[Event | None]:
        """Return the event of each line, None for one that is damaged, now or since an earlier run."""
        try:
            text = read_bytes(self._path) or b""
        except Damaged as damaged:
            self._move_aside(str(damaged))
            return []
        *lines, rest = text.split(b"\n")
        if rest[: len(_OURS)] != _OURS[: len(rest)]:  # else whoever wrote the line was killed
            lines.append(rest)
        events, faults = list[Event | None](), list[str]()
        for place, line in enumerate(lines, 1):
            try:
                events.append(self._event(line, len(lines)) if line else None)
            except Damaged as damaged:
                faults.append(f"line {place}: {damaged}")
                events.append(None)
        whole = b"".join((line if event else b"") + b"\n" for line, event in zip(lines, events, strict=True))
        if faults:
            self._move_aside(f"{len(faults)} of {len(lines)} lines, {faults[0]}")
        if whole != text:
            write_bytes(self._path, whole if any(events) else b"")
        return events if any(events) else []

    def _event(self, line: bytes, lines: int) -> Event:
        read = parse(self._path, line, _Line)
        if read.trial > lines + max(self._known, default=0):
            raise Damaged(f"trial {read.trial} is more than there can be")
        if read.event == "begun":
            fault = self._space.fault_of(read.hyperparameters or {})
            if fault:
                raise Damaged(fault)
            self._begun.setdefault(read.trial, read.hyperparameters or {})
        return read.event, read.trial

    def _move_aside(self, fault: str) -> None:
        move_aside(self._path, fault, "the order of trials is restored from its other lines and the trials' files")

    def events(self) -> Iterator[Event]:
        """Yield all events so far, those included that are damaged or were not written down."""
        return _restored(self._written, self._known)

    def begun_with(self, number: int) -> Values | None:
        """Return the hyperparameters with which a trial began, None if the journal does not hold them."""
        return self._begun.get(number)

    def begun(self, number: int, hyperparameters: Values) -> None:
        self._begun[number] = hyperparameters
        self._write({"event": "begun", "trial": number, "hyperparameters": hyperparameters})

    def ended(self, number: int) -> None:
        self._write({"event": "ended", "trial": number})

    def _write(self, entry: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(to_json({**entry, "version": VERSION}) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _restored(written: Sequence[Event | None], known: Collection[int]) -> Iterator[Event]:
    """Yield events in order; each trial begins before the next one, and before it ends.

    A trial that no event mentions began and ended before the next one, as with one process.
    """
    events = set(written)
    begun, ended = 0, set[int]()
    for event in written:
        kind, number = event or _lost_event(events, begun, ended, known)
        for next_one in range(begun + 1, number + 1):
            yield "begun", next_one
            if next_one < number and next_one in known and ("ended", next_one) not in events:
                ended.add(next_one)
                yield "ended", next_one
        begun = max(begun, number)
        if kind == "ended" and number not in ended:
            ended.add(number)
            yield "ended", number
    for number in range(1, _last(events, known) + 1):
        if number > begun:
            yield "begun", number
        if number not in ended and (number > begun or number in known):
            yield "ended", number


def _lost_event(
    events: Collection[Event | None], begun: int, ended: Collection[int], known: Collection[int]
) -> Event:
    """Infer the event of a damaged line: the end of a trial that no line ends, or else the next beginning."""
    under_way = [n for n in range(1, begun + 1) if n not in ended and ("ended", n) not in events]
    if under_way:
        return "ended", min(under_way, key=lambda number: (number not in known, number))
    elsewhere = ("begun", begun + 1) in events
    return "begun", begun if elsewhere or begun >= _last(events, known) else begun + 1


def _last(events: Collection[Event | None], known: Collection[int]) -> int:
    return max([0, *known, *(event[1] for event in events if event)])
