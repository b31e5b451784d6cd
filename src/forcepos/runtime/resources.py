"""Jobs of a multirun that run side by side: whether this process' job is one, and how many share this machine."""

from __future__ import annotations

import os
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig

JOBS_VARIABLE = "FORCEPOS_SWEEP_JOBS"  # tells a sweep's jobs how many they are, whatever process they run in


def available_cores() -> int:
    """Cores that this process may use: those it is bound to, and no more than a task of Slurm was given."""
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if given.isdigit():
        return min(_cores(), int(given))
    tasks, nodes = step_size()
    return max(1, _cores() // max(1, tasks // nodes))


def _cores() -> int:
    import joblib  # noqa: PLC0415  # brings NumPy along, and the first log line need not wait for it

    return int(joblib.cpu_count())


def step_size() -> tuple[int, int]:
    """Tasks and nodes of the Slurm step that this process belongs to; one each outside of Slurm."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")), int(os.environ.get("SLURM_STEP_NUM_NODES", "1"))


def in_sweep() -> bool:
    """Whether this process' job is one of a multirun."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def jobs_at_once() -> int:
    """How many jobs of this multirun train on this machine at the same time; 1 outside of a multirun."""
    if not in_sweep():
        return 1
    launcher: Any = HydraConfig.get().launcher
    jobs = os.environ.get(JOBS_VARIABLE, "")
    known = int(jobs) if jobs.isdigit() else None
    match str(launcher.get("_target_", "")).rpartition(".")[2]:
        case "JoblibLauncher":
            count = launcher.n_jobs
            at_once = int(count if count > 0 else max(1, _cores() + 1 + count))  # -1: as many as cores
            return min(at_once, known or at_once)
        case "LocalLauncher":  # submitit's: starts all of them
            return known or available_cores()
        case _:  # one after the other; or elsewhere, as Slurm's, with cores of its own
            return 1


def jobs_of_sweep(hydra: DictConfig) -> int | None:
    """How many jobs Hydra launches at once; None where another sweeper or a glob decides that."""
    sweeper = hydra.sweeper
    if not str(sweeper.get("_target_", "")).endswith(".BasicSweeper"):
        return None
    params = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
    overrides = OverridesParser.create().parse_overrides([*params, *hydra.overrides.task])
    try:
        return len(BasicSweeper.split_arguments(overrides, sweeper.get("max_batch_size"))[0])
    except HydraException:
        return None
