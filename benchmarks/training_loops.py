"""How fast a training step is, beside other ways to take it and beside the machine's matrix product."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import CASES, Case
from benchmarks.table import Table
from benchmarks.turns import Job, find, in_turn, installed, spread

# Module, loop, steps of a piece: a few tenths of a second to two seconds each.
_LOOPS = (
    ("tensorflow", "notebook", {"ffnn": 400, "cnn": 250, "wide": 250}),
    ("tensorflow", "keras, steps_per_execution=32", {"ffnn": 640, "cnn": 320, "wide": 320}),
    ("pytorch", "pytorch, hand-written", {"ffnn": 400, "cnn": 150, "wide": 150}),
    ("jax", "jax, hand-written scan", {"ffnn": 1500, "cnn": 500, "wide": 500}),
    ("sklearn", "scikit-learn, MLPRegressor", {"ffnn": 400, "wide": 150}),
    ("tensorflow", "forcepos", {"ffnn": 1500, "cnn": 500, "wide": 500}),
    ("tensorflow", "matrix product", {"ffnn": 3, "cnn": 3, "wide": 3}),
)
_PRODUCT_FLOPS = 2 * 2048**3


def training_loops(rounds: int) -> list[Table]:
    """One table a network."""
    return [_measure(case, rounds) for case in CASES.values()]


def _measure(case: Case, rounds: int) -> Table:
    steps = {loop: pieces[case.name] for _, loop, pieces in _LOOPS if case.name in pieces}
    jobs = {
        loop: Job("benchmarks.training_loops", "start", [module, loop, case.name, steps[loop]])
        for module, loop, _ in _LOOPS
        if loop in steps and installed(f"benchmarks.loops.{module}")
    }
    each = {loop: told["seconds"] / steps[loop] for loop, told in in_turn(jobs, rounds).items()}
    rate = _PRODUCT_FLOPS / each.pop("matrix product")
    table = Table(
        f"{case.name}, batch {case.batch_size}, one step (matrix product: {np.median(rate) / 1e9:.0f} GFLOP/s)",
        ("loop", "ms a step", "notebook / loop", "jax / loop", "share of the matrix product's rate"),
    )
    for loop, seconds in each.items():
        jax = each.get("jax, hand-written scan")
        table.add(
            loop,
            spread(1000 * seconds),
            spread(each["notebook"] / seconds),
            spread(jax / seconds) if jax is not None else "",
            spread(100 * case.flops / seconds / rate, 0) + " %",
        )
    return table


def start(module: str, loop: str, case: str, steps: int) -> object:
    """In a worker: the loop, ready to run."""
    return find(f"benchmarks.loops.{module}", "LOOPS")[loop](CASES[case], steps)
