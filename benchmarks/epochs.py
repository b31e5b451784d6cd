"""Whether every epoch takes as long as the others, and how many cores compute: many epochs in a row.

Threads that wait for a core tell how far other processes disturb; those of one process may wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.cases import CASES
from benchmarks.table import Table
from benchmarks.turns import Job, find, in_turn, installed, spread

EPOCHS = 50
_STEPS = {"ffnn": 1500, "cnn": 500, "wide": 500}  # of an epoch: a quarter of a second or more
_LOOPS = {
    "forcepos": ("tensorflow", "forcepos_epochs"),
    "the same blocks in Keras' fit": ("tensorflow", "fit_epochs"),
    "jax, hand-written scan": ("jax", "jax_epochs"),
}


def epochs(rounds: int) -> list[Table]:
    """One table; in each round every loop trains for 50 epochs in one call, one loop after the other."""
    table = Table(
        f"{EPOCHS} epochs in a row, {rounds} times",
        (
            "network",
            "loop",
            "ms a step, median epoch",
            "slowest epoch / median",
            "fastest / median",
            "cores busy",
            "threads waiting",
        ),
    )
    for case, steps in _STEPS.items():
        jobs = {
            loop: Job("benchmarks.epochs", "in_a_row", [module, function, case, steps])
            for loop, (module, function) in _LOOPS.items()
            if installed(f"benchmarks.loops.{module}")
        }
        for loop, told in in_turn(jobs, rounds, warm_up=0).items():
            table.add(
                case, loop, *(spread(told[key]) for key in ("step_ms", "slowest", "fastest", "cores", "waiting"))
            )
    return [table]


def in_a_row(module: str, function: str, case: str, steps: int) -> Callable[[], dict[str, float]]:
    """In a worker: 50 epochs in one call, after a first epoch that compiles."""
    train = find(f"benchmarks.loops.{module}", function)(CASES[case], steps)
    train(1, lambda *_: None)

    def run() -> dict[str, float]:
        laps = [_clocks()]
        train(EPOCHS, lambda *_: laps.append(_clocks()))
        seconds, of_all_cores, waited = np.diff(laps, axis=0).T
        median = np.median(seconds)
        return {
            "step_ms": 1000 * median / steps,
            "slowest": seconds.max() / median,
            "fastest": seconds.min() / median,
            "cores": of_all_cores.sum() / seconds.sum(),
            "waiting": waited.sum() / seconds.sum(),
        }

    return run


def _clocks() -> tuple[float, float, float]:
    """Seconds of the clock, of computing on all cores, and for which threads of this process waited for a core."""
    waited = [int(each.read_text().split()[1]) for each in Path("/proc/self/task").glob("*/schedstat")]
    return time.perf_counter(), time.process_time(), sum(waited) / 1e9
