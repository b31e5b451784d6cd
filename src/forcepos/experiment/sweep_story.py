"""What a sweep shows when it ends: tables, a picture of all jobs, their comparison, the best scores."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from forcepos.experiment.sweep_table import Row, job_cells, markdown, same_networks, seed_cells
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import short_path
from forcepos.tracking.description import SweepStory

log = logging.getLogger(__name__)


def show_jobs(rows: Sequence[Row], keys: Sequence[str], table: Path) -> None:
    """Show jobs and seeds on the terminal, and which jobs are the same."""
    from forcepos.results.terminal import show_table  # noqa: PLC0415  # only the end of a multirun needs it

    log.info("table of the jobs: %s", short_path(table))
    for line in same_networks(rows):
        log.info("%s", line)
    tables = {"Jobs by test score": job_cells(rows, keys), "Mean and spread over seeds": seed_cells(rows, keys)}
    for title, cells in tables.items():
        if cells:
            show_table(title, tuple(cells[0]), cells)


def sweep_story(rows: Sequence[Row], keys: Sequence[str], command: str, files: Sequence[Path]) -> SweepStory:
    """Describe the jobs in Markdown, with the metrics of the best regression and the best classification."""
    from forcepos.results.scores import key_metrics  # noqa: PLC0415  # MLflow takes seconds

    finished = [row for row in rows if row["result"]]
    best = {row["score"]: row["result"] for row in reversed(finished)}  # of each kind the first, the best
    groups = [(score, *of) for score in best for of in key_metrics({"coverage": None} | best[score]).items()]
    metrics = {f"{group}/{score}": values[score] for score, group, values in groups if score in values}
    parts = [
        f"{len(finished)} of {len(rows)} jobs finished",
        markdown(job_cells(rows, keys)),
        markdown(seed_cells(rows, keys)),
        *same_networks(rows),
        f"    {command}",
    ]
    return SweepStory(metrics, "\n\n".join(filter(None, parts)), files, len(finished))


def draw_jobs(rows: Sequence[Row], keys: Sequence[str], folder: Path) -> list[Path]:
    """Draw the finished jobs into `folder`, compare them on a page there, and return the files.

    What cannot be drawn or compared is reported, and the sweep ends without it.
    """
    finished = [
        row | {"name": " ".join([f"job {row['job']} ", *(f"{key}={row[f'sweep.{key}']}" for key in keys)])}
        for row in rows
        if row["result"]
    ]
    files, alike = list[Path](), _tested_alike(finished, keys)
    pages = ["comparison.html"] if len(alike) == 1 else [f"comparison_{n}.html" for n in range(1, len(alike) + 1)]
    comparisons = [partial(_compare, jobs, folder / page) for jobs, page in zip(alike, pages, strict=True)]
    for make in [partial(_draw, finished, folder), *comparisons] if len(finished) > 1 else ():
        try:
            files += make()
        except Exception as error:  # noqa: BLE001  # the jobs are done, and their table is written
            what = make.func.__name__.strip("_")
            level = logging.INFO if isinstance(error, InputError) else logging.WARNING
            log.log(level, "cannot %s the jobs: %s", what, str(error) or type(error).__name__)
    return files


def _tested_alike(rows: Sequence[Row], keys: Sequence[str]) -> list[list[Row]]:
    """Group jobs that may have been tested on the same rows; those that are alone are left out."""
    tested = [key for key in keys if key.partition(".")[0] in {"data", "split", "seed"} and key != "data.features"]
    groups = defaultdict[tuple[str, ...], list[Row]](list)
    for row in rows:
        groups[(row["score"], *(row[f"sweep.{key}"] for key in tested))].append(row)
    return [group for group in groups.values() if len(group) > 1]


def _draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    from forcepos.results.comparison import job_scores  # noqa: PLC0415  # matplotlib takes a second
    from forcepos.results.figures.style import drawing  # noqa: PLC0415  # likewise

    files = [folder / "jobs.svg", folder / "jobs.png"]
    with drawing():
        figure = job_scores(rows)
        for file in files:
            figure.savefig(file)
    return files


def _compare(rows: Sequence[Row], page: Path) -> list[Path]:
    from forcepos.results.comparison import write_comparison  # noqa: PLC0415  # likewise

    write_comparison([Path(row["result"]["outputs"]) for row in rows], page)
    log.info("jobs %s compared: %s", ", ".join(str(row["job"]) for row in rows), short_path(page))
    return [page]
