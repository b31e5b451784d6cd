"""Multirun: one parent run in MLflow over all jobs, and a table of them at the end, whatever happens."""

from __future__ import annotations

import csv
import json
import logging
import os
import sys
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.errors import CompactHydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from forcepos.config import TrackingConfig
from forcepos.errors import InputError
from forcepos.interruption import remember_warning, stop_if_asked
from forcepos.sharing import JOBS_VARIABLE, jobs_of_sweep
from forcepos.terminal import name_lines, show_table

log = logging.getLogger(__name__)

# `also`: the same measure on the harder split that evaluation.also names.
_COLUMNS = ("job", "overrides", "status", "euclidean_mean_mm", "accuracy", "baseline", "also", "run_id")
_SHOWN = _COLUMNS[:-1]
_LONGEST = 200  # characters of a reason on the terminal
_FAILURE = "failure.txt"  # in a job's folder: the reason, then where the code was


class JobFailed(CompactHydraException):
    """A job of a multirun is not done; Hydra runs the others and shows the message without a traceback."""


@dataclass(frozen=True)
class _Sweep:
    folder: Path
    tracking: TrackingConfig
    run_id: str | None
    elsewhere: bool  # its jobs write to standard output of their own


_open: list[_Sweep] = []  # the multirun that this process launched


class SweepCallback(Callback):
    """Hydra calls this in the process that launches the jobs, before the first of them."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Start the sweep's run and leave its id where the jobs find it."""
        tracking = OmegaConf.to_object(config.tracking)
        if not isinstance(tracking, TrackingConfig):
            raise TypeError(f"not a tracking config: {type(tracking)}")
        run_id = None
        if tracking.name == "mlflow":
            from forcepos.tracking.store import PARENT_VARIABLE, start_sweep  # noqa: PLC0415  # MLflow takes seconds

            run_id = start_sweep(tracking, " ".join(config.hydra.overrides.task))
            os.environ[PARENT_VARIABLE] = run_id
        jobs = jobs_of_sweep(config.hydra)
        if jobs:
            os.environ[JOBS_VARIABLE] = str(jobs)
        elsewhere = "submitit" in str(config.hydra.launcher.get("_target_"))
        _open.append(_Sweep(Path(config.hydra.sweep.dir).absolute(), tracking, run_id, elsewhere))


@contextmanager
def one_of_many(number: int, folder: Path) -> Iterator[None]:
    """A job of a multirun, in whatever process: what goes wrong is told by its number, in one line.

    Raises:
        JobFailed: something went wrong; where it was in the code is in the job's folder.
    """
    name_lines(f"job {number}")
    remember_warning()
    try:
        yield
    except Exception as error:
        stop_if_asked()  # a library may make an error of its own of a signal that reached it
        meant_for_people = isinstance(error, InputError)
        reason = str(error) if meant_for_people else f"{type(error).__name__}: {error}"
        where = "" if meant_for_people else "".join(traceback.format_exception(error))
        (folder / _FAILURE).write_text(f"{' '.join(reason.split())}\n{where}")
        log.error("%s", _reason(folder))  # noqa: TRY400  # where it was is in the file
        raise JobFailed(f"error: job {number}: {_reason(folder)}") from error


def _reason(folder: Path) -> str:
    """Why a job has no result, in a line."""
    try:
        reason, *where = (folder / _FAILURE).read_text().splitlines()
    except OSError:
        return "it ended without a word: interrupted, killed, or out of memory"
    short = textwrap.shorten(reason, _LONGEST, placeholder=" …")
    return short if short == reason and not where else f"{short} (more in {folder / _FAILURE})"


def close_sweep(status: str) -> None:
    """Show the table of jobs and end the sweep's run, if this process launched one.

    Hydra's own hook at the end of a multirun is not called when a job fails.
    """
    while _open:
        sweep = _open.pop()
        rows = _rows(sweep.folder)
        table = sweep.folder / "sweep.csv"
        if rows:
            _write_csv(table, rows)
            show_table(f"Jobs by test score ({table})", _SHOWN, _without_common_overrides(rows))
        for row in rows:
            if row["status"] != "FINISHED":
                sys.stderr.write(f"job {row['job']}: {_reason(sweep.folder / str(row['job']))}\n")
        if sweep.elsewhere:
            _write_results(sweep.folder, rows)
        os.environ.pop(JOBS_VARIABLE, None)
        if sweep.run_id:
            from forcepos.tracking.store import PARENT_VARIABLE, end_sweep  # noqa: PLC0415  # MLflow takes seconds

            os.environ.pop(PARENT_VARIABLE, None)
            end_sweep(sweep.tracking, sweep.run_id, status, table if rows else None)


def _write_results(folder: Path, rows: list[dict[str, Any]]) -> None:
    """To standard output, a line for each finished job, as a job does that runs here."""
    for number in sorted(row["job"] for row in rows if row["status"] == "FINISHED"):
        result = json.loads((folder / str(number) / "result.json").read_text())
        sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def _rows(folder: Path) -> list[dict[str, Any]]:
    """A row for each job, regressions before classifications, the best first, failed ones last."""
    jobs = [path for path in folder.glob("*") if path.is_dir() and path.name.isdigit()]
    rows = [_row(path) for path in sorted(jobs, key=lambda path: int(path.name))]
    return sorted(
        rows,
        key=lambda row: (row["status"] != "FINISHED", row["euclidean_mean_mm"] or 1e9, -(row["accuracy"] or 0)),
    )


def _row(job: Path) -> dict[str, Any]:
    asked = job / ".hydra" / "overrides.yaml"  # absent with hydra.output_subdir=null
    overrides = " ".join(map(str, OmegaConf.load(asked))) if asked.is_file() else ""
    row: dict[str, Any] = dict.fromkeys(_COLUMNS) | {
        "job": int(job.name),
        "overrides": overrides,
    }
    try:
        result = json.loads((job / "result.json").read_text())
    except (OSError, ValueError):  # absent, or cut off
        return row | {"status": "FAILED"}
    score = "euclidean_mean_mm" if "euclidean_mean_mm" in result["test"] else "accuracy"
    also = result.get("also")
    return row | {
        "status": "FINISHED",
        score: round(result["test"][score], 4),
        "baseline": round(result["baseline"][score], 4),
        "also": round(also["test"][score], 4) if also else None,
        "run_id": result["run_id"],
    }


def _without_common_overrides(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the terminal, only what tells the jobs apart."""
    each = [row["overrides"].split(" ") for row in rows]
    common = set(each[0]).intersection(*each) if len(rows) > 1 else set()
    return [
        row | {"overrides": " ".join(override for override in overrides if override not in common)}
        for row, overrides in zip(rows, each, strict=True)
    ]


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
