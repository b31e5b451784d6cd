"""The table of a sweep's jobs, and what a sweep shows of it when it ends: tables, pictures, the best scores."""

import hashlib
import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from omegaconf import OmegaConf

from forcepos.config.mistakes import UNREADABLE
from forcepos.results.finished_runs import PREDICTIONS, holds_result
from forcepos.results.scores import best_baseline, headline, in_words, key_metrics, with_interval
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import markdown_table, shortened, visible
from forcepos.tracking.description import SweepStory

log = logging.getLogger(__name__)
Row = dict[str, Any]
# `also`: the same measure on the harder split that evaluation.also names.
_COLUMNS = (
    "job", "overrides", "status", "euclidean_mean_mm", "accuracy", "baseline", "also", "run_id",
    "low", "high", "also_low", "also_high", "best_baseline", "seconds",
)  # fmt: skip
_SECOND, _BASELINE = "second\nsplit", "best\nbaseline"  # titles in two lines leave room at 80 columns
_MOST = 30  # rows of a description, and characters of a value that the sweep varies
_LIKE_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#~$&])")


def job_folders(folder: Path) -> list[Path]:
    jobs = [path for path in folder.glob("*") if path.is_dir() and path.name.isdigit()]
    return sorted(jobs, key=lambda path: int(path.name))


def job_rows(folder: Path, keys: Sequence[str] = ()) -> list[Row]:
    """Return a row for each job, with its whole `result`: regressions before classifications, the best first."""
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
    row, result = dict.fromkeys((*_COLUMNS, "score")), result_of(job)
    row |= {f"sweep.{key}": given.get(key, "") for key in keys}
    row["name"] = " ".join([f"job {job.name} ", *(f"{key}={given.get(key, '')}" for key in keys)])
    row |= {"job": int(job.name), "overrides": " ".join(overrides), "result": result}
    return row | (_scores(result) if result else {"status": "FAILED"})


def _scores(result: dict[str, Any]) -> Row:
    score, also = headline(result["test"]), result.get("also") or {"test": {}}
    low, high = result.get("intervals", {}).get(score, (None, None))
    also_low, also_high = also.get("intervals", {}).get(score, (None, None))
    return {
        "status": "FINISHED", "score": score, "run_id": result["run_id"],
        score: result["test"][score], "low": low, "high": high,
        "also": also["test"].get(score), "also_low": also_low, "also_high": also_high,
        "baseline": result["baseline"][score], "best_baseline": result[best_baseline(result)][score],
        "seconds": sum(result["seconds"].values()) if "seconds" in result else None,
    }  # fmt: skip


def write_csv(rows: Sequence[Row], keys: Sequence[str], table: Path) -> None:
    import pandas as pd  # noqa: PLC0415  # only the end of a multirun needs it

    jobs = pd.DataFrame(rows, columns=[*_COLUMNS, *(f"sweep.{key}" for key in keys)])
    jobs.to_csv(table, index=False, float_format=lambda cell: str(round(float(cell), 4)))  # type: ignore[arg-type]


def job_cells(rows: Sequence[Row], keys: Sequence[str]) -> list[dict[str, str]]:
    """Return what people see of each job, by the titles of the columns."""
    title = _title(rows)
    return _filled(
        {"job": str(row["job"]), **_varied(row, keys), "status": "" if row["result"] else "failed"}
        | {title: with_interval(row.get(row["score"]), (row["low"], row["high"]))}
        | {_SECOND: with_interval(row["also"]), _BASELINE: with_interval(row["best_baseline"])}
        for row in rows
    )


def seed_cells(rows: Sequence[Row], keys: Sequence[str]) -> list[dict[str, str]]:
    """Return mean and standard deviation of jobs that differ in their seed only; nothing if no two of them do."""
    groups = defaultdict[str, list[Row]](list)
    for row in filter(itemgetter("result"), rows):
        groups[re.sub(r"(?<![\w.])seed=\S+", "", row["overrides"])].append(row)
    title, others = _title(rows), [key for key in keys if key != "seed"]
    cells = _filled(
        {**_varied(group[0], others), "seeds": str(len(group))}
        | {title: _spread(row[row["score"]] for row in group), _SECOND: _spread(row["also"] for row in group)}
        for group in groups.values()
    )
    return cells if len(groups) < sum(map(len, groups.values())) else []


def _varied(row: Row, keys: Sequence[str]) -> dict[str, str]:
    return {key: shortened(row[f"sweep.{key}"], _MOST) for key in keys}


def _filled(cells: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    rows = list(cells)
    return [{name: row[name] for name in row if any(each[name] for each in rows)} for row in rows]


def _title(rows: Sequence[Row]) -> str:
    scores = {row["score"] for row in rows if row["score"]}
    return "\nor ".join(map(in_words, sorted(scores, reverse=True))) or "score"  # as the rows: errors first


def _spread(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{mean(known):.3g} ± {stdev(known):.2g}" if len(known) > 1 else "".join(map(with_interval, known))


def same_networks(rows: Sequence[Row]) -> list[str]:
    """Name jobs that trained the same network, since what they differ in has no effect."""
    groups = defaultdict[str, list[int]](list)
    for row in sorted(filter(itemgetter("result"), rows), key=itemgetter("job")):
        file = Path(row["result"]["outputs"], PREDICTIONS)  # absent from earlier versions' runs
        digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else str(file)
        groups[digest].append(row["job"])
    same = [(", ".join(map(str, others)), last) for *others, last in groups.values() if others]
    return [f"jobs {others} and {last} trained the same network" for others, last in same]


def markdown(cells: Sequence[dict[str, str]]) -> str:
    """Return a table in Markdown of the first rows, and how many others there are."""
    if not cells:
        return ""
    rows = [list(cells[0]), *(list(row.values()) for row in cells[:_MOST])]
    more = f"\n\n… and {len(cells) - _MOST} more in sweep.csv" if len(cells) > _MOST else ""
    texts = [[_LIKE_MARKDOWN.sub(r"\\\1", cell).replace("\n", " ") for cell in row] for row in rows]
    return markdown_table(texts) + more


def show_jobs(rows: Sequence[Row], keys: Sequence[str], table: Path) -> None:
    """Show jobs and seeds on the terminal, and which jobs are the same."""
    from forcepos.results.terminal import show_table  # noqa: PLC0415  # only the end of a multirun needs it

    log.info("table of the jobs: %s", short_path(table))
    for line in same_networks(rows):
        log.info("%s", line)
    tables = {"Jobs by test score": job_cells(rows, keys), "Mean and spread over seeds": seed_cells(rows, keys)}
    for title, cells in tables.items():
        if cells:
            show_table(title, cells)


def sweep_story(rows: Sequence[Row], keys: Sequence[str], command: str, files: Sequence[Path]) -> SweepStory:
    """Describe the jobs in Markdown, with the metrics of the best regression and the best classification."""
    finished = [row for row in rows if row["result"]]
    best = {row["score"]: row["result"] for row in reversed(finished)}  # of each kind the first, the best
    groups = [(score, *of) for score in best for of in key_metrics({"coverage": None} | best[score]).items()]
    metrics = {f"{group}/{score}": values[score] for score, group, values in groups if score in values}
    parts = [f"{len(finished)} of {len(rows)} jobs finished", markdown(job_cells(rows, keys))]
    parts += [markdown(seed_cells(rows, keys)), *same_networks(rows), f"    {command}"]
    return SweepStory(metrics, "\n\n".join(filter(None, parts)), files, len(finished))


def draw_jobs(rows: Sequence[Row], keys: Sequence[str], folder: Path) -> list[Path]:
    """Draw and compare the finished jobs in `folder`, as far as possible, and return the files."""
    from forcepos.results import comparison  # noqa: PLC0415  # matplotlib takes a second

    finished = [row for row in rows if row["result"]]
    if len(finished) < 2:
        return []
    draw = partial(comparison.save_job_scores, finished)
    files = _written("draw", None, draw, folder / "jobs.svg", folder / "jobs.png")
    if ladders := _ladders(rows, keys):
        order = partial(comparison.write_ladders, ladders)
        files += _written("order", "from split to split", order, folder / "ladder.html")
    alike = _tested_alike(finished, keys)
    for number, jobs in enumerate(alike, 1):
        page = folder / ("comparison.html" if len(alike) == 1 else f"comparison_{number}.html")
        done = f"jobs {', '.join(str(row['job']) for row in jobs)} compared"
        compare = partial(comparison.write_comparison, [Path(row["result"]["outputs"]) for row in jobs])
        files += _written("compare", done, compare, page)
    return files


def _written(what: str, done: str | None, write: Callable[..., object], *files: Path) -> list[Path]:
    """Write files and return them; none, with a log line, where that is impossible."""
    try:
        write(*files)
    except Exception as error:  # noqa: BLE001  # the jobs are done, and their table is written
        level = logging.INFO if isinstance(error, InputError) else logging.WARNING
        log.log(level, "cannot %s the jobs: %s", what, str(error) or type(error).__name__)
        return []
    if done:
        log.info("%s: %s", done, short_path(files[0]))
    return [*files]


def _tested_alike(rows: Sequence[Row], keys: Sequence[str]) -> list[list[Row]]:
    """Group jobs that may have been tested on the same rows; those that are alone are left out."""
    tested = [key for key in keys if key.partition(".")[0] in {"data", "split", "seed"} and key != "data.features"]
    groups = defaultdict[tuple[str, ...], list[Row]](list)
    for row in rows:
        groups[(row["score"], *(row[f"sweep.{key}"] for key in tested))].append(row)
    return [group for group in groups.values() if len(group) > 1]


def _ladders(rows: Sequence[Row], keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the results of jobs that differ in their split only, by split, where several have one."""
    ladders, others = defaultdict[str, dict[str, Any]](dict), [key for key in keys if key != "split"]
    for row in rows if "split" in keys else ():
        heading = " ".join(f"{key}={row[f'sweep.{key}']}" for key in others) or "The same network on each split"
        ladders[heading][row["sweep.split"]] = row["result"]
    return {heading: of for heading, of in ladders.items() if sum(map(bool, of.values())) > 1}
