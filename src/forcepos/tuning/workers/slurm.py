"""Tasks of a Slurm job step that work at one search: `srun --ntasks=N python -m forcepos tuner.workers=N …`.

Task 0 is the chief, and the run; the others are workers, which find its port in a file beside the search.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forcepos.config.schema import Config, CrossValidationConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import write_json
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.resources import step_size

_WAIT_S = 900.0  # for a chief that still prepares its data
_LOOK_S = 0.5


@dataclass(frozen=True)
class Tasks:
    """The place of this process among the tasks of its step."""

    rank: int  # 0, 1, …
    step: str  # names the step among all of the cluster


def slurm_tasks(config: Config) -> Tasks | None:
    """Where this process stands; None where it is alone, as in most jobs.

    Raises:
        InputError: `tuner.workers` and the step do not fit each other.
    """
    count, nodes = step_size()
    if count == 1:
        return None
    if count != config.tuner.workers:
        raise InputError(
            f"tuner.workers={config.tuner.workers} but Slurm runs {count} tasks: ask for one task, "
            f"or set tuner.workers={count}"
        )
    if nodes != 1:
        raise InputError("the workers of one search talk to each other on one machine: ask Slurm for --nodes=1")
    if isinstance(config.split, CrossValidationConfig) and config.split.fold is None:
        raise InputError("tasks of Slurm can share one search, not one for each fold: set split.fold")
    return Tasks(int(os.environ["SLURM_PROCID"]), f"{os.environ['SLURM_JOB_ID']}.{os.environ['SLURM_STEP_ID']}")


@contextmanager
def chief_of(tasks: Tasks | None, search: Path) -> Iterator[None]:
    """While task 0 does its run; at the end, tell tasks that still wait that nothing is to be done."""
    try:
        yield
    finally:
        if tasks:
            tell_port(tasks, search, None)


def tell_port(tasks: Tasks, search: Path, port: int | None) -> None:
    """Let the other tasks know where the chief answers; None: nowhere any more."""
    path = _file(tasks, search)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"port": port})


def wait_for_port(tasks: Tasks, search: Path) -> int | None:
    """The chief's port; None where it needs no workers.

    Raises:
        InputError: it does not say, for a quarter of an hour.
    """
    deadline = time.monotonic() + _WAIT_S
    path = _file(tasks, search)
    while time.monotonic() < deadline:
        stop_if_asked()
        if path.is_file():
            port = json.loads(path.read_text())["port"]
            return None if port is None else int(port)
        time.sleep(_LOOK_S)
    raise InputError(f"task 0 of the Slurm step has not begun the search within {_WAIT_S:.0f} s")


def _file(tasks: Tasks, search: Path) -> Path:
    return search.with_suffix(".tasks") / f"{tasks.step}.json"
