"""What each split answers on the simulated arm, by what the model sees: the table of README.

Finished runs are kept in outputs/bench-splits: it may be stopped and resumed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import Table
from forcepos import compose, run

_SPLITS = ("random", "blocked", "held_out_recordings", "held_out_points")
_TORQUES = ",".join(f"{kind}_A{joint}" for kind in ("exT", "msT") for joint in range(1, 8))
_INPUTS = {
    "controller's wrench": (),
    "sensor's wrench": ("data.wrench=sensor",),
    "joint torques alone": (f"data.features=[{_TORQUES}]",),
}
_IDEAL = {"oracle_points": "ideal, knows points", "oracle_visits": "ideal, knows true torques"}
_USUAL = ("tracking=none", "evaluation.also=null", "evaluation.figures=false")
_SEEDS = (1, 2, 3)
_KEPT = Path("outputs/bench-splits")


def splits(rounds: int, kept: Path = _KEPT) -> list[Table]:  # noqa: ARG001  # seeds repeat
    """One table: the mean error of the default command by split, with ridge and trees beside it."""
    methods = {"test": "model", "linear": "ridge", "boosted_trees": "trees"}
    table = Table(
        f"Mean Euclidean error in mm on the test subset: mean (least to most), seeds {_SEEDS[0]} to {_SEEDS[-1]}",
        ("split", *(f"{inputs}: {title}" for inputs in _INPUTS for title in methods.values()), *_IDEAL.values()),
    )
    for split in _SPLITS:
        results = {name: _results(kept, split, name) for name in _INPUTS}
        cells = [_mean(each, method) for each in results.values() for method in methods]
        table.add(f"`{split}`", *cells, *(_mean(next(iter(results.values())), name) for name in _IDEAL))
    return [table]


def _results(kept: Path, split: str, inputs: str) -> list[dict[str, Any]]:
    """Run what is missing; return the result of each seed."""
    found = []
    for seed in _SEEDS:
        place = kept / f"{split}-{inputs.replace(' ', '-').replace(chr(39), '')}-{seed}"
        if not (place / "result.json").exists() or (place / ".unfinished").exists():
            print(f"running {place}", file=sys.stderr, flush=True)
            run(compose(*_USUAL, f"split={split}", f"seed={seed}", *_INPUTS[inputs]), place)
        found.append(json.loads((place / "result.json").read_text()))
    return found


def _mean(results: list[dict[str, Any]], method: str) -> str:
    values = [result[method]["euclidean_mean_mm"] for result in results]
    return f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"
