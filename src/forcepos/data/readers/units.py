"""The recordings, points and classes that a table's rows belong to, and the time between rows."""

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forcepos.data.readers.files import natural_sort_key
from forcepos.data.recordings import Float32, Float64, Int32
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 65_536
_SHOWN = 10


def sorted_labels(labels: Int32, names: Sequence[str]) -> tuple[Int32, tuple[str, ...]]:
    """Renumber labels in the order of their names: the numbers must not depend on the order of rows."""
    order = sorted(range(len(names)), key=lambda number: natural_sort_key(names[number]))
    rank = np.empty(len(names), np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return rank[labels], tuple(names[number] for number in order)


def order_by_recording(recording: Int32) -> NDArray[np.intp] | None:
    """Return an order of rows that makes those of each recording contiguous; None if they are."""
    starts = int(np.count_nonzero(recording[1:] != recording[:-1])) + 1
    if starts == int(recording.max()) + 1 and recording[0] == 0:
        return None
    log.warning("the rows of a recording are not contiguous in the table: they are put together")
    return np.argsort(recording, kind="stable")


def split_visits(recording: Int32, point: Int32, points: Sequence[str]) -> tuple[Int32, list[str]]:
    """Make each run of rows with the same point a recording; return numbers (rows,) and names."""
    begins = (np.diff(point, prepend=-1) != 0) | (np.diff(recording, prepend=-1) != 0)
    visits: Counter[int] = Counter()
    names = []
    for number in point[begins].tolist():
        visits[number] += 1
        names.append(points[number] + (f" visit {visits[number]}" if visits[number] > 1 else ""))
    return np.cumsum(begins, dtype=np.int32) - np.int32(1), names


def split_at_gaps(
    recording: Int32, names: Sequence[str], time_s: Float64, gap_s: float
) -> tuple[Int32, tuple[str, ...]]:
    """Begin a new recording after a gap in time or where time goes backwards; return numbers (rows,) and names."""
    step = np.diff(time_s)
    begins = np.append(True, (recording[1:] != recording[:-1]) | ~((step >= 0) & (step <= gap_s)))
    split = np.cumsum(begins, dtype=np.int32) - np.int32(1)
    whole = recording[np.flatnonzero(begins)]
    count = np.bincount(whole, minlength=len(names))
    place = np.arange(len(whole)) - np.searchsorted(whole, whole)
    return split, tuple(
        names[number] + (f" part {index + 1}" if count[number] > 1 else "")
        for number, index in zip(whole.tolist(), place.tolist(), strict=True)
    )


@np.errstate(over="ignore", invalid="ignore")  # of the differences of huge values, which make no rate
def median_step_s(recording: Int32, time_s: Float64, columns: str, every: int = 1) -> float:
    """Return the median step of time within a recording; `every`: take every so-many-th row.

    Raises:
        InputError: time does not advance.
    """
    steps = time_s[1::every] - time_s[:-1:every]
    steps = steps[recording[1::every] == recording[:-1:every]]
    step = float(np.median(steps)) if len(steps) else np.nan
    if not step > 0:
        raise InputError(f"time in {columns} does not advance: set data.rate_hz, or name another column")
    return step


def warn_where_time_goes_back(recording: Int32, names: Sequence[str], time_s: Float64) -> None:
    """Log one warning with all recordings where time goes backwards."""
    goes_back = (np.diff(time_s) < 0) & (recording[1:] == recording[:-1])
    back = np.bincount(recording[1:][goes_back], minlength=len(names))
    if back.any():
        where = [f"{back[number]} times in {names[number]}" for number in np.flatnonzero(back).tolist()]
        log.warning(
            "time goes backwards %s: set data.gap_s to begin a new recording there", name_some(where, _SHOWN)
        )


def points_in_grid(positions: Float32, grid_mm: float) -> Int32:
    """Return the number (rows,) of the grid cell of each position (rows, 3), in order of first appearance."""
    numbers: dict[int, int] = {}
    point = np.empty(len(positions), np.int32)
    for first in range(0, len(positions), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        cells = np.round(np.nan_to_num(positions[rows].astype(np.float64) / grid_mm, posinf=0, neginf=0))
        packed = (np.clip(cells, -(2**20), 2**20 - 1).astype(np.int64) + 2**20) @ np.array([1, 2**21, 2**42])
        found, begins, place = np.unique(packed, return_index=True, return_inverse=True)
        for cell in found[np.argsort(begins)].tolist():
            numbers.setdefault(cell, len(numbers))
        point[rows] = np.array([numbers[cell] for cell in found.tolist()], np.int32)[place]
    return point
