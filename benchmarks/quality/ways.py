"""The ways of searching that are compared, what they search on, and where their results are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.real.protocols import prepared, protocols_in
from forcepos import compose
from forcepos.config.schema import Config, TunerConfig

NOTEBOOK = "notebook"
TPE = "TPE with pruner"
SHARES = (0.25, 1.0)  # of the seconds of the notebook's search, after which another way's search ends
_PLUGIN = Path(__file__).parent / "optuna_tuner"
_OTHER_SEEDS = 1000  # the notebook's way draws trials of its own: who drew the same would share its luck

_USUAL = (
    "model=ffnn_regression", "split=blocked", "tracking=none", "training.epochs=15", "training.final_epochs=40"
)  # fmt: skip
_SIMULATED = ("data.rows=35",)
_QUICK_PLATE = ("data.grid=[3,3]", "data.spacing_mm=15")
_QUICK = (
    "training.epochs=3", "training.final_epochs=4", "model.space.num_layers.max=1", "model.statistics_s=[0]"
)  # fmt: skip


def ways(trials: int = 5) -> dict[str, tuple[str, ...]]:
    """Return the overrides of each way, by name: the notebook's with its trials, others until they are ended.

    Those with tuner.stop=median are among them where there is such a key. A grid is not: it begins with all
    learning rates and batch sizes of the smallest network, and no budget here takes it further.
    """
    stops = any(field.name == "stop" for field in fields(TunerConfig))
    whole = ("tuner.stop=none",) if stops else ()
    many = ("tuner.max_trials=1000", "tuner.max_failures=1000", *whole)
    final = ("training.patience=null", "training.final_batch_size=32")
    found = {NOTEBOOK: ("tuner=random", f"tuner.max_trials={trials}", *whole, *final)}
    for tuner in ("random", "bayesian", "hyperband"):
        brackets = ("tuner.max_trials=null", "tuner.iterations=1000") if tuner == "hyperband" else ()
        found[tuner] = (f"tuner={tuner}", *many, *brackets)
        if stops:
            found[f"{tuner}, stop=median"] = (*found[tuner], "tuner.stop=median")
    found[TPE] = ("tuner=tpe_with_pruner", *many)
    found[f"{TPE}, early"] = (*found[TPE], "tuner.startup_trials=3", "tuner.unpruned_trials=3")
    return found


@dataclass(frozen=True)
class Study:
    """Data on which all ways search, with several seeds."""

    name: str
    overrides: tuple[str, ...]
    seeds: range
    kept: Path  # folder of the results
    trials: int  # of the notebook's way

    @property
    def ways(self) -> dict[str, tuple[str, ...]]:
        return ways(self.trials)

    def settings(self, way: str, seed: int) -> list[str]:
        """Return all overrides of a way's run."""
        return [*self.overrides, *self.ways[way], f"seed={seed}"]

    def config(self, way: str, seed: int, *more: str) -> Config:
        return compose(*self.settings(way, seed), *more, config_dir=_PLUGIN)

    def path(self, way: str, seed: int) -> Path:
        """Return where the result of a run is kept."""
        return self.kept / self.name / f"{way.replace(', ', '-').replace(' ', '_')}-{seed}.json"

    def result(self, way: str, seed: int) -> dict[str, Any] | None:
        """Return what a finished run has left; None without one, and if it ran with other settings."""
        path = self.path(way, seed)
        found = dict(json.loads(path.read_text())) if path.exists() else {}
        return found if found.get("settings") == self.settings(way, seed) else None

    def missing(self, seed: int) -> list[str]:
        """Return the ways without a result, in the order in which they are to run.

        The notebook's is the first, since its seconds are the budget of all others: without it, all are missing.
        The others begin with another one for each seed.
        """
        first, *others = self.ways
        if self.result(first, seed) is None:
            others = [*others[seed % len(others) :], *others[: seed % len(others)]]
            return [first, *others]
        return [way for way in others if self.result(way, seed) is None]


def search_seed(way: str, seed: int) -> int:
    """Return the seed of a way's trials; the split's is `seed` for all."""
    return seed + _OTHER_SEEDS if way == NOTEBOOK else seed


def network_of(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters of a trial without those of Hyperband."""
    return {name: value for name, value in hyperparameters.items() if not name.startswith("tuner/")}


def studies(kept: Path, quick: bool, data: Path | None, seeds: int | None) -> Iterator[Study]:
    """Yield the simulated arm, and each set with a protocol that lies in the folder `data`."""
    folder, trials = (kept / "quick", 2) if quick else (kept, 5)
    numbers, size = range(1, (seeds or (2 if quick else 10)) + 1), _QUICK if quick else ()
    plate = _QUICK_PLATE if quick else ()
    yield Study("simulated", (*_SIMULATED, *plate, *_USUAL, *size), numbers, folder, trials)
    for name, protocol in (protocols_in(data) if data else {}).items():
        recordings = prepared(Path(data or "", name), protocol, kept / "data" / name)
        given = [override.format(folder=recordings) for override in protocol["overrides"]]
        columns = ", ".join(json.dumps(column) for column in next(iter(protocol["inputs"].values())))
        overrides = ("data=table", *given, f"data.features=[{columns}]", *_USUAL, *size)
        yield Study(name, overrides, numbers, folder, trials)
