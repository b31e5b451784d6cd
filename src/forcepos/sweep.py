"""Multirun: one parent run in MLflow over all jobs, and a table of them at the end, whatever happens."""

from __future__ import annotations

import csv
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from forcepos.config import TrackingConfig
from forcepos.terminal import show_table

log = logging.getLogger(__name__)

# `also`: the same measure on the harder split that evaluation.also names.
_COLUMNS = ("job", "overrides", "status", "euclidean_mean_mm", "accuracy", "baseline", "also", "run_id")
_SHOWN = _COLUMNS[:-1]


@dataclass(frozen=True)
class _Sweep:
    folder: Path
    tracking: TrackingConfig
    run_id: str | None


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
        _open.append(_Sweep(Path(config.hydra.sweep.dir).absolute(), tracking, run_id))


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
        if sweep.run_id:
            from forcepos.tracking.store import PARENT_VARIABLE, end_sweep  # noqa: PLC0415  # MLflow takes seconds

            os.environ.pop(PARENT_VARIABLE, None)
            end_sweep(sweep.tracking, sweep.run_id, status, table if rows else None)


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
