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


def drop_missing(rows: Rows, signals: bool) -> tuple[Int32, Int32]:
    """Put the rows of each recording together, without rows in which a value is missing or not finite.

    Missing signals and targets count only if `signals`, and with data.missing=drop; else they are refused later.

    Returns:
        (n,) rows before which rows of the same recording were dropped, and (n,) how many.

    Raises:
        InputError: no row is left.
    """
    missing, counts = np.zeros(rows.filled, bool), dict[str, int]()
    for name, lacking in _lacking(rows, signals and rows.config.missing == "drop"):
        missing |= lacking
        counts[name] = int(lacking.sum())
    shown = name_some([f"{count} in {name}" for name, count in counts.items() if count], _SHOWN)
    if missing.all():
        raise InputError(f"data.path={rows.config.path}: each of {len(missing)} rows lacks a value: {shown}")
    number = _filled(rows.recordings.numbers)
    order, names = np.arange(len(number)), rows.recordings.names
    if (number[1:] < number[:-1]).any():
        log.warning("the rows of a recording are not contiguous in the table: they are put together")
        order = np.argsort(number, kind="stable")
        number, missing = number[order], missing[order]
    rows.take(order[~missing])
    if signals and missing.any():
        _report(names, number, missing, shown)
    kept = np.flatnonzero(~missing)
    dropped = np.where(np.diff(number[kept]) == 0, np.diff(kept) - 1, 0)
    breaks = np.flatnonzero(dropped)
    return (breaks + 1).astype(np.int32), dropped[breaks].astype(np.int32)


def _lacking(rows: Rows, signals: bool) -> Iterator[tuple[str, Bools]]:
    """Yield, by the columns' names, which rows (rows,) lack a value there."""
    names, width = [column.name for column in rows.columns], rows.signals.shape[1]
    for place, words in rows.words.items():
        yield names[place], words.numbers < 0
    if len(rows.time_s):
        yield rows.config.time or "", ~np.isfinite(rows.time_s)
    for place in range(width + len(rows.config.targets or ())) if signals else ():
        column = rows.signals[:, place] if place < width else rows.positions[:, place - width]
        yield names[place], ~np.isfinite(column)


def _filled(number: Int32) -> Int32:
    """Take a row without a recording for one of the recording of the row before, or of the first one."""
    known = np.flatnonzero(number >= 0)
    if len(known) == len(number):
        return number
    before = np.searchsorted(known, np.arange(len(number)), side="right") - 1
    return np.asarray(number[known[np.maximum(before, 0)]])


def _report(names: list[str], number: Int32, missing: Bools, columns: str) -> None:
    dropped, left = (np.bincount(number[of], minlength=len(names)) for of in (missing, ~missing))
    most = [one for one in np.argsort(-dropped, kind="stable").tolist() if dropped[one]]
    gone = [names[one] for one in most if not left[one]]
    log.warning(
        "dropped %d of %d rows, which lack a value (%s): %s; no window crosses them%s",
        dropped.sum(), len(number), columns,
        name_some([f"{dropped[one]} of {names[one]}" for one in most], _SHOWN),
        f"; nothing is left of {name_some(gone, _SHOWN)}" if gone else "",
    )  # fmt: skip
