"""Commands as a user gives them, timed, and what nvidia-smi says."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence


def timed(arguments: Sequence[str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Seconds of `python -m forcepos` in a folder of its own, so that it finds nothing of another; what it said.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    ours = ("MLFLOW_", "FORCEPOS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603  # this interpreter, our own module
            [sys.executable, "-m", "forcepos", *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return seconds, done


def card_figure(what: str) -> int:
    """Return a figure of the first card, as nvidia-smi names it: memory.used in MB, utilization.gpu in %."""
    query = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    told = subprocess.run(query, capture_output=True, text=True, check=True)  # noqa: S603  # a fixed command
    return int(told.stdout.splitlines()[0])
