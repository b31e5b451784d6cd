"""Hydra's launchers, such that a job whose process is killed costs a sweep that job only."""

from __future__ import annotations

import shutil
from typing import Any

from omegaconf import DictConfig

from forcepos.experiment.sweep_job import lost_job
from forcepos.runtime.errors import InputError


def prepare_launcher(launcher: DictConfig) -> None:
    """Prepare this process to launch jobs with `hydra.launcher`.

    Raises:
        InputError: it is for Slurm, which this machine cannot submit jobs to, or would run none at a time.
    """
    match str(launcher.get("_target_", "")).rpartition(".")[2]:
        case "JoblibLauncher" if launcher.n_jobs == 0:
            raise InputError("hydra.launcher.n_jobs=0 runs no job: give a number, or -1 for as many as cores")
        case "JoblibLauncher":
            # They import NumPy, which the first log line should not wait for.
            from hydra_plugins.hydra_joblib_launcher import _core  # type: ignore[import-untyped]  # noqa: PLC0415

            from forcepos.experiment.joblib_workers import IsolatedJobs  # noqa: PLC0415

            _core.Parallel = IsolatedJobs  # the launcher has no door for it
        case "SlurmLauncher":
            if not shutil.which("srun"):  # as submitit asks
                raise InputError(
                    "hydra/launcher: no srun on this machine's PATH, so it cannot submit jobs to a Slurm cluster: "
                    "start the sweep on a login node, or run its jobs here with hydra/launcher=joblib"
                )
            _outlast_lost_jobs()
        case "LocalLauncher":
            _outlast_lost_jobs()


def refused_submission(error: Exception) -> str | None:
    """Return in a line why Slurm took no job; None for any other error."""
    if type(error).__name__ != "FailedJobError":  # submitit's, which other launchers do without
        return None
    return f"hydra/launcher: no job could be submitted to Slurm: {' '.join(str(error).split())}"


def _outlast_lost_jobs() -> None:
    """Let submitit wait for the other jobs where it raises an error for one without a result."""
    import submitit  # noqa: PLC0415  # other launchers do without

    results = submitit.Job.results

    def results_or_failure(job: submitit.Job[Any]) -> list[Any]:
        try:
            return results(job)
        except submitit.core.utils.UncompletedJobError:
            overrides, _, number, *_ = job.submission().args
            return [lost_job(number, overrides)]

    submitit.Job.results = results_or_failure  # type: ignore[assignment,method-assign]
