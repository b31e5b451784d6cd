"""The table of a sweep's jobs: in sweep.csv, on the terminal, and their results on standard output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from forcepos.results.run_folder import holds_result
from forcepos.runtime.files import to_json
from forcepos.runtime.wording import visible

# `also`: the same measure on the harder split that evaluation.also names.
_COLUMNS = ("job", "overrides", "status", "euclidean_mean_mm", "accuracy", "baseline", "also", "run_id")
_SHOWN = _COLUMNS[:-1]


def job_folders(folder: Path) -> list[Path]:
    """Return the jobs' folders, by number."""
    jobs = [path for path in folder.glob("*") if path.is_dir() and path.name.isdigit()]
    return sorted(jobs, key=lambda path: int(path.name))


def write_table(rows: list[dict[str, Any]], table: Path) -> None:
    """Write the rows to `table`, and show them without what all jobs share."""
    import pandas as pd  # noqa: PLC0415  # only the end of a multirun needs it

    from forcepos.results.terminal import show_table  # noqa: PLC0415  # likewise

    pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object).to_csv(table, index=False)
    show_table(f"Jobs by test score ({table})", _SHOWN, _without_common_overrides(rows))


def write_results(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write a line for each finished job to standard output, as a job does that runs here."""
    for number in sorted(row["job"] for row in rows if row["status"] == "FINISHED"):
        result = json.loads((folder / str(number) / "result.json").read_text())
        sys.stdout.write(to_json(result) + "\n")
    sys.stdout.flush()


def job_rows(folder: Path) -> list[dict[str, Any]]:
    """Return a row for each job: regressions before classifications, the best first, failed ones last."""
    rows = [_row(path) for path in job_folders(folder)]
    return sorted(
        rows,
        key=lambda row: (row["status"] != "FINISHED", row["euclidean_mean_mm"] or 1e9, -(row["accuracy"] or 0)),
    )


def _row(job: Path) -> dict[str, Any]:
    asked = job / ".hydra" / "overrides.yaml"  # absent with hydra.output_subdir=null
    overrides = visible(" ".join(map(str, OmegaConf.load(asked)))) if asked.is_file() else ""
    row: dict[str, Any] = dict.fromkeys((*_COLUMNS, "tracking")) | {"job": int(job.name), "overrides": overrides}
    try:
        result = json.loads((job / "result.json").read_text()) if holds_result(job) else None
    except ValueError:  # cut off
        result = None
    if result is None:
        return row | {"status": "FAILED"}
    score = "euclidean_mean_mm" if "euclidean_mean_mm" in result["test"] else "accuracy"
    also = result.get("also")
    return row | {
        "status": "FINISHED",
        score: round(result["test"][score], 4),
        "baseline": round(result["baseline"][score], 4),
        "also": round(also["test"][score], 4) if also else None,
        "run_id": result["run_id"],
        "tracking": result["tracking"],
    }


def _without_common_overrides(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop the overrides that all jobs share, for the terminal."""
    each = [row["overrides"].split(" ") for row in rows]
    common = set(each[0]).intersection(*each) if len(rows) > 1 else set()
    return [
        row | {"overrides": " ".join(override for override in overrides if override not in common)}
        for row, overrides in zip(rows, each, strict=True)
    ]
