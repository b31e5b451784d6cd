"""A sweep one job after the other and side by side: hydra/launcher=basic and joblib in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

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
    """One sweep in a folder of its own, so that it finds nothing of another."""
    ours = ("MLFLOW_", "FORCEPOS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603  # this interpreter, our own module
            [sys.executable, "-m", "forcepos", "-m", f"hydra/launcher={launcher}", *_SWEEP],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - began
    if done.returncode or len(done.stdout.splitlines()) != _JOBS:
        raise RuntimeError(done.stderr[-2000:])
    return seconds
