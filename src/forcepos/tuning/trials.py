"""The files of a search: one for each finished trial, complete or absent, and a journal."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forcepos.runtime.files import to_json, write_json

Logs = dict[str, float]
Values = dict[str, Any]
Event = tuple[str, int, Values]  # "begun" with hyperparameters, or "ended"; the trial's number


@dataclass(frozen=True)
class TrialResult:
    """One finished trial.

    Attributes:
        number: 1, 2, 3, …
        history: Keras' logs, per execution and per epoch.
        score: mean over executions of the best epoch's objective; None where the trial failed.
        failure: why it failed, None where it did not.
    """

    number: int
    hyperparameters: Values
    history: list[list[Logs]]
    score: float | None
    failure: str | None = None


def save_trial(directory: Path, result: TrialResult) -> None:
    """Write trial_<number>.json."""
    write_json(_file(directory, result.number), dataclasses.asdict(result))


def load_trial(directory: Path, number: int) -> TrialResult | None:
    """Load the trial with this number, None if it is not finished."""
    path = _file(directory, number)
    return TrialResult(**json.loads(path.read_text())) if path.is_file() else None


def load_trials(directory: Path) -> list[TrialResult]:
    """Load the finished trials by number; with several workers, some may be missing in between."""
    found = [TrialResult(**json.loads(path.read_text())) for path in directory.glob("trial_*.json")]
    return sorted(found, key=lambda result: result.number)


def _file(directory: Path, number: int) -> Path:
    return directory / f"trial_{number:04}.json"


class Journal:
    """The order in which trials began and ended: lines of JSON that are only ever appended."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "journal.jsonl"
        self._events = self._read()
        self._begun = {number for kind, number, _ in self._events if kind == "begun"}

    def _read(self) -> list[Event]:
        if not self._path.is_file():
            return []
        text = self._path.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # whoever wrote the last line was killed
            os.truncate(self._path, len(whole.encode()))
        entries = [json.loads(line) for line in whole.splitlines()]
        return [(entry["event"], entry["trial"], entry.get("hyperparameters", {})) for entry in entries]

    def events(self, known: Mapping[int, TrialResult]) -> Iterator[Event]:
        """Yield all events so far, and those of `known` trials that were not written down."""
        ended: set[int] = set()
        for kind, number, values in self._events:
            if kind == "begun" or number in known:
                yield kind, number, values
            if kind == "ended":
                ended.add(number)
        for number in sorted(known.keys() - ended):
            if not self.knows(number):
                yield "begun", number, known[number].hyperparameters
            yield "ended", number, {}

    def knows(self, number: int) -> bool:
        """Return whether the journal holds the beginning of this trial."""
        return number in self._begun

    def begun(self, number: int, hyperparameters: Values) -> None:
        self._begun.add(number)
        self._write({"event": "begun", "trial": number, "hyperparameters": hyperparameters})

    def ended(self, number: int) -> None:
        self._write({"event": "ended", "trial": number})

    def _write(self, entry: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(to_json(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())
