"""How long each way of searching takes until it is as good as the notebook's way, with the same compiled steps.

The notebook's way: 5 random trials with all epochs, then the best trained from scratch, with all epochs again. The
others search for as long as that search took, or for a quarter of it, and stop their final training as a run does.
Finished runs are kept in outputs/bench-quality: it may be stopped and resumed.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.quality.picture import draw
from benchmarks.quality.results import Floats, Run, Runs, finished_runs, median, moments, targets
from benchmarks.quality.ways import NOTEBOOK, SHARES, TPE, Study, studies
from benchmarks.table import Table

_KEPT = Path("outputs/bench-quality")


def quality(
    rounds: int,  # noqa: ARG001  # seeds repeat
    quick: bool = False, data: Path | None = None, seeds: int | None = None,
) -> list[Table]:  # fmt: skip
    """Run what is missing; return the tables of each set, and draw its curves into outputs/bench-quality."""
    tables = list[Table]()
    for study in list(studies(_KEPT, quick, data, seeds)):  # a wrong folder is found before an hour's work
        _run(study)
        runs = finished_runs(study)
        draw(runs, study.kept / f"quality_{study.name}.png")
        tables += _tables(study, runs)
    return tables


def _run(study: Study) -> None:
    """Run what is missing in a process for each seed, which takes its memory with it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # of the processes
    for seed in study.seeds:
        if ways := study.missing(seed):
            began = time.monotonic()
            process = multiprocessing.get_context("spawn").Process(target=_run_seed, args=(study, seed, ways))
            process.start()
            process.join()
            if process.exitcode:
                sys.exit(f"{study.name}, seed {seed} ended with exit code {process.exitcode}")
            print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _run_seed(study: Study, seed: int, ways: list[str]) -> None:
    from forcepos.runtime.log_lines import quiet_import  # noqa: PLC0415

    with quiet_import():
        from benchmarks.quality.runs import run_missing  # noqa: PLC0415  # only this process needs TensorFlow
    run_missing(study, seed, ways)


def _tables(study: Study, runs: Runs) -> Iterator[Table]:
    title = f"{study.name}, medians over {len(study.seeds)} seeds and their 95 % intervals"
    yield _time_to_quality(title, runs)
    yield _search_alone(title, runs)
    yield _equal_budget(title, runs)
    yield _steps(title, runs)


_MOMENT = ("reached", "s until then", "times the notebook's first moment: s", "steps")


def _time_to_quality(title: str, runs: Runs) -> Table:
    table = Table(
        f"Time until the validation error of the notebook's final model, final training included; {title}",
        ("way", "search, of the notebook's seconds", *_MOMENT, "times the notebook's whole way: s"),
    )
    wanted = targets(runs, 1.0)
    first = moments(runs[NOTEBOOK], wanted, 1.0)
    whole_s = np.array([run.whole(1.0).seconds[-1] for run in runs[NOTEBOOK]])
    for way, of_way in runs.items():
        for share in (1.0,) if way == NOTEBOOK else SHARES:
            taken = moments(of_way, wanted, share)
            table.add(way, f"{share:g}", *_cells(taken, first), _text(taken[:, 0] / whole_s))
    return table


def _search_alone(title: str, runs: Runs) -> Table:
    table = Table(
        f"The search alone: time until the best validation error of the notebook's five trials; {title}",
        ("way", *_MOMENT),
    )
    wanted = targets(runs, None)
    first = moments(runs[NOTEBOOK], wanted, None)
    for way, of_way in runs.items():
        table.add(way, *_cells(moments(of_way, wanted, None), first))
    return table


def _cells(taken: Floats, first: Floats) -> list[str]:
    reached = int(np.isfinite(taken[:, 0]).sum())
    ratios = taken / first
    return [f"{reached} of {len(taken)}", _text(taken[:, 0], 3), _text(ratios[:, 0]), _text(ratios[:, 1])]


def _equal_budget(title: str, runs: Runs) -> Table:
    table = Table(
        f"After searches of equal seconds, each with its final training; {title}",
        ("way", "best validation error of the search, mm", f"times that of {TPE}",
         "validation error of the final model, mm", "test error, mm", f"times that of {TPE}", "s in all"),
    )  # fmt: skip
    for way, of_way in runs.items():
        found, others = (_errors(each) for each in (of_way, runs[TPE]))
        seconds = np.array([run.whole(1.0).seconds[-1] for run in of_way])
        best, validation, test = (_text(errors, 3) for errors in found.T)
        search_ratio, _, test_ratio = (_text(ratios) for ratios in (found / others).T)
        table.add(way, best, search_ratio, validation, test, test_ratio, _text(seconds, 3))
    return table


def _errors(runs: list[Run]) -> Floats:
    """Return (seeds, 3): best validation error of the search, final validation error, mean test error in mm."""
    return np.array([(run.search.best[-1], run.validation(1.0), run.test_mm(1.0)) for run in runs])


def _steps(title: str, runs: Runs) -> Table:
    table = Table(
        f"Steps of the searches of equal seconds, sums over seeds; {title.partition(',')[0]}",
        ("way", "networks trained for all epochs", "with fewer", "steps trained", "steps saved", "share saved, %"),
    )
    for way, of_way in runs.items():
        whole, short = np.sum([run.networks() for run in of_way], axis=0)
        trained = sum(int(run.search.steps[-1]) for run in of_way)
        saved = sum(run.steps_saved() for run in of_way)
        share = f"{100 * saved / (trained + saved):.0f}"
        table.add(way, str(whole), str(short), f"{trained:,}", f"{saved:,}", share)
    return table


def _text(values: Floats, digits: int = 2) -> str:
    """Return the median and its interval; what was not reached is "never"."""
    middle, low, high = (_number(value, digits) for value in median(values))
    return f"{middle} [{low}, {high}]"


def _number(value: float, digits: int) -> str:
    return f"{float(f'{value:.{digits}g}'):g}" if np.isfinite(value) else "never"
