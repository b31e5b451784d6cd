"""Measures things in turn, each in its own process, a short piece at a time: all see the same machine."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Job:
    """What a process measures: a function of a module, called once with `arguments`, gives what is run in turn."""

    module: str
    function: str
    arguments: Sequence[Any]


class Worker:
    """A process that does its job whenever it is asked to, and waits otherwise."""

    def __init__(self, job: Job) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed in stop(); a pipe would fill up and stop the process
        self._process = subprocess.Popen(  # noqa: S603  # this interpreter, a module of ours
            [sys.executable, "-m", "benchmarks.worker", job.module, job.function, json.dumps(job.arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip

    def ask(self) -> dict[str, Any]:
        """Do it once: seconds, and what the job itself reports.

        Raises:
            RuntimeError: the process has ended; says what it wrote.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError("a worker is talked to by pipes")
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(self._errors.read().decode()[-2000:])
        return dict(json.loads(line))

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def in_turn(jobs: Mapping[str, Job], rounds: int, warm_up: int = 2) -> dict[str, dict[str, Seconds]]:
    """What each job reports in each of `rounds` rounds, by name; the first `warm_up` rounds do not count."""
    workers = {name: Worker(job) for name, job in jobs.items()}
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in jobs}
    try:
        for number in range(warm_up + rounds):
            for name, worker in workers.items():
                answer = worker.ask()
                if number >= warm_up:
                    told[name].append(answer)
    finally:
        for worker in workers.values():
            worker.stop()
    return {
        name: {key: np.array([answer[key] for answer in answers]) for key in answers[0]}
        for name, answers in told.items()
    }


def with_memory(run: Callable[[], object]) -> Callable[[], dict[str, float]]:
    """Reports the highest memory while it runs, above what the process held before."""
    above_mb: list[float] = []  # of the first time: later ones find memory that Arrow and Python have kept

    def measured() -> dict[str, float]:
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak back
        before = psutil.Process().memory_info().rss
        kept = run()
        peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
        above_mb.append(int(peak.split()[1]) / 1024 - before / 1024**2)
        del kept
        return {"above_mb": above_mb[0]}

    return measured


def spread(values: Seconds, digits: int = 2) -> str:
    """Median and range."""
    return f"{np.median(values):.{digits}f} ({values.min():.{digits}f} to {values.max():.{digits}f})"


def installed(module: str) -> bool:
    """Whether a module's own imports are there."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def find(module: str, name: str) -> Any:
    """What a module calls `name`."""
    return getattr(importlib.import_module(module), name)
