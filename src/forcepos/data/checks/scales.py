"""Scales that cannot be: units that differ between recordings, signs that flip, a tiny or huge plate, odd points."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from forcepos.data.checks.copies import white_noise
from forcepos.data.recordings import Float64, Recordings
from forcepos.runtime.wording import name_some

_SHOWN, _LOOKED_AT = 5, 1000
_LEAST_MM, _MOST_MM = 1, 5000  # of a plate that an arm touches
_FEWEST_PAIRS = 4  # visits of points known from another visit: fewer do not tell how well visits agree
_UNITS = (("m and mm (N and mN)", 1000, 2.0), ("rad and deg", 180 / np.pi, 1.15), ("m and cm", 100, 1.15))


def units(recordings: Recordings) -> Iterator[str]:
    """Describe columns that in some recordings are smaller by the factor between two units than in the others.

    Of signals the noise tells: it is the sensor's, in whatever posture. Of targets, how far they are from 0.
    """
    parts = [recordings.signals[start:stop][:_LOOKED_AT] for start, stop in recordings.bounds if stop - start > 2]
    levels, noise = (np.array([size(part) for part in parts]) for size in (_level, white_noise))
    found: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name, level, deviation in zip(recordings.channels, levels.T, noise.T, strict=True):
        for unit, few in _mixed(deviation, level):
            found.setdefault((unit, few), []).append(name)
    return iter(())


def _level(signals: Float64) -> Float64:
    return np.abs(signals).mean(axis=0)
