"""A loop of 1 kHz in real time on one core, with numpy and onnxruntime only: `live_loop.py MINUTES FOLDERS`.

Has real-time priority where that is allowed, as control loops have. Prints a JSON object: whether it had, and of
`loops`, the empty one first, quantiles of the time from the beginning of a millisecond to the answer, how many
milliseconds were missed, and how much the process has grown since the first thousand.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, sys.argv[2])
from estimator import Estimator  # type: ignore[import-not-found]  # the exported copy

_STEP_NS = 1_000_000
_WARM = 1000  # milliseconds
_PRIORITY = 50  # of 99: the controller manager of ros2_control has it


def _resident_kb() -> float:
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmRSS:")[1].split()[0])


def _real_time() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except PermissionError:
        return False
    return True


def main() -> None:
    """Run the loop and print what it took."""
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    real_time = _real_time()
    estimators = [Estimator(folder, tared=True) for folder in sys.argv[2:]]
    mean, step = np.array(estimators[0].facts["far"]["mean"]), 1 / estimators[0].facts["rate_hz"]
    rows = mean + np.random.default_rng(1).normal(size=(1000, len(mean))) * 0.01
    count = int(float(sys.argv[1]) * 60_000) + _WARM
    taken = np.full((count, len(estimators) + 1), -1.0)  # filled: memory that is there from the beginning
    grown = 0.0
    gc.disable()  # as control loops do: an estimator leaves no cycles behind
    due = time.perf_counter_ns()
    for number in range(count):
        due += _STEP_NS
        if (now := time.perf_counter_ns()) > due + _STEP_NS:
            due = now  # a loop that was late goes on from there
        time.sleep(max(0, due - now) / 1e9)
        before = time.perf_counter_ns()
        taken[number, 0] = late = before - due
        for turn in range(len(estimators)):  # each in turn comes first, with what the core has forgotten meanwhile
            place = (number + turn) % len(estimators)
            estimators[place](rows[number % len(rows)], number * step)  # at the rate of training
            now = time.perf_counter_ns()
            taken[number, place + 1], before = late + now - before, now
        if number == _WARM:
            grown = _resident_kb()
    grown, counted = _resident_kb() - grown, taken[_WARM:] / 1000
    found = []
    for each in counted.T:
        missed = int((each > 1000).sum())
        found.append(
            {"us": np.percentile(each, [50, 99, 99.9, 99.99]).tolist(), "missed": missed, "grown_kb": grown}
        )
    print(json.dumps({"real_time": real_time, "loops": found}))


if __name__ == "__main__":
    main()
