"""`make bench-real DATA=folder`: our models on recordings of real arms, beside what needs no network.

The protocol: each set with a YAML file beside this one that lies in DATA; each of its choices of inputs; random
samples, time blocks, and whole recordings held out in folds. Finished jobs are kept: it may be stopped and
resumed. Errors are Euclidean, in mm, with 95 % intervals that resample recordings.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.figures import put_between
from benchmarks.real.protocols import prepared, protocols_in
from benchmarks.real.references import METHODS, by_recording, reference_errors
from benchmarks.table import Table
from forcepos import compose, run

_USUAL = (
    "data=table", "model=cnn_regression", "tracking=none",
    "evaluation.also=null", "evaluation.figures=false", "evaluation.baselines=false",
)  # fmt: skip
_RESAMPLES, _SEED = 2000, 1


@dataclass(frozen=True)
class Job:
    """One training: a set, its inputs, a split, and the number of a fold, 0 where there are none."""

    set_name: str
    inputs: str
    split: str
    fold: int

    @property
    def file(self) -> str:
        """Where its result is kept."""
        return f"{self.set_name}-{self.inputs}-{self.split}{self.fold or ''}.json"


def main() -> None:
    """Run what is missing, and print one table for all names so far."""
    asked = _arguments()
    data, kept = Path(asked.data), Path(asked.folder)
    there = protocols_in(data)
    jobs = [job for name, protocol in there.items() for job in _jobs(name, protocol)]
    for number, job in enumerate(jobs, 1):
        place = kept / asked.name / job.file
        if not place.exists():
            print(f"{number} of {len(jobs)}: {place.stem}", file=sys.stderr, flush=True)
            result = _measure(job, there[job.set_name], data, kept, asked)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(result))
    names = sorted(
        (path.name for path in kept.iterdir() if list(path.glob("*.json"))), key=lambda name: name != "default"
    )
    table = _table(jobs, {name: kept / name for name in names})
    print(table)
    if asked.page:
        put_between(Path(asked.page), f"{table}\n", "bench-real")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description=__doc__)
    parser.add_argument("data", help="folder with a folder of recordings for each set")
    parser.add_argument("--name", default="default", help="of a configuration, under which its results are kept")
    parser.add_argument(
        "overrides", nargs="*", help="what distinguishes it from the default, such as model.scaling=none"
    )
    chosen = "take the hyperparameters that the search of this configuration found, and search no more"
    parser.add_argument("--chosen", metavar="NAME", help=chosen)
    parser.add_argument("--folder", default="outputs/bench-real", help="where results are kept")
    parser.add_argument("--page", help="a page with two marks between which the table goes")
    return parser.parse_intermixed_args()


def _jobs(name: str, protocol: Mapping[str, Any]) -> Iterator[Job]:
    for inputs in protocol["inputs"]:
        yield from (Job(name, inputs, split, 0) for split in ("random", "blocked"))
        yield from (Job(name, inputs, "recordings", fold) for fold in range(1, protocol["folds"] + 1))


def _measure(
    job: Job, protocol: Mapping[str, Any], data: Path, kept: Path, asked: argparse.Namespace
) -> dict[str, Any]:
    """Train on the job's split; return errors by method and recording, coverage, and seconds."""
    folder = prepared(data / job.set_name, protocol, kept / "data" / job.set_name)
    split = [f"split={job.split}"]
    if job.fold:
        split = ["split=cross_validation", "split.unit=recording"]
        split += [f"split.folds={protocol['folds']}", f"split.fold={job.fold}"]
    listed = ", ".join(json.dumps(name) for name in protocol["inputs"][job.inputs])
    given = [override.format(folder=folder) for override in protocol["overrides"]]
    place, tuner = kept / "runs" / f"{time.time_ns()}", ["tuner=bayesian"]
    if asked.chosen:
        place.mkdir(parents=True)
        chosen = json.loads((kept / asked.chosen / job.file).read_text())["chosen"]
        (place / "chosen.json").write_text(json.dumps(chosen))
        tuner = ["tuner=fixed", f"tuner.hyperparameters={place / 'chosen.json'}"]
    config = compose(*_USUAL, *tuner, *given, f"data.features=[{listed}]", *split, *asked.overrides)
    began = time.monotonic()
    result = run(config, place)
    seconds = time.monotonic() - began
    predictions = pd.read_parquet(place / "predictions.parquet")
    errors = {"ours": by_recording(predictions["recording"].to_numpy(str), _distances(predictions))}
    if not asked.chosen:  # else the other configuration has them
        errors |= reference_errors(config, protocol.get("wrench"))
    covered = None
    if result["coverage"] and "radius_mm" in predictions:
        within = (_distances(predictions) <= predictions["radius_mm"].to_numpy()).astype(float)
        covered = by_recording(predictions["recording"].to_numpy(str), within)
    return {"seconds": seconds, "errors": errors, "covered": covered, "coverage": result["coverage"],
            "chosen": result["best_hyperparameters"]}  # fmt: skip


def _distances(predictions: pd.DataFrame) -> NDArray[np.float64]:
    axes = [axis for axis in "xyz" if f"true_{axis}_mm" in predictions]
    true, predicted = (
        predictions[[f"{of}_{axis}_mm" for axis in axes]].to_numpy(float) for of in ("true", "predicted")
    )
    return np.asarray(np.linalg.norm(predicted - true, axis=1))


def _table(jobs: Sequence[Job], names: Mapping[str, Path]) -> Table:
    table = Table(
        "Mean Euclidean error in mm, its 95 % interval over recordings, and what the radius covers of its level",
        (
            "set",
            "inputs",
            "split",
            "recordings",
            *METHODS,
            *(f"{name}{of}" for name in names for of in ("", ": coverage", ": s")),
        ),
    )
    for group in dict.fromkeys((job.set_name, job.inputs, job.split) for job in jobs):
        of_group = [job for job in jobs if (job.set_name, job.inputs, job.split) == group]
        results = {name: _results(of_group, folder) for name, folder in names.items()}
        first = next(filter(None, results.values()), [])
        recordings = {name for result in first for name in result["errors"]["ours"]}
        cells = [_mean(first, method) for method in METHODS]
        for found in results.values():
            cells += [
                _with_interval(found),
                _coverage(found),
                f"{sum(one['seconds'] for one in found):.0f}" if found else "",
            ]
        table.add(*group, str(len(recordings)), *cells)
    return table


def _results(jobs: Sequence[Job], folder: Path) -> list[dict[str, Any]]:
    """Return the results of all jobs, none unless all are there."""
    found = [json.loads((folder / job.file).read_text()) for job in jobs if (folder / job.file).exists()]
    return found if len(found) == len(jobs) else []


def _pooled(parts: Sequence[Mapping[str, Sequence[float]]]) -> NDArray[np.float64]:
    """Return (recordings, 2) number of samples and sum, each recording's parts added up."""
    frame = pd.DataFrame([(name, *values) for part in parts for name, values in part.items()])
    return frame.groupby(0).sum().to_numpy(float)


def _mean(results: Sequence[dict[str, Any]], method: str) -> str:
    if not results or method not in results[0]["errors"]:
        return ""
    counts, sums = _pooled([result["errors"][method] for result in results]).sum(axis=0)
    return f"{sums / counts:.3g}"


def _with_interval(results: Sequence[dict[str, Any]]) -> str:
    if not results:
        return ""
    pooled = _pooled([result["errors"]["ours"] for result in results])
    drawn = pooled[np.random.default_rng(_SEED).integers(len(pooled), size=(_RESAMPLES, len(pooled)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 1] / drawn[:, 0], [2.5, 97.5])
    interval = f" [{low:.3g}, {high:.3g}]" if len(pooled) > 1 else ""
    return f"{pooled[:, 1].sum() / pooled[:, 0].sum():.3g}{interval}"


def _coverage(results: Sequence[dict[str, Any]]) -> str:
    found = [result["covered"] for result in results if result["covered"]]
    if not found:
        return "no radius" if results else ""
    counts, hits = _pooled(found).sum(axis=0)
    levels = [result["coverage"] for result in results if result["coverage"]]
    some = "" if len(found) == len(results) else f" in {len(found)} of {len(results)} folds"
    level = " and ".join(sorted({f"{100 * of.get('level', of['asked']):g}" for of in levels}))
    counted = " and ".join(sorted({of["counted"] for of in levels}))
    return f"{100 * hits / counts:.0f} % of {level} %, {counted} counted{some}"


if __name__ == "__main__":
    logging.getLogger("forcepos").setLevel(logging.WARNING)
    main()
