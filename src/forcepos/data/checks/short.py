"""Drops recordings that are shorter than one window."""

import logging

import numpy as np

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
    left = recordings.only(np.repeat(kept, rows))
    if len(left.label_names) == 1:
        raise InputError(f"the recordings that are long enough have only one class, {left.label_names[0]}")
    return left
