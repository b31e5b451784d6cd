"""A sweep one job after the other and side by side: hydra/launcher=basic and joblib in turn."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.commands import timed
from benchmarks.table import Table
from benchmarks.turns import spread

_JOBS = 4
_SWEEP = (
    "model=ffnn_regression",
    f"seed={','.join(str(seed) for seed in range(1, _JOBS + 1))}",
    "tuner=random",
    "tuner.max_trials=2",
    "data.rows=414",  # 100 188 rows
    "training.epochs=3",
    "training.final_epochs=6",
)
_LAUNCHERS = ("basic", "joblib")


def sweep(rounds: int) -> list[Table]:
    """Seconds of the whole command, start of Python and end of the sweep included; pairs are half the rounds."""
    pairs = max(3, rounds // 2)
    taken: dict[str, list[float]] = {launcher: [] for launcher in _LAUNCHERS}
    for number in range(pairs):
        for launcher in _LAUNCHERS if number % 2 == 0 else reversed(_LAUNCHERS):
            taken[launcher].append(_seconds(launcher))
            print(f"{launcher}: {taken[launcher][-1]:.0f} s", file=sys.stderr)
    basic, joblib = (np.array(taken[launcher]) for launcher in _LAUNCHERS)
    table = Table(
        f"A sweep of {_JOBS} jobs, {pairs} pairs in turn: python -m forcepos -m {' '.join(_SWEEP)}",
        ("hydra/launcher", "seconds", "seconds a job", "times the throughput of basic"),
    )
    table.add("basic", spread(basic, 0), spread(basic / _JOBS, 0), "1")
    table.add("joblib", spread(joblib, 0), spread(joblib / _JOBS, 0), spread(basic / joblib))
    return [table]


def _seconds(launcher: str) -> float:
    seconds, done = timed(["-m", f"hydra/launcher={launcher}", *_SWEEP])
    if len(done.stdout.splitlines()) != _JOBS:
        raise RuntimeError(done.stderr[-2000:])
    return seconds
