"""The notebook's presets and our defaults: same data, seeds, trials, epochs and measures.

Each is a run of the command line. Finished runs are kept and found again, so it may be stopped and gone on with.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import Table
from forcepos.results.scores import headline

MODELS = ("ffnn_regression", "ffnn_classification", "cnn_regression", "cnn_classification")
SPLITS = ("blocked", "held_out_recordings", "held_out_points")
_ONLY_SCORES = ("evaluation.also=null", "evaluation.baselines=false", "evaluation.figures=false", "tracking=none")

Result = dict[str, Any]


def main() -> None:
    """Run all pairs and print the table."""
    asked = _arguments()
    table = Table(
        "Our defaults and the notebook's presets",
        ("model", "split", "measure", "ours", "notebook", "baseline", "ours is better by"),
    )
    folder = Path(asked.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for model, split in product(asked.models, asked.splits):
        ours, theirs = (
            [_run([*choice, f"split={split}", f"seed={seed}", *_budget(asked)], folder) for seed in asked.seeds]
            for choice in ([f"model={model}"], [f"experiment=notebook_{model}", "split.calibration_ratio=0.1"])
        )
        _add(table, model, split, ours, theirs)
        print(f"{table}\n", file=sys.stderr, flush=True)
    print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare_notebook", description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--splits", nargs="+", default=SPLITS, choices=SPLITS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--visits", type=int, default=3, help="recordings of each of the 121 points")
    parser.add_argument("--rows", type=int, default=1548, help="of each recording; 3 x 121 x 1548 = 561 924")
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=15, help="of a trial")
    parser.add_argument("--final-epochs", type=int, default=40)
    parser.add_argument("--folder", default="outputs/compare-notebook", help="where the runs are kept")
    return parser.parse_args()


def _budget(asked: argparse.Namespace) -> list[str]:
    return [
        "data.rate_hz=1000", f"data.visits={asked.visits}", f"data.rows={asked.rows}",
        "tuner=bayesian", "tuner.executions_per_trial=1", f"tuner.max_trials={asked.trials}",
        f"training.epochs={asked.epochs}", f"training.final_epochs={asked.final_epochs}",
    ]  # fmt: skip


def _run(choice: Sequence[str], folder: Path) -> Result:
    command = [sys.executable, "-m", "forcepos", *choice, *_ONLY_SCORES, "skip_finished=true"]
    began = time.monotonic()
    print(" ".join(command[1:]), file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False, env=os.environ)  # noqa: S603  # this interpreter, our own module
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(choice)}")
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _add(table: Table, model: str, split: str, ours: Sequence[Result], theirs: Sequence[Result]) -> None:
    measure = headline(ours[0]["test"])
    mine, other = (np.mean([result["test"][measure] for result in results]) for results in (ours, theirs))
    better = other / mine if measure.endswith("_mm") else mine - other
    unit = f"{better:.2f} times" if measure.endswith("_mm") else f"{100 * better:+.1f} points"
    table.add(
        model, split, measure, _cell(ours, measure), _cell(theirs, measure),
        f"{np.mean([result['baseline'][measure] for result in ours]):.3g}", unit,
    )  # fmt: skip


def _cell(results: Sequence[Result], measure: str) -> str:
    """Mean over seeds, and the mean interval of a run."""
    value = np.mean([result["test"][measure] for result in results])
    low, high = np.mean([result["intervals"][measure] for result in results], axis=0)
    return f"{value:.3g} [{low:.3g}, {high:.3g}]"


if __name__ == "__main__":
    main()
