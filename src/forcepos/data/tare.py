"""Tare: a recording's signals less their mean over its free rows, without contact, which are dropped."""

import logging
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
_SHOWN = 5
_FORCE = re.compile(r"(?:.*\.)?f[_ ]?([xyz])(?: ?[\[(].*)?", re.IGNORECASE)  # a joined file's, or with a unit
_ANGLE = re.compile(r"(?:.*\.)?(?:(?:q|cur_A|comd_A|joint_?)\d+\b.*|.*angle.*)", re.IGNORECASE)


def force_places(channels: Sequence[str]) -> list[int]:
    """Return the places of Fx, Fy and Fz among the signals; none unless each is there once."""
    found = {place: match[1].lower() for place, name in enumerate(channels) if (match := _FORCE.fullmatch(name))}
    return [*found] if sorted(found.values()) == ["x", "y", "z"] else []


def tare(recordings: Recordings, config: TableConfig) -> Recordings:
    """Subtract the mean of each recording's free rows from its signals, in place, and drop those rows.

    Raises:
        InputError: a recording has no free row, what tells them is unknown, or too little is left.
    """
    if config.tare == "none":
        return recordings
    free, what = _by_time(recordings, config) if config.tare == "time" else _by_force(recordings, config)
    counts = np.add.reduceat(free, recordings.bounds[:, 0], dtype=np.int64)
    if without := [recordings.names[number] for number in np.flatnonzero(counts == 0)]:
        number = f"{len(without)} of {len(counts)} recordings have no row {what}"
        raise InputError(f"data.tare={config.tare}: {number}: {name_some(without, _SHOWN)}")
    places = [config.features.index(name) for name in config.tare_features or config.features]
    angles = [recordings.channels[place] for place in places if _ANGLE.fullmatch(recordings.channels[place])]
    if angles:
        shown = name_some(angles, _SHOWN)
        log.warning("data.tare takes the mean from joint angles, too (%s): set data.tare_features", shown)
    for start, stop in recordings.bounds.tolist():
        rows, free_rows = recordings.signals[start:stop], free[start:stop]
        for place in places:
            rows[:, place] -= rows[free_rows, place].mean(dtype=np.float64)
    log.info(
        "data.tare=%s: subtracted the mean of each recording's rows %s; they are dropped, %d of %d rows in %d "
        "recordings", config.tare, what, counts.sum(), len(free), len(counts),
    )  # fmt: skip
    left = recordings.only(~free)
    if len(left.label_names) == 1 or not len(left.recording):
        raise InputError(
            f"data.tare={config.tare} leaves {'one class only' if len(left.recording) else 'no rows'}"
        )
    if gone := sorted({*recordings.names} - {*left.names}):
        log.warning(
            "data.tare: no row with contact is left of %d recordings: %s", len(gone), name_some(gone, _SHOWN)
        )
    return left


def tare_rows(config: TableConfig, rate_hz: float) -> tuple[int, int]:
    """Return the first row of a recording in the interval of data.tare_ms, and one past the last."""
    begin, end = (int(np.ceil(round(ms * rate_hz / 1000, 6))) for ms in config.tare_ms)
    return begin, end


def _by_time(recordings: Recordings, config: TableConfig) -> tuple[NDArray[np.bool_], str]:
    """Return (rows,) whether a row is in the interval, and that in words."""
    if recordings.rate_hz is None:
        raise InputError("data.tare=time needs the rate of the rows: set data.time or data.rate_hz")
    begin, end = tare_rows(config, recordings.rate_hz)
    row = recordings.numbered_rows()
    return (row >= begin) & (row < end), "from {:g} to {:g} ms (data.tare_ms)".format(*config.tare_ms)


def _by_force(recordings: Recordings, config: TableConfig) -> tuple[NDArray[np.bool_], str]:
    """Return (rows,) whether a row's force is below the limit, and that in words."""
    places = force_places(recordings.channels)
    if not places:
        names = name_some(recordings.channels, _SHOWN)
        raise InputError(f"data.tare=force needs Fx, Fy and Fz, named like that, among data.features: {names}")
    force = np.linalg.norm(recordings.signals[:, places], axis=1)
    return force < config.tare_below_n, f"with a force below {config.tare_below_n:g} N (data.tare_below_n)"
