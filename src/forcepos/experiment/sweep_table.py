"""The table of a sweep's jobs, and what it shows: seeds as mean and spread, jobs that trained the same network."""

import hashlib
import json
import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from omegaconf import OmegaConf

from forcepos.config.mistakes import UNREADABLE
from forcepos.results.finished_runs import holds_result
from forcepos.results.scores import BASELINES, headline, in_words, with_interval
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import shortened, visible

log = logging.getLogger(__name__)
Row = dict[str, Any]
# `also`: the same measure on the harder split that evaluation.also names.
_COLUMNS = (
    "job", "overrides", "status", "euclidean_mean_mm", "accuracy", "baseline", "also", "run_id",
    "low", "high", "also_low", "also_high", "best_baseline", "seconds",
)  # fmt: skip
_SECOND, _BASELINE = "second\nsplit", "best\nbaseline"  # titles in two lines leave room at 80 columns
_MOST = 30  # rows of a description, and characters of a value that the sweep varies
_LIKE_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#|~$&])")


def job_folders(folder: Path) -> list[Path]:
    jobs = [path for path in folder.glob("*") if path.is_dir() and path.name.isdigit()]
    return sorted(jobs, key=lambda path: int(path.name))


def job_rows(folder: Path, keys: Sequence[str] = ()) -> list[Row]:
    """Return a row for each job: regressions before classifications, the best first, failed ones last.

    Beside the columns of the table, `result` holds the whole result of a finished job, and `score` the name of the
    score that it is compared by.
    """
    rows = [_row(job, keys) for job in job_folders(folder)]
    rows.sort(key=lambda row: (not row["result"], row["euclidean_mean_mm"] or 1e9, -(row["accuracy"] or 0)))
    return rows


def result_of(job: Path) -> dict[str, Any] | None:
    """Return the result of a finished job; one that cannot be read is reported, and counts as none."""
    file = job / "result.json"
    if not holds_result(job):
        return None
    try:
        result: dict[str, Any] = json.loads(file.read_text())
        float(result["test"][headline(result["test"])])
    except (OSError, ValueError, TypeError, LookupError) as error:
        log.warning("%s cannot be read, so that the job counts as failed: %r", short_path(file), error)
        return None
    return result


def _row(job: Path, keys: Sequence[str]) -> Row:
    try:
        overrides = [visible(str(each)) for each in OmegaConf.load(job / ".hydra" / "overrides.yaml")]
    except UNREADABLE:  # absent with hydra.output_subdir=null
        overrides = []
    given = {key.lstrip("+"): value for key, _, value in (each.partition("=") for each in overrides)}
    result = result_of(job)
    return {
        **dict.fromkeys((*_COLUMNS, "score")),
        **{f"sweep.{key}": given.get(key, "") for key in keys},
        **(_scores(result) if result else {"status": "FAILED"}),
        "job": int(job.name),
        "overrides": " ".join(overrides),
        "result": result,
    }


def _scores(result: dict[str, Any]) -> Row:
    score, also = headline(result["test"]), result.get("also") or {"test": {}}
    low, high = result.get("intervals", {}).get(score, (None, None))
    also_low, also_high = also.get("intervals", {}).get(score, (None, None))
    baselines = [result[name][score] for name in BASELINES if name in result]
    return {
        "status": "FINISHED", "score": score, "run_id": result["run_id"],
        score: result["test"][score], "low": low, "high": high,
        "also": also["test"].get(score), "also_low": also_low, "also_high": also_high,
        "baseline": baselines[0], "best_baseline": (min if score.endswith("_mm") else max)(baselines),
        "seconds": sum(result["seconds"].values()) if "seconds" in result else None,
    }  # fmt: skip


def write_csv(rows: Sequence[Row], keys: Sequence[str], table: Path) -> None:
    import pandas as pd  # noqa: PLC0415  # only the end of a multirun needs it

    jobs = pd.DataFrame(rows, columns=[*_COLUMNS, *(f"sweep.{key}" for key in keys)])
    jobs.to_csv(table, index=False, float_format=lambda cell: str(round(float(cell), 4)))  # type: ignore[arg-type]


def job_cells(rows: Sequence[Row], keys: Sequence[str]) -> list[dict[str, str]]:
    """Return what people see of each job, by the titles of the columns."""
    title = _title(rows)
    cells = [
        {"job": str(row["job"]), **_varied(row, keys), "status": "" if row["result"] else "failed"}
        | {title: with_interval(row.get(row["score"]), (row["low"], row["high"]))}
        | {_SECOND: with_interval(row["also"]), _BASELINE: with_interval(row["best_baseline"])}
        for row in rows
    ]
    return _filled(cells)


def seed_cells(rows: Sequence[Row], keys: Sequence[str]) -> list[dict[str, str]]:
    """Return mean and standard deviation of jobs that differ in their seed only; nothing if no two of them do."""
    groups = defaultdict[str, list[Row]](list)
    for row in (row for row in rows if row["result"]):
        groups[re.sub(r"(?<![\w.])seed=\S+", "", row["overrides"])].append(row)
    title, others = _title(rows), [key for key in keys if key != "seed"]
    cells = [
        {**_varied(group[0], others), "seeds": str(len(group))}
        | {title: _spread([row[row["score"]] for row in group]), _SECOND: _spread([row["also"] for row in group])}
        for group in groups.values()
    ]
    return _filled(cells) if len(groups) < sum(map(len, groups.values())) else []


def _varied(row: Row, keys: Sequence[str]) -> dict[str, str]:
    return {key: shortened(row[f"sweep.{key}"], _MOST) for key in keys}


def _filled(cells: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: row[name] for name in row if any(each[name] for each in cells)} for row in cells]


def _title(rows: Sequence[Row]) -> str:
    scores = {row["score"] for row in rows if row["score"]}
    return "\nor ".join(map(in_words, sorted(scores, reverse=True))) or "score"  # as the rows: errors first


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{mean(known):.3g} ± {stdev(known):.2g}" if len(known) > 1 else "".join(map(with_interval, known))


def same_networks(rows: Sequence[Row]) -> list[str]:
    """Name jobs that trained the same network, since what they differ in has no effect."""
    groups = defaultdict[str, list[int]](list)
    for row in sorted((row for row in rows if row["result"]), key=lambda row: int(row["job"])):
        predictions = Path(row["result"]["outputs"], "predictions.parquet")  # absent from earlier versions' runs
        digest = (
            hashlib.sha256(predictions.read_bytes()).hexdigest() if predictions.is_file() else str(predictions)
        )
        groups[digest].append(row["job"])
    same = [(", ".join(map(str, others)), last) for *others, last in groups.values() if others]
    return [f"jobs {others} and {last} trained the same network" for others, last in same]


def markdown(cells: Sequence[dict[str, str]]) -> str:
    """Return a table in Markdown of the first rows, and how many others there are."""
    rows = [list(cells[0]), *(list(row.values()) for row in cells[:_MOST])] if cells else []
    texts = ((_LIKE_MARKDOWN.sub(r"\\\1", cell).replace("\n", " ") for cell in row) for row in rows)
    lines = [f"| {' | '.join(row)} |" for row in texts]
    more = [f"\n… and {len(cells) - _MOST} more in sweep.csv"] if len(cells) > _MOST else []
    return "\n".join([*lines[:1], "|---" * len(cells[0]) + "|", *lines[1:], *more]) if cells else ""
