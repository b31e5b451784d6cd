"""How time and memory grow with the number of rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.notebook_file import POINTS, full_size
from benchmarks.table import Table
from benchmarks.turns import Job, in_turn, spread
from forcepos import compose, load_recordings

_ROWS = (10_000, 100_000, 1_000_000)
_SPLIT = "split=random"  # the least rows leave nothing between two stretches


def growth(rounds: int) -> list[Table]:
    """One table; networks of the author, batch 64 and 16."""
    table = Table(
        "From 10 000 to 1 000 000 rows",
        ("rows", "model", "preparation, s", "MB above the interpreter's", "an epoch, s", "us a sample"),
    )
    with tempfile.TemporaryDirectory() as folder:
        for rows in _ROWS:
            path = str(full_size(Path(folder), rows_a_point=-(-rows // POINTS)))
            for case, model in (("ffnn", "ffnn_regression"), ("cnn", "cnn_regression")):
                jobs = {
                    "prepare": Job("benchmarks.preparation", "forcepos", [path, model, _SPLIT]),
                    "epoch": Job("benchmarks.growth", "epoch", [path, model, case]),
                }
                # An epoch of a million windows takes minutes.
                told = in_turn(jobs, rounds=min(rounds, 3) if case == "ffnn" else 1, warm_up=1)
                prepared, trained = told["prepare"], told["epoch"]
                table.add(
                    f"{rows:,}", model, spread(prepared["seconds"], 3), spread(prepared["above_mb"], 0),
                    spread(trained["epoch_s"]), spread(1e6 * trained["epoch_s"] / trained["samples"]),
                )  # fmt: skip
    return [table]


def epoch(path: str, model: str, case: str) -> Callable[[], dict[str, float]]:
    """In a worker: one epoch and its validation, compiled before."""
    from benchmarks.cases import CASES  # noqa: PLC0415
    from forcepos.models.problem import Problem  # noqa: PLC0415
    from forcepos.models.training.trainer import NetworkTrainer  # noqa: PLC0415

    config = compose("data=versuch", f"data.path={path}", f"model={model}", _SPLIT, "training.xla=always")
    data = Problem.of(config, load_recordings(config))
    trainer = NetworkTrainer(data, Path())
    ends: list[float] = []

    def run() -> dict[str, float]:
        began = time.perf_counter()
        trainer.trial(CASES[case].hyperparameters, 1, 1, lambda *_: ends.append(time.perf_counter()))
        return {"epoch_s": ends[-1] - began, "samples": len(data.split.train)}

    return run
