"""Drops recordings that are shorter than one window."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
_SHOWN = 5


def longest_runs(recordings: Recordings) -> Int32:
    """Return the rows (recordings,) of each recording's longest run, in which windows can lie."""
    first, end = recordings.runs.T
    return np.asarray(np.maximum.reduceat(end - first, np.searchsorted(first, recordings.bounds[:, 0])))


def drop_short(recordings: Recordings, window: int) -> Recordings:
    """Drop recordings without a full window, moving the others together in the same arrays; log one warning.

    Raises:
        InputError: no recording is long enough, or all remaining rows are of one class.
    """
    lengths = longest_runs(recordings)
    kept = lengths >= window
    if kept.all():
        return recordings
    rows = np.diff(recordings.bounds, axis=1)[:, 0]
    if not kept.any():
        longest = int(lengths.argmax())
        raise InputError(
            f"all recordings ({len(lengths)}) are too short for one window of {window} rows: "
            f"the longest, {recordings.names[longest]}, has {lengths[longest]}; reduce model.window"
        )
    short = np.flatnonzero(~kept)
    log.warning(
        "dropped %d of %d recordings (%d of %d rows), shorter than one window of %d rows: %s",
        len(short), len(kept), rows[short].sum(), len(recordings.recording), window,
        name_some([recordings.names[number] for number in short], _SHOWN),
    )  # fmt: skip
    return _only(recordings, kept)


def _only(recordings: Recordings, kept: NDArray[np.bool_]) -> Recordings:
    bounds = recordings.bounds[kept]
    labels, label_names = recordings.labels, recordings.label_names
    if labels is not None:
        used, labels = _renumbered(_moved(labels, bounds))
        label_names = tuple(label_names[number] for number in used)
        if len(used) < 2:
            raise InputError(f"the recordings that are long enough have only one class, {label_names[0]}")
    session, session_names = recordings.session, recordings.session_names
    if session is not None:
        used, session = _renumbered(_moved(session, bounds))
        session_names = tuple(session_names[number] for number in used)
    return replace(
        recordings,
        signals=_moved(recordings.signals, bounds),
        positions=_moved(recordings.positions, bounds),
        recording=_renumbered(_moved(recordings.recording, bounds))[1],
        point=_renumbered(_moved(recordings.point, bounds))[1],
        names=tuple(name for name, there in zip(recordings.names, kept, strict=True) if there),
        labels=labels,
        label_names=label_names,
        session=session,
        session_names=session_names,
        breaks=_moved_breaks(recordings.breaks, bounds),
        kept={name: _moved(values, bounds) for name, values in recordings.kept.items()},
    )


def _moved_breaks(breaks: Int32, bounds: Int32) -> Int32:
    """Return the breaks that lie within bounds, where they are once the rows have been moved together."""
    place = np.searchsorted(bounds[:, 0], breaks, side="right") - 1
    inside = (place >= 0) & (breaks < bounds[place, 1])
    filled = np.append(0, np.cumsum(np.diff(bounds, axis=1)))
    moved = breaks[inside] - bounds[place[inside], 0] + filled[place[inside]]
    return np.asarray(moved, np.int32)


def _moved(values: NDArray[Any], bounds: Int32) -> NDArray[Any]:
    """Move the rows within bounds together, in place: there is no memory for a second array of signals."""
    filled = 0
    for start, stop in bounds.tolist():
        values[filled : filled + stop - start] = values[start:stop]
        filled += stop - start
    return values[:filled]


def _renumbered(numbers: Int32) -> tuple[Int32, Int32]:
    """Renumber from 0 on without gaps; return the numbers that are used, and the new ones."""
    used = np.flatnonzero(np.bincount(numbers)).astype(np.int32)
    return used, np.searchsorted(used, numbers).astype(np.int32)
