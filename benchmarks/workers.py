"""A search with one process and with two workers, in turn: the whole command, and the trials alone."""

from __future__ import annotations

import os
import re
import resource
import sys
from datetime import datetime

import numpy as np

from benchmarks.commands import timed
from benchmarks.table import Table
from benchmarks.turns import spread

_TRIALS = 8
_SEARCH = (
    "model=ffnn_regression",
    "tuner=random",
    f"tuner.max_trials={_TRIALS}",
    "data.rows=414",  # 100 188 rows
    "training.epochs=3",
    "training.final_epochs=1",
    "evaluation.also=null",
    "evaluation.baselines=false",
    "evaluation.figures=false",
)
_COUNTS = (1, 2)


def workers(rounds: int) -> list[Table]:
    """Seconds of the command, and of its search until the last trial; pairs are half the rounds.

    Two processes can gain no more than the cores that one leaves idle: the limit is all cores by those busy.
    """
    pairs = max(3, rounds // 2)
    taken: dict[int, list[tuple[float, float, float]]] = {count: [] for count in _COUNTS}
    for number in range(pairs):
        for count in _COUNTS if number % 2 == 0 else reversed(_COUNTS):
            taken[count].append(_seconds(count))
            print(f"{count}: {taken[count][-1][0]:.0f} s, of that {taken[count][-1][1]:.0f}", file=sys.stderr)
    table = Table(
        f"A search of {_TRIALS} trials, {pairs} pairs in turn: python -m forcepos {' '.join(_SEARCH)}",
        (
            "tuner.workers",
            "the command, s",
            "its search, s",
            "cores busy",
            "times the speed of one: command",
            "search",
            "times the limit",
        ),
    )
    one = np.array(taken[1])
    limit = len(os.sched_getaffinity(0)) / one[:, 2].mean()
    for count in _COUNTS:
        seconds = np.array(taken[count])
        ratios = one / seconds
        table.add(
            str(count),
            *(spread(seconds[:, part], 0) for part in (0, 1)),
            spread(seconds[:, 2]),
            *(spread(ratios[:, part]) for part in (0, 1)),
            f"{np.median(ratios[:, 1]) / limit:.2f} of {limit:.2f}" if count > 1 else "",
        )
    return [table]


def _seconds(count: int) -> tuple[float, float, float]:
    """Return seconds of the command and of its search, and how many cores it kept busy."""
    before = _computed_s()
    seconds, done = timed([f"tuner.workers={count}", *_SEARCH])
    ends = re.findall(r"^(\d\d:\d\d:\d\d) trial \d+: val_", done.stderr, re.MULTILINE)
    starts = re.findall(r"^(\d\d:\d\d:\d\d) searching on", done.stderr, re.MULTILINE)
    if len(ends) != _TRIALS:
        raise RuntimeError(done.stderr[-2000:])
    first, last = (datetime.strptime(moment, "%H:%M:%S") for moment in (starts[0], ends[-1]))  # noqa: DTZ007
    return seconds, (last - first).total_seconds() % 86400, (_computed_s() - before) / seconds


def _computed_s() -> float:
    """Return the seconds of a core that all ended child processes, and theirs, have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
