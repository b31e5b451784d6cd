"""Drops rows with missing values, and puts the rows of each recording together."""

import logging
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from forcepos.data.readers.rows import Rows
from forcepos.data.recordings import Int32
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
_SHOWN = 10
Bools = NDArray[np.bool_]


def drop_missing(rows: Rows, signals: bool = True) -> tuple[Int32, Int32]:
    """Drop rows in which a value is missing or not finite, with one warning; put the rows of recordings together.

    Without `data.missing=drop`, there are none but those with missing signals or targets, which are refused later.

    Args:
        signals: False to keep rows with missing signals or targets, without a warning.

    Returns:
        (n,) rows before which rows of the same recording were dropped, and (n,) how many.

    Raises:
        InputError: no row is left; says how many values are missing in which column.
    """
    missing, counts = np.zeros(rows.filled, bool), dict[str, int]()
    for name, lacking in _lacking(rows, signals):
        missing |= lacking
        counts[name] = int(lacking.sum())
    if missing.all():
        raise InputError(f"data.path={rows.config.path}: a value is missing in every row: {_columns(counts)}")
    number = _known(rows.recordings.numbers)
    starts = int(np.count_nonzero(number[1:] != number[:-1])) + 1
    if starts > int(number.max()) + 1 or number[0] != 0:
        log.warning("the rows of a recording are not contiguous in the table: they are put together")
        order = np.argsort(number, kind="stable")
    elif missing.any():
        order = np.arange(len(number))
    else:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    missing, number = missing[order], number[order]
    rows.take(order[~missing])
    if signals and missing.any():
        _report(rows, counts, number, missing)
    if missing.any():
        for words in rows.all_words:
            words.only_used()
    return _breaks(number, missing)


def _lacking(rows: Rows, signals: bool) -> Iterator[tuple[str, Bools]]:
    """Yield, by columns' names, which rows lack a value there, (rows,)."""
    names = [column.name for column in rows.columns]
    for place, words in rows.words.items():
        yield names[place], words.numbers < 0
    if len(rows.time_s):
        yield rows.config.time or "", ~np.isfinite(rows.time_s)
    if signals and rows.config.missing == "drop":
        width = rows.signals.shape[1]
        for place in range(width):
            yield names[place], ~np.isfinite(rows.signals[:, place])
        for axis in range(len(rows.config.targets or ())):
            yield names[width + axis], ~np.isfinite(rows.positions[:, axis])


def _known(number: Int32) -> Int32:
    """Return the numbers (rows,) of recordings, where they are missing that of the row before, or of the first."""
    known = np.flatnonzero(number >= 0)
    if len(known) == len(number):
        return number
    before = np.searchsorted(known, np.arange(len(number)), side="right") - 1
    return np.asarray(number[known[np.maximum(before, 0)]])


def _report(rows: Rows, counts: dict[str, int], number: Int32, missing: Bools) -> None:
    """Log how many rows were dropped, and where; numbers and rows are those before."""
    names = rows.recordings.names
    dropped = np.bincount(number[missing], minlength=len(names))
    left = np.bincount(number[~missing], minlength=len(names))
    where = [f"{dropped[one]} in {names[one]}" for one in np.argsort(-dropped, kind="stable") if dropped[one]]
    gone = [names[one] for one in np.flatnonzero((left == 0) & (dropped > 0))]
    log.warning(
        "dropped %d of %d rows, in which a value is missing or not finite (%s); by recording: %s; "
        "no window crosses them%s",
        dropped.sum(), len(missing), _columns(counts), name_some(where, _SHOWN),
        f"; nothing is left of {name_some(gone, _SHOWN)}" if gone else "",
    )  # fmt: skip


def _columns(counts: dict[str, int]) -> str:
    return name_some([f"{count} in {name}" for name, count in counts.items() if count], _SHOWN)


def _breaks(number: Int32, missing: Bools) -> tuple[Int32, Int32]:
    """Return the rows before which rows of the same recording were dropped, counted without them, and how many."""
    kept = np.flatnonzero(~missing)
    dropped = np.diff(kept) - 1
    same = number[kept[1:]] == number[kept[:-1]]
    breaks = np.flatnonzero((dropped > 0) & same)
    return (breaks + 1).astype(np.int32), dropped[breaks].astype(np.int32)
