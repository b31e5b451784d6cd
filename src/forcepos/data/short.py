"""Drops recordings shorter than one window, as left between gaps in time or by visits that were aborted."""

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


def drop_short(recordings: Recordings, window: int) -> Recordings:
    """Drop recordings without a full window, moving the others together in the same arrays; log one warning.

    Raises:
        InputError: no recording is long enough, or all remaining rows are of one class.
    """
    lengths = np.diff(recordings.bounds, axis=1)[:, 0]
    kept = lengths >= window
    if kept.all():
        return recordings
    if not kept.any():
        longest = int(lengths.argmax())
        raise InputError(
            f"all recordings ({len(lengths)}) are too short for one window of {window} rows: "
            f"the longest, {recordings.names[longest]}, has {lengths[longest]}; reduce model.window"
        )
    short = np.flatnonzero(~kept)
    log.warning(
        "dropped %d of %d recordings (%d of %d rows), shorter than one window of %d rows: %s",
        len(short), len(kept), lengths[short].sum(), len(recordings.recording), window,
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
    return replace(
        recordings,
        signals=_moved(recordings.signals, bounds),
        positions=_moved(recordings.positions, bounds),
        recording=_renumbered(_moved(recordings.recording, bounds))[1],
        point=_renumbered(_moved(recordings.point, bounds))[1],
        names=tuple(name for name, there in zip(recordings.names, kept, strict=True) if there),
        labels=labels,
        label_names=label_names,
        kept={name: _moved(values, bounds) for name, values in recordings.kept.items()},
    )


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
