"""Is an ensemble of a search's own networks better than the final training of the best one? By the same searches.

Finished runs are kept in outputs/bench-ensembles: it may be stopped and resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from benchmarks.kept import kept_result
from benchmarks.real.protocols import prepared, protocols_in
from benchmarks.table import Table

_USUAL = (
    "tracking=none", "evaluation.also=null", "evaluation.figures=false", "evaluation.baselines=false",
    "evaluation.oracle=false",
)  # fmt: skip
# In this order: a finished run removes the networks of its search, and leaves the trials for the other one.
_WAYS = {"ensemble of trials": "training.ensemble=trials", "final training": "training.ensemble=1"}
_KEPT = Path("outputs/bench-ensembles")


def ensembles(
    rounds: int,  # noqa: ARG001  # seeds repeat
    data: Path | None = None, seeds: int | None = None, kept: Path = _KEPT, extra: Sequence[str] = (),
) -> list[Table]:  # fmt: skip
    """One table: the mean error on the test subset of both ways, for the simulated arm and each set in `data`."""
    numbers = range(1, (seeds or 10) + 1)
    table = Table(
        f"Mean Euclidean error in mm on the test subset, seeds 1 to {len(numbers)}; the difference with its 95 % "
        "interval (Student's t over seeds)",
        ("recordings", *_WAYS, "difference", "seeds in which the ensemble is better",
         "networks in it, median", *(f"{way}: s after the search" for way in _WAYS)),
    )  # fmt: skip
    for name, overrides in _sets(data, kept):
        pairs = [_pair(kept / name, seed, (*overrides, *extra)) for seed in numbers]
        errors = np.array([[one["test"]["euclidean_mean_mm"] for one in pair] for pair in pairs])
        difference = errors[:, 0] - errors[:, 1]
        half = t.ppf(0.975, len(pairs) - 1) * difference.std(ddof=1) / np.sqrt(len(pairs))
        sizes = [len(pair[0]["ensemble"]) for pair in pairs]
        seconds = np.mean([[one["seconds"]["final training"] for one in pair] for pair in pairs], axis=0)
        table.add(
            name, *(f"{mean:.3g}" for mean in errors.mean(axis=0)),
            f"{difference.mean():.2g} [{difference.mean() - half:.2g}, {difference.mean() + half:.2g}]",
            f"{(difference < 0).sum()} of {len(pairs)}", f"{np.median(sizes):g}",
            *(f"{each:.1f}" for each in seconds),
        )  # fmt: skip
    return [table]


def _sets(data: Path | None, kept: Path) -> Iterator[tuple[str, list[str]]]:
    yield "simulated", []
    for name, protocol in (protocols_in(data) if data else {}).items():
        recordings = prepared(Path(data or "", name), protocol, kept / "data" / name)
        columns = ", ".join(json.dumps(column) for column in next(iter(protocol["inputs"].values())))
        given = [override.format(folder=recordings) for override in protocol["overrides"]]
        yield name, ["data=table", *given, f"data.features=[{columns}]"]


def _pair(folder: Path, seed: int, overrides: Sequence[str]) -> list[dict[str, Any]]:
    """Run what is missing; return the results of both ways after the same search."""
    return [
        kept_result(folder / f"{way.replace(' ', '-')}-{seed}", *_USUAL, *overrides, f"seed={seed}", override)
        for way, override in _WAYS.items()
    ]
