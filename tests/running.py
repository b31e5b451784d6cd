"""The command line, run as a user would."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

PLAIN = ["evaluation.also=null", "evaluation.baselines=false", "evaluation.figures=false"]  # no more than scores
QUICK = ["debug=smoke", "tuner=random", "tuner.max_trials=1", "training.final_epochs=1", *PLAIN]
WITHOUT_LIBRARIES = "import sys; assert not {'tensorflow', 'keras', 'mlflow'} & {*sys.modules}"  # the large ones


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The last line of standard output."""
        return dict(json.loads(self.out.splitlines()[-1]))


def environment_with(**more: str) -> dict[str, str]:
    """This process's environment without what earlier tests may have left in it."""
    ours = ("MLFLOW_", "FORCEPOS_", "TF_CPP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


def forcepos(arguments: Sequence[str], folder: Path, timeout_s: float = 300, **environment: str) -> Finished:
    """Run `python -m forcepos` in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "forcepos", *arguments],
        cwd=folder,
        env=environment_with(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def processor_time_s(*arguments: str) -> float:
    """What Python with these arguments takes of a core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start(arguments: Sequence[str], folder: Path, **options: Any) -> subprocess.Popen[str]:
    """`python -m forcepos` in `folder`, to be read while it runs; by default both streams are pipes."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, "-m", "forcepos", *arguments], cwd=folder, text=True, **(pipes | options)
    )


def read_until(stderr: IO[str] | None, words: str) -> None:
    """Read what a process tells, up to the line with these words."""
    assert stderr is not None
    for line in stderr:
        if words in line:
            return
    raise AssertionError(f"ended without saying {words!r}")
