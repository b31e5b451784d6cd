"""The table of a sweep's jobs: in sweep.csv and on the terminal."""

import json
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from forcepos.results.finished_runs import holds_result
from forcepos.runtime.wording import visible

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
