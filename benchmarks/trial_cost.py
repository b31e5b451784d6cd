"""What a trial costs before its first step, and a step then, with and without XLA: when compiling pays."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.cases import CASES
from benchmarks.table import Table
from benchmarks.turns import Job, in_turn, spread

_STEPS = 100  # of an epoch
_MORE = 5  # epochs that tell what one takes


def trial_cost(rounds: int) -> list[Table]:
    """One table; every round is a new network in a process that has built one before."""
    table = Table(
        "Fixed cost of a trial, and from how many steps on compiling pays",
        ("network", "XLA", "build, s", "trace and compile, s", "another execution, s", "a step, ms", "pays from"),
    )
    for case in CASES:
        jobs = {word: Job("benchmarks.trial_cost", "trial", [case, word == "yes"]) for word in ("no", "yes")}
        told = in_turn(jobs, rounds, warm_up=1)
        saved_ms = told["no"]["step_ms"] - told["yes"]["step_ms"]
        pays = 1000 * (told["yes"]["first_s"] - told["no"]["first_s"]) / saved_ms
        for word, figures in told.items():
            costs = [spread(figures[key]) for key in ("build_s", "first_s", "again_s", "step_ms")]
            table.add(case, word, *costs, f"{spread(pays, 0)} steps" if word == "yes" else "")
    return [table]


def trial(case: str, xla: bool) -> Callable[[], dict[str, float]]:
    """In a worker: a new network, one epoch with all that comes first, one more, one after which it is known."""
    import keras  # noqa: PLC0415  # only workers need TensorFlow

    from benchmarks.loops.tensorflow import network, training  # noqa: PLC0415

    def run() -> dict[str, float]:
        laps = [time.perf_counter()]
        keras.backend.clear_session()
        model = network(CASES[case])
        model.compile(optimizer="adam", loss="mse")
        ours = training(CASES[case], model, _STEPS, xla)
        laps.append(time.perf_counter())
        for epochs in (1, 1, 1 + _MORE):
            ours.run(model, 1, epochs, lambda *_: None)
            laps.append(time.perf_counter())
        build_s, first_s, second_s, many_s = (float(lap) for lap in np.diff(laps))
        epoch_s = (many_s - second_s) / _MORE  # without what a call of fit costs
        return {
            "build_s": build_s,
            "first_s": first_s - second_s,
            "again_s": second_s - epoch_s,
            "step_ms": 1000 * epoch_s / _STEPS,
        }

    return run
