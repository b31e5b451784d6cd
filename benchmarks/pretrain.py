"""How many recordings a network needs that starts with the weights of another arm's: learning curves, both ways.

Source and target are the simulated arm with different seeds of `data`: other offsets of its sensors, other noise.
Finished runs are kept in outputs/bench-pretrain: it may be stopped and resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.kept import kept_result
from benchmarks.table import Table

_SHARES = (0.05, 0.1, 0.2, 0.5, 1)
_SEEDS = (1, 2, 3)
_USUAL = (
    "data=simulated", "split=held_out_recordings", "tracking=none",
    "evaluation.also=null", "evaluation.figures=false", "evaluation.baselines=false", "evaluation.oracle=false",
)  # fmt: skip
_KEPT = Path("outputs/bench-pretrain")


def pretrain(rounds: int, extra: Sequence[str] = (), kept: Path = _KEPT) -> list[Table]:  # noqa: ARG001  # seeds repeat
    """One table: the error on new recordings after training on a share of the others, from scratch and on."""
    source = kept / "source"
    kept_result(source, *_USUAL, "data.seed=1", *extra)
    starts = {"from scratch": ("tuner=fixed", f"tuner.hyperparameters={source}"),
              "fine-tuned": (f"training.pretrain={source}",)}  # fmt: skip
    table = Table(
        f"Mean Euclidean error in mm on new recordings of a second arm, mean +- spread over seeds "
        f"{_SEEDS[0]} to {_SEEDS[-1]}, by the share of its recordings that train",
        ("share", "training samples", *starts, "fine-tuned, % of from scratch"),
    )
    for share in _SHARES:
        errors, samples = [], 0
        for name, start in starts.items():
            results = []
            for seed in _SEEDS:
                place = kept / f"{name.replace(' ', '-')}-{share:g}-{seed}"
                given = ("data.seed=2", f"seed={seed}", f"split.train_share={share}", *start, *extra)
                results.append(kept_result(place, *_USUAL, *given))
            errors.append([result["test"]["euclidean_mean_mm"] for result in results])
            samples = round(np.mean([result["data"]["subsets"]["train"] for result in results]))
        cells = [f"{np.mean(each):.2f} +- {np.std(each, ddof=1):.2f}" for each in errors]
        table.add(f"{share:g}", str(samples), *cells, f"{100 * np.mean(errors[1]) / np.mean(errors[0]):.0f}")
    return [table]
