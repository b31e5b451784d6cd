"""Recordings that are shorter than one window: pieces that gaps in time leave, and visits that broke off."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Int32, Recordings
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)
_SHOWN = 5


def without_short(recordings: Recordings, window: int) -> Recordings:
    """The recordings that have a window, moved together in the same arrays; one warning tells what is left out.

    Raises:
        InputError: none has, or all rows that are left are of one class.
    """
    lengths = np.diff(recordings.bounds, axis=1)[:, 0]
    kept = lengths >= window
    if kept.all():
        return recordings
    if not kept.any():
        longest = int(lengths.argmax())
        raise InputError(
            f"no recording is left, {len(lengths)} too short for one window of {window} rows: "
            f"the longest, {recordings.names[longest]}, has {lengths[longest]}; make model.window smaller"
        )
    short = np.flatnonzero(~kept)
    named = ", ".join(recordings.names[number] for number in short[:_SHOWN])
    log.warning(
        "%d of %d recordings, with %d of %d rows, are shorter than one window of %d rows and left out: %s%s",
        len(short), len(kept), lengths[short].sum(), len(recordings.recording), window, named,
        f" and {len(short) - _SHOWN} more" if len(short) > _SHOWN else "",
    )  # fmt: skip
    return _only(recordings, kept)


def _only(recordings: Recordings, kept: NDArray[np.bool_]) -> Recordings:
    bounds = recordings.bounds[kept]
    labels, used = (None, None) if recordings.labels is None else _renumbered(_moved(recordings.labels, bounds))
    label_names = recordings.label_names
    if used is not None:
        label_names = tuple(name for name, there in zip(label_names, used, strict=False) if there)
        if len(label_names) < 2:
            raise InputError(f"the recordings that are long enough have one class only, {label_names[0]}")
    return replace(
        recordings,
        signals=_moved(recordings.signals, bounds),
        positions=_moved(recordings.positions, bounds),
        recording=_renumbered(_moved(recordings.recording, bounds))[0],
        point=_renumbered(_moved(recordings.point, bounds))[0],
        names=tuple(name for name, there in zip(recordings.names, kept, strict=True) if there),
        labels=labels,
        label_names=label_names,
    )


def _moved(values: NDArray[Any], bounds: Int32) -> NDArray[Any]:
    """The rows within bounds one after the other, in place: a second array of signals would be too much."""
    filled = 0
    for start, stop in bounds.tolist():
        values[filled : filled + stop - start] = values[start:stop]
        filled += stop - start
    return values[:filled]


def _renumbered(numbers: Int32) -> tuple[Int32, NDArray[np.bool_]]:
    """Numbers from 0 on without those that have no rows; and which of the old ones are used."""
    used = np.bincount(numbers) > 0
    return (np.cumsum(used, dtype=np.int32) - np.int32(1))[numbers], used
