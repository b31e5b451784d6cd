"""The command line of `python -m forcepos compare`."""

import logging
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forcepos.config.mistakes import command_parser
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import to_json
from forcepos.runtime.log_lines import StandardErrorHandler, print_result
from forcepos.runtime.wording import visible

_HELP = """\
forcepos compare: which of several finished runs is better, and which differences are real: a paired bootstrap over
the recordings that all of them were tested on. What differs in config and the learning curves stand beside it.

python -m forcepos compare outputs/runs/A outputs/runs/B     the folders of two runs
python -m forcepos compare outputs/sweeps/S                  a sweep: its finished jobs
python -m forcepos compare 4f0c… 93ab…                       ids in MLflow of runs or sweeps, which lie below here
"""

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parser = command_parser("compare", _HELP)
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUN", help="a run's folder, a sweep's folder, or the id of one in MLflow")
    page = Path("outputs/comparisons") / time.strftime("%Y-%m-%d_%H-%M-%S") / "comparison.html"
    add("--output", type=Path, metavar="FILE", default=page, help="the page; by default in outputs/comparisons/")
    add("--json", action="store_true", help="print the table as JSON on a terminal, too, as in a pipe")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, handlers=[StandardErrorHandler()])
    folders = [folder for run in options.runs for folder in _folders(run)]
    # Pandas and Matplotlib take a second, which a mistyped name need not wait for.
    from forcepos.results.comparison import shown, write_comparison  # noqa: PLC0415
    from forcepos.results.terminal import show_table  # noqa: PLC0415

    table = write_comparison(folders, options.output)
    print_result(to_json({"page": str(options.output), "runs": table.to_dict("records")}), options.json)
    for split, rows in table.groupby("split", sort=False):
        cells: list[dict[Any, Any]] = shown(rows).to_dict("records")
        show_table(visible(f"{rows['measure'].iloc[0]} on the test subset of split={split}"), cells)
        sys.stderr.write(textwrap.fill(visible(rows["note"].iloc[0]), 80) + "\n")
    sys.stderr.write(f"comparison: {visible(str(options.output))}\n")


def _folders(run: str) -> list[Path]:
    """Return the folders of a run, or of a sweep's finished jobs, named by folder or id."""
    from forcepos.experiment.sweep_table import job_folders  # noqa: PLC0415  # Hydra takes half a second
    from forcepos.results.finished_runs import find_by_id, holds_result  # noqa: PLC0415  # likewise

    folder = Path(run)
    if not folder.is_dir():
        folder = find_by_id(run) or folder
    if not folder.is_dir():
        raise InputError(f"{run} is neither a folder nor the id of a run or sweep below {Path.cwd()}")
    jobs = job_folders(folder)
    finished = [job for job in jobs if holds_result(job)]
    if others := len(jobs) - len(finished):
        log.warning("%s: %d of its %d jobs are not finished and left out", run, others, len(jobs))
    return finished or [folder]
