"""What each split answers on the simulated arm, by what the model sees: the table of README.

Finished runs are kept in outputs/bench-splits: it may be stopped and resumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kept import kept_result
from benchmarks.table import Table

_SPLITS = {
    "random": "at rows right beside those that it was trained on?",
    "blocked": "later in a visit that it knows?",
    "held_out_recordings": "in a new visit to points that it knows?",
    "held_out_points": "at a position that it has never touched?",
}
_TORQUES = ",".join(f"{kind}_A{joint}" for kind in ("exT", "msT") for joint in range(1, 8))
_WHOLE, _ALONE = "all twenty, `data.wrench=controller`", "`msT` and `exT` only"
_INPUTS = {
    _WHOLE: (),
    "all twenty, `data.wrench=sensor`": ("data.wrench=sensor",),
    _ALONE: (f"data.features=[{_TORQUES}]",),
}
_USUAL = ("tracking=none", "evaluation.also=null", "evaluation.figures=false")
_SEEDS = (1, 2, 3)
_KEPT = Path("outputs/bench-splits")

Results = list[dict[str, Any]]  # one a seed


def splits(rounds: int, kept: Path = _KEPT) -> list[Table]:  # noqa: ARG001  # seeds repeat
    """Three tables: the default command beside methods without a network, by signals, and its coverage."""
    results = {
        inputs: {split: _results(kept, split, inputs) for split in _SPLITS} for inputs in _INPUTS
    }  # fmt: skip
    return [_by_split(results), _by_signals(results), _coverage(results[_WHOLE])]


def _by_split(results: dict[str, dict[str, Results]]) -> Table:
    table = Table(
        f"Mean distance in mm on the test subset, mean over seeds {_SEEDS[0]} to {_SEEDS[-1]} (least to most)",
        ("split", "how well does it do …", "cnn_regression", "linear model", "boosted trees",
         "with joint torques alone", "ideal, knows each point's torques"),
    )  # fmt: skip
    for split, question in _SPLITS.items():
        whole, alone = results[_WHOLE][split], results[_ALONE][split]
        methods = (_mean(whole, "test", spread=True), _mean(whole, "linear"), _mean(whole, "boosted_trees"))
        torques = f"{_mean(alone, 'test', spread=True)}, linear {_mean(alone, 'linear')}"
        table.add(f"`{split}`", question, *methods, torques, _mean(whole, "oracle_points"))
    return table


def _by_signals(results: dict[str, dict[str, Results]]) -> Table:
    table = Table(
        f"Mean distance in mm on the test subset by signals, mean over seeds {_SEEDS[0]} to {_SEEDS[-1]}, each "
        "with a search of its own; the linear model in brackets",
        ("signals", *(f"`{split}`" for split in _SPLITS)),
    )
    for inputs, by_split in results.items():
        table.add(inputs, *(f"{_mean(each, 'test')} ({_mean(each, 'linear')})" for each in by_split.values()))
    return table


def _coverage(by_split: dict[str, Results]) -> Table:
    table = Table(
        f"Coverage on the test subset, seeds {_SEEDS[0]}, {', '.join(map(str, _SEEDS[1:]))}",
        ("split", "target", "observed", "mean radius, mm", "mean error, mm"),
    )
    for split, results in by_split.items():
        of = [result["coverage"] for result in results]
        found, radius, level = (
            ", ".join(form.format(one[key]) for one in of)
            for form, key in (("{:.1%}", "found"), ("{:.3g}", "radius_mean_mm"), ("{:.0%}", "level"))
        )
        errors = ", ".join(f"{result['test']['euclidean_mean_mm']:.3g}" for result in results)
        table.add(f"`{split}`", level, found, radius, errors)
    return table


def _results(kept: Path, split: str, inputs: str) -> Results:
    """Run what is missing; return the result of each seed."""
    number = [*_INPUTS].index(inputs)
    return [
        kept_result(kept / f"{split}-{number}-{seed}", *_USUAL, f"split={split}", f"seed={seed}", *_INPUTS[inputs])
        for seed in _SEEDS
    ]


def _mean(results: Results, method: str, *, spread: bool = False) -> str:
    values = [result[method]["euclidean_mean_mm"] for result in results]
    return f"{np.mean(values):.3g}" + (f" ({min(values):.3g} to {max(values):.3g})" if spread else "")
