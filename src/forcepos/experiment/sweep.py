"""Multirun: one parent run in MLflow over all jobs, which ends with their table, whatever happens."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from forcepos.config.mistakes import resolving
from forcepos.config.schema import TrackingConfig
from forcepos.experiment.launchers import prepare_launcher
from forcepos.experiment.sweep_job import reason_of
from forcepos.experiment.sweep_table import job_folders, job_rows, write_results, write_table
from forcepos.results.run_cache import SKIP_VARIABLE
from forcepos.results.run_folder import CONFIG, meaning, read_config, refuse_used
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import defer_signals, ended_by_input_errors
from forcepos.runtime.paths import pending_logs_file, short_path
from forcepos.runtime.resources import JOBS_VARIABLE, jobs_of_sweep, overrides_of
from forcepos.runtime.state_files import read_state, write_state
from forcepos.runtime.wording import visible, visible_lines
from forcepos.tracking.place import check_uri

log = logging.getLogger(__name__)
AGAIN = "run the same command again to log what is missing"


@dataclass(frozen=True)
class _Sweep:
    folder: Path
    tracking: TrackingConfig
    run_id: str | None
    elsewhere: bool  # its jobs write to standard output of their own
    unfinished: Path  # holds the run's id until the sweep is complete
    lock: FileLock


@dataclass(frozen=True)
class _Unfinished:
    run_id: str | None
    tracking: dict[str, Any] | None = None  # by earlier versions, at the end of a sweep


_open: list[_Sweep] = []  # the multirun that this process launched


class SweepCallback(Callback):
    """Called by Hydra before a run, or in the process that launches the jobs before the first of them."""

    @ended_by_input_errors()
    @resolving()
    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse a folder that another run has used and a store that cannot work, before anything is written."""
        folder = Path(config.hydra.run.dir)
        subfolder = config.hydra.output_subdir
        before = read_config(folder / (subfolder or "") / "config.yaml")
        if subfolder and not before:  # of a run from Python, or none
            before = read_config(folder / CONFIG)
        now = dict(OmegaConf.to_container(config))  # type: ignore[arg-type]
        same = not before or meaning(before) == meaning(now)
        refuse_used([folder], same, config.skip_finished)
        if config.tracking.name == "mlflow":
            check_uri(config.tracking.uri)

    @ended_by_input_errors()  # of which Hydra would make warnings
    @resolving()
    @defer_signals()  # an interruption here would leave a run behind that nobody closes
    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Start the sweep's run, or resume an unfinished sweep's, and put its id where the jobs find it."""
        _open.append(_start(config))


def _start(config: DictConfig) -> _Sweep:
    tracking = OmegaConf.to_object(config.tracking)
    if not isinstance(tracking, TrackingConfig):
        raise TypeError(f"not a tracking config: {type(tracking)}")
    overrides = overrides_of(config.hydra)
    jobs, folder = jobs_of_sweep(config.hydra), Path(config.hydra.sweep.dir).absolute()
    unfinished = _unfinished(tracking, overrides)
    _refuse_used(folder, overrides, config.skip_finished or unfinished.is_file())
    if tracking.name == "mlflow":
        check_uri(tracking.uri)
    prepare_launcher(config.hydra.launcher)
    count = "1 job" if jobs == 1 else f"{jobs or 'several'} jobs"
    log.info("multirun of %s; outputs: %s", count, short_path(folder))
    lock = _lock(unfinished)
    run_id = _run(tracking, overrides, unfinished)
    if jobs:
        os.environ[JOBS_VARIABLE] = str(jobs)
    elsewhere = "submitit" in str(config.hydra.launcher.get("_target_"))
    return _Sweep(folder, tracking, run_id, elsewhere, unfinished, lock)


def _refuse_used(folder: Path, overrides: list[str], skip: bool) -> None:
    before = read_config(folder / "multirun.yaml")
    asked = before.get("hydra", {}).get("overrides", {}).get("task", [])
    refuse_used(job_folders(folder), not before or _asked(overrides) == _asked(asked), skip)


def _asked(overrides: Sequence[str]) -> list[str]:
    return sorted(override for override in overrides if not override.startswith("skip_finished="))


def _unfinished(tracking: TrackingConfig, overrides: list[str]) -> Path:
    digest = hashlib.sha256(json.dumps(_asked(overrides)).encode()).hexdigest()[:12]
    return pending_logs_file(f"sweep-{digest}", f"{tracking.uri} {tracking.experiment}")


def _lock(unfinished: Path) -> FileLock:
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(unfinished.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError("another process works on this sweep: wait for it, or change an override") from error
    return lock


def _run(tracking: TrackingConfig, overrides: list[str], unfinished: Path) -> str | None:
    """Start or resume the sweep's run, if it is tracked; return its id."""
    begun = read_state(unfinished, _Unfinished, "the sweep begins anew")
    run_id = None
    if tracking.name == "mlflow":
        from forcepos.tracking.sweep_run import PARENT_VARIABLE, start_sweep  # noqa: PLC0415  # MLflow takes seconds

        run_id = start_sweep(tracking, visible(" ".join(overrides)), begun.run_id if begun else None)
        os.environ[PARENT_VARIABLE] = run_id
    if begun and begun.run_id == run_id:
        kept = short_path(unfinished)
        log.info("resuming this sweep: complete jobs are skipped; to begin it anew, remove %s", kept)
        os.environ[SKIP_VARIABLE] = "0" if begun.tracking else str(unfinished.stat().st_mtime)
    else:
        write_state(unfinished, {"run_id": run_id})
    return run_id


def close_sweep(status: str) -> bool:
    """Show the table of jobs and end the sweep's run, if there is one; return whether tracking is complete.

    Hydra's own hook at the end of a multirun is not called when a job fails.
    """
    complete = [_close(_open.pop(), status) for _ in range(len(_open))]
    return all(complete)


def _close(sweep: _Sweep, status: str) -> bool:
    os.environ.pop(SKIP_VARIABLE, None)
    os.environ.pop(JOBS_VARIABLE, None)
    rows = job_rows(sweep.folder)
    table = sweep.folder / "sweep.csv"
    if rows:
        write_table(rows, table)
    for row in rows:
        if row["status"] != "FINISHED":
            reason = visible_lines(reason_of(sweep.folder / str(row["job"])))
            sys.stderr.write(f"job {row['job']}: {reason}\n")
    if sweep.elsewhere:
        write_results(sweep.folder, rows)
    logged = _end_run(sweep, status, rows, table)
    sweep.lock.release()
    if logged and status == "FINISHED":
        sweep.unfinished.unlink(missing_ok=True)
        Path(sweep.lock.lock_file).unlink(missing_ok=True)
    return logged


def _end_run(sweep: _Sweep, status: str, rows: list[dict[str, Any]], table: Path) -> bool:
    """End the sweep's run; return whether the store has all of the sweep."""
    if sweep.run_id is None:
        return True
    from forcepos.tracking.sweep_run import PARENT_VARIABLE, end_sweep  # noqa: PLC0415  # MLflow takes seconds

    os.environ.pop(PARENT_VARIABLE, None)
    lacking = sum(row["tracking"] == "incomplete" for row in rows)
    # The table follows once all that it lists is there.
    ended = end_sweep(sweep.tracking, sweep.run_id, status, table if rows and not lacking else None)
    if ended and not lacking:
        return True
    of = f" of {lacking} of {len(rows)} jobs" if lacking else " of the sweep itself"
    sys.stderr.write(f"tracking{of} is incomplete: {AGAIN}\n")
    return False
