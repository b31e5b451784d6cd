"""Cores, and the jobs of a multirun that share them."""

import os
from contextlib import suppress
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

JOBS_VARIABLE = "FORCEPOS_SWEEP_JOBS"  # number of jobs, for the sweep's jobs in whatever process they run


def available_cores() -> int:
    """Return the number of cores this process may use: those it is bound to, at most those of its Slurm task."""
    import joblib  # noqa: PLC0415  # imports NumPy, which the first log line should not wait for

    given, cores = os.environ.get("SLURM_CPUS_PER_TASK", ""), int(joblib.cpu_count())
    return min(cores, int(given)) if given.isdigit() else cores


def in_sweep() -> bool:
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def jobs_at_once() -> int:
    """Return how many jobs of this multirun train on this machine at the same time; 1 outside of a multirun."""
    known = int(os.environ.get(JOBS_VARIABLE, "0"))
    return started_at_once(HydraConfig.get().launcher, known) if in_sweep() else 1


def started_at_once(launcher: Any, known: int) -> int:
    """Return how many jobs this launcher starts on a machine at the same time, of a `known` number or 0."""
    match str(launcher.get("_target_", "")).rpartition(".")[2]:
        case "JoblibLauncher":
            at_once = joblib_workers(launcher.n_jobs)
            return min(at_once, known or at_once)
        case "LocalLauncher":  # submitit's: starts all at once
            return known or available_cores()
        case _:  # one after the other; or, as on Slurm, each with cores of its own
            return 1


def joblib_workers(n_jobs: int) -> int:
    """Return how many workers joblib means by n_jobs; -1: as many as cores."""
    return int(n_jobs if n_jobs > 0 else max(1, available_cores() + 1 + n_jobs))


def overrides_of(hydra: Any) -> list[str]:
    """Return the overrides of the command line as they were given, with their interpolations."""
    return list(map(str, OmegaConf.to_container(hydra.overrides.task) or []))


def sweep_overrides(hydra: DictConfig) -> list[Override]:
    """Return the overrides of a multirun, of its config and of the command line, as Hydra's sweepers get them."""
    params = [f"{key}={value}" for key, value in (hydra.sweeper.get("params") or {}).items()]
    started = GlobalHydra.instance()  # its loader knows the choices that a glob stands for
    parser = OverridesParser.create(started.config_loader() if started.is_initialized() else None)
    with suppress(HydraException):  # in another sweeper's own language
        return parser.parse_overrides([*params, *overrides_of(hydra)])
    return []


def batches_of_sweep(hydra: DictConfig) -> list[int]:
    """Return how many jobs Hydra launches in each batch; none where another sweeper determines that."""
    if str(hydra.sweeper.get("_target_", "")).endswith(".BasicSweeper"):
        with suppress(HydraException):
            batches = BasicSweeper.split_arguments(sweep_overrides(hydra), hydra.sweeper.get("max_batch_size"))
            return list(map(len, batches))
    return []
