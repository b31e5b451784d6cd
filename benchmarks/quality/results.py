"""What the runs of a study tell: when an error was reached, medians over seeds, steps trained and saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.ways import NOTEBOOK, Study, network_of

Floats = NDArray[np.float64]
_RESAMPLES, _SEED = 10_000, 1


@dataclass(frozen=True)
class Timeline:
    """Epochs in their order: seconds (n,) since the beginning, steps (n,) so far, validation errors (n,)."""

    seconds: Floats
    steps: Floats
    values: Floats

    @property
    def best(self) -> Floats:
        """Return (n,) the best validation error so far."""
        return np.minimum.accumulate(self.values)

    def first(self, target: float) -> tuple[float, float]:
        """Return seconds and steps until a validation error of at most `target`, infinite if there is none."""
        reached = np.flatnonzero(self.values <= target)
        return (
            (float(self.seconds[reached[0]]), float(self.steps[reached[0]])) if len(reached) else (np.inf, np.inf)
        )


@dataclass(frozen=True)
class Run:
    """The result of a way's run with a seed, as its file holds it."""

    result: Mapping[str, Any]

    @cached_property
    def search(self) -> Timeline:
        epochs = np.array(self.result["epochs"], float)  # not finite values are null in the file
        return Timeline(epochs[:, 0], epochs[:, 1], _finite(epochs[:, 3]))

    def final(self, share: float) -> Mapping[str, Any]:
        """Return the final training after a share of the notebook's seconds."""
        return next(final for final in self.result["finals"] if final["share"] == share)

    def whole(self, share: float) -> Timeline:
        """Return the search until its end after that share, and the final training that follows."""
        final = self.final(share)
        count = final["search_epochs"]
        epochs = np.array(final["epochs"], float).reshape(-1, 3)
        search = self.search
        return Timeline(
            np.append(search.seconds[:count], search.seconds[count - 1] + epochs[:, 0]),
            np.append(search.steps[:count], search.steps[count - 1] + epochs[:, 1]),
            np.append(search.values[:count], _finite(epochs[:, 2])),
        )

    def validation(self, share: float) -> float:
        """Return the validation error of the final model; infinity if its training diverged."""
        return _number(self.final(share)["validation"])

    def test_mm(self, share: float) -> float:
        return _number(self.final(share)["test_mm"])

    def networks(self) -> tuple[int, int]:
        """Return how many networks were trained up to the last epoch, and how many were not.

        Trials with the same hyperparameters, such as Hyperband's, are one network; the one that the search's end
        cut is left out.
        """
        whole = [max(trial["last_epoch"] for trial in of) >= self._all_epochs for of in self._uncut()]
        return sum(whole), len(whole) - sum(whole)

    def steps_saved(self) -> int:
        """Return how many steps fewer were trained than with all epochs of each network; see `networks`."""
        return sum(
            of[0]["steps_per_epoch"] * (self._all_epochs - sum(trial["epochs"] for trial in of))
            for of in self._uncut()
        )

    @property
    def _all_epochs(self) -> int:
        return int(self.result["epochs_of_a_trial"])

    def _uncut(self) -> list[list[Mapping[str, Any]]]:
        """Return the trials of each network."""
        networks: dict[str, list[Mapping[str, Any]]] = {}
        for trial in self.result["trials"]:
            networks.setdefault(json.dumps(network_of(trial["hyperparameters"])), []).append(trial)
        return [of for of in networks.values() if not any(trial["cut"] for trial in of)]


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.inf)


def _number(value: float | None) -> float:
    return np.inf if value is None else value


Runs = dict[str, list[Run]]  # by way, a run for each seed


def finished_runs(study: Study) -> Runs:
    """Return the runs of all ways, with all seeds of the study."""
    return {
        way: [Run(result) for seed in study.seeds if (result := study.result(way, seed))] for way in study.ways
    }


def moments(runs: list[Run], targets: Floats, share: float | None) -> Floats:
    """Return (seeds, 2) seconds and steps until each target; of the search alone where no share is given."""
    timelines = [run.search if share is None else run.whole(share) for run in runs]
    return np.array([line.first(target) for line, target in zip(timelines, targets, strict=True)])


def targets(runs: Runs, share: float | None) -> Floats:
    """Return (seeds,) the error of the notebook's final model; without a share, the best of its search."""
    return np.array(
        [run.search.best[-1] if share is None else run.validation(1.0) for run in runs[NOTEBOOK]], float
    )


def median(values: Floats) -> tuple[float, float, float]:
    """Return the median over seeds (n,), and low and high of its 95 % bootstrap interval.

    What was not reached is infinite and counts as more than any number.
    """
    chosen = np.random.default_rng(_SEED).integers(len(values), size=(_RESAMPLES, len(values)))
    drawn = np.median(values[chosen], axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5], method="nearest")
    return float(np.median(values)), float(low), float(high)
