"""Multirun: one parent run in MLflow over all jobs, which ends with their table, whatever happens."""

import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from forcepos.config.mistakes import resolving
from forcepos.config.schema import TrackingConfig
from forcepos.experiment.sweep_job import prepare_launcher, reason_of
from forcepos.results.finished_runs import CONFIG, SKIP_VARIABLE, holds_result, meaning, read_config, refuse_used
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import read_state, to_json, write_state
from forcepos.runtime.interruption import defer_signals, ended_by_input_errors
from forcepos.runtime.log_lines import print_result
from forcepos.runtime.paths import pending_logs_file, short_path
from forcepos.runtime.resources import JOBS_VARIABLE, jobs_of_sweep, overrides_of
from forcepos.runtime.wording import visible, visible_lines
from forcepos.tracking.place import check_uri

log = logging.getLogger(__name__)
AGAIN = "run the same command again to log what is missing"
# `also`: the same measure on the harder split that evaluation.also names.
_COLUMNS = ("job", "overrides", "status", "euclidean_mean_mm", "accuracy", "baseline", "also", "run_id")


def job_folders(folder: Path) -> list[Path]:
    """Return the jobs' folders, by number."""
    jobs = [path for path in folder.glob("*") if path.is_dir() and path.name.isdigit()]
    return sorted(jobs, key=lambda path: int(path.name))


def write_table(rows: list[dict[str, Any]], table: Path) -> None:
    """Write the rows to `table`, and show them without what all jobs share."""
    import pandas as pd  # noqa: PLC0415  # only the end of a multirun needs it

    from forcepos.results.terminal import show_table  # noqa: PLC0415  # likewise

    pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object).to_csv(table, index=False)
    each = [row["overrides"].split(" ") for row in rows]
    shared = set(each[0]).intersection(*each) if len(rows) > 1 else set()
    own = [" ".join(override for override in overrides if override not in shared) for overrides in each]
    shown = [row | {"overrides": overrides} for row, overrides in zip(rows, own, strict=True)]
    show_table(f"Jobs by test score ({table})", _COLUMNS[:-1], shown)


def job_rows(folder: Path) -> list[dict[str, Any]]:
    """Return a row for each job: regressions before classifications, the best first, failed ones last.

    Beside the columns of the table, `result` holds the whole result of a finished job.
    """
    rows = map(_row, job_folders(folder))
    return sorted(
        rows, key=lambda row: (not row["result"], row["euclidean_mean_mm"] or 1e9, -(row["accuracy"] or 0))
    )


def _row(job: Path) -> dict[str, Any]:
    asked = job / ".hydra" / "overrides.yaml"  # absent with hydra.output_subdir=null
    overrides = visible(" ".join(map(str, OmegaConf.load(asked)))) if asked.is_file() else ""
    row: dict[str, Any] = dict.fromkeys((*_COLUMNS, "result")) | {"job": int(job.name), "overrides": overrides}
    if not holds_result(job):
        return row | {"status": "FAILED"}
    result = json.loads((job / "result.json").read_text())
    score = "euclidean_mean_mm" if "euclidean_mean_mm" in result["test"] else "accuracy"
    also = result.get("also")
    return row | {
        "status": "FINISHED",
        score: round(result["test"][score], 4),
        "baseline": round(result["baseline"][score], 4),
        "also": round(also["test"][score], 4) if also else None,
        "run_id": result["run_id"],
        "result": result,
    }


@dataclass(frozen=True)
class _Begun:
    run_id: str | None


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
        _open.append(_Sweep(config))


def _asked(overrides: Sequence[str]) -> list[str]:
    return sorted(override for override in overrides if not override.startswith("skip_finished="))


def _unfinished(tracking: TrackingConfig, overrides: list[str]) -> Path:
    """Return the file that holds the run's id until the sweep is complete."""
    digest = hashlib.sha256(json.dumps(_asked(overrides)).encode()).hexdigest()[:12]
    return pending_logs_file(f"sweep-{digest}", f"{tracking.uri} {tracking.experiment}")


class _Sweep:
    """The multirun that this process launches."""

    def __init__(self, config: DictConfig) -> None:
        self._tracking = cast("TrackingConfig", OmegaConf.to_object(config.tracking))
        self._overrides = overrides_of(config.hydra)
        self._folder = Path(config.hydra.sweep.dir).absolute()
        self._jobs_print = "submitit" not in str(config.hydra.launcher.get("_target_"))  # to this standard output
        self._unfinished = _unfinished(self._tracking, self._overrides)
        self.lock = FileLock(self._unfinished.with_suffix(".lock"))
        self._check(config)
        jobs = jobs_of_sweep(config.hydra)
        count = "1 job" if jobs == 1 else f"{jobs or 'several'} jobs"
        log.info("multirun of %s; outputs: %s", count, short_path(self._folder))
        self._begin()
        if jobs:
            os.environ[JOBS_VARIABLE] = str(jobs)

    def _check(self, config: DictConfig) -> None:
        before = read_config(self._folder / "multirun.yaml")
        asked = before.get("hydra", {}).get("overrides", {}).get("task", [])
        same = not before or _asked(self._overrides) == _asked(asked)
        refuse_used(job_folders(self._folder), same, config.skip_finished or self._unfinished.is_file())
        if self._tracking.name == "mlflow":
            check_uri(self._tracking.uri)
        prepare_launcher(config.hydra.launcher)

    def _begin(self) -> None:
        """Lock the sweep, and start or resume its run, if it is tracked."""
        self._unfinished.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError("another process works on this sweep: wait for it, or change an override") from error
        begun, self._run_id = read_state(self._unfinished, _Begun, "the sweep begins anew"), None
        if self._tracking.name == "mlflow":
            # MLflow takes seconds.
            from forcepos.tracking.sweep_run import start_sweep  # noqa: PLC0415
            from forcepos.tracking.track import PARENT_VARIABLE  # noqa: PLC0415

            overrides = visible(" ".join(self._overrides))
            self._run_id = start_sweep(self._tracking, overrides, begun.run_id if begun else None)
            os.environ[PARENT_VARIABLE] = self._run_id
        if begun:
            kept, began = short_path(self._unfinished), self._unfinished.stat().st_mtime
            log.info("resuming this sweep: complete jobs are skipped; to begin it anew, remove %s", kept)
            os.environ[SKIP_VARIABLE] = str(began)
        if not begun or begun.run_id != self._run_id:  # the store may have lost it
            write_state(self._unfinished, {"run_id": self._run_id})
        if begun:
            os.utime(self._unfinished, (began, began))  # jobs that were complete before count as well

    def close(self, status: str) -> bool:
        """Show the table of jobs, and end the sweep's run; return whether tracking is complete."""
        rows = job_rows(self._folder)
        table = self._folder / "sweep.csv"
        if rows:
            write_table(rows, table)
        for row in sorted(rows, key=lambda row: int(row["job"])):
            if not row["result"]:
                reason = visible_lines(reason_of(self._folder / str(row["job"])))
                sys.stderr.write(f"job {row['job']}: {reason}\n")
            elif not self._jobs_print:
                print_result(to_json(row["result"]))
        logged = self._end_run(status, rows, table)
        self.lock.release()
        if logged and status == "FINISHED":
            self._unfinished.unlink(missing_ok=True)
            Path(self.lock.lock_file).unlink(missing_ok=True)
        return logged

    def _end_run(self, status: str, rows: list[dict[str, Any]], table: Path) -> bool:
        """End the sweep's run; return whether the store has all of the sweep."""
        if self._run_id is None:
            return True
        from forcepos.tracking.sweep_run import end_sweep  # noqa: PLC0415  # MLflow takes seconds

        lacking = sum((row["result"] or {}).get("tracking") == "incomplete" for row in rows)
        # The table follows once all that it lists is there.
        ended = end_sweep(self._tracking, self._run_id, status, table if rows and not lacking else None)
        if ended and not lacking:
            return True
        of = f" of {lacking} of {len(rows)} jobs" if lacking else " of the sweep itself"
        sys.stderr.write(f"tracking{of} is incomplete: {AGAIN}\n")
        return False


_open: list[_Sweep] = []  # the multirun that this process launched


def close_sweep(status: str) -> bool:
    """Close the multirun of this process, if there is one; return whether tracking is complete.

    Hydra's own hook at the end of a multirun is not called when a job fails.
    """
    return not _open or _open.pop().close(status)
