"""Finished trials on disk: a file each, complete or absent."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forcepos.files import write_json

Logs = dict[str, float]
Values = dict[str, Any]


@dataclass(frozen=True)
class TrialResult:
    """One finished trial.

    Attributes:
        number: 1, 2, 3, …
        history: per execution, per epoch, what Keras logged.
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
    write_json(directory / f"trial_{result.number:04}.json", dataclasses.asdict(result))


def load_trials(directory: Path) -> list[TrialResult]:
    """The finished trials 1, 2, 3, … up to the first that is missing."""
    results: list[TrialResult] = []
    for path in sorted(directory.glob("trial_*.json")):
        result = TrialResult(**json.loads(path.read_text()))
        if result.number != len(results) + 1:
            break
        results.append(result)
    return results
