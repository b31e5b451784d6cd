"""On a GPU: steps a second beside the notebook's 5 and 7 ms, how busy it is, and two jobs that share it."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from benchmarks.table import Table
from benchmarks.turns import Job, Worker

_STEPS = 5000
_NOTEBOOK_MS = {"ffnn": 5.0, "cnn": 7.0}  # on the author's GeForce GTX 1660 Ti Max-Q
_PROGRAM = "nvidia-smi"


def gpu(rounds: int) -> list[Table]:
    """One table, or none where there is no GPU."""
    if shutil.which(_PROGRAM) is None:
        return []
    table = Table(
        "GPU",
        ("network", "jobs at once", "steps a second, all jobs", "ms a step", "notebook's ms / ours", "busy, %"),
    )
    for case, notebook_ms in _NOTEBOOK_MS.items():
        for count in (1, 2):
            steps_s, busy = _measure(case, count, rounds)
            each_ms = 1000 * count / steps_s
            table.add(
                case, str(count), f"{steps_s:.0f}", f"{each_ms:.2f}",
                f"{notebook_ms / each_ms:.1f}", f"{busy:.0f}",
            )  # fmt: skip
    return [table]


def _measure(case: str, count: int, rounds: int) -> tuple[float, float]:
    """Steps a second of all jobs together, and the GPU's mean utilisation meanwhile."""
    job = Job("benchmarks.training_loops", "start", ["tensorflow", "forcepos", case, _STEPS])
    workers = [Worker(job) for _ in range(count)]
    busy: list[float] = []
    slowest_s = 0.0
    try:
        for worker in workers:
            worker.ask()
        with ThreadPoolExecutor(count) as pool:
            for _ in range(rounds):
                asked = [pool.submit(worker.ask) for worker in workers]
                while not all(each.done() for each in asked):
                    busy.append(_utilisation())
                slowest_s += max(each.result()["seconds"] for each in asked)
    finally:
        for worker in workers:
            worker.stop()
    return rounds * count * _STEPS / slowest_s, sum(busy) / len(busy)


def _utilisation() -> float:
    query = [_PROGRAM, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    told = subprocess.run(query, capture_output=True, text=True, check=True)  # noqa: S603  # a fixed command
    return float(told.stdout.splitlines()[0])
