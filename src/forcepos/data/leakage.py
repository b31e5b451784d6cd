"""Features that are a target in disguise."""

from __future__ import annotations

import numpy as np

from forcepos.data.recordings import Float64, Recordings

_TOO_ALIKE = 0.999  # absolute correlation
_ROWS_LOOKED_AT = 20_000  # evenly spread over all: a correlation of 0.999 is then sure to 0.00002
_ROWS_AT_ONCE = 8192
_ROUNDING = 1e-10  # a variance below this share of the squared values is rounding
_AXES = ("x", "y", "z")


def likely_leakage(recordings: Recordings) -> list[str]:
    """A line for each feature that follows a target so closely that it is likely to be made of it."""
    columns = [_AXES.index(axis) for axis in recordings.axes]
    alike = _correlations(recordings, columns)
    return [
        f"feature {recordings.channels[channel]} is likely leakage: its correlation with target "
        f"{recordings.axes[axis]} is {alike[channel, axis]:.5f}; leave it out of data.features "
        "unless a sensor measures it"
        for channel, axis in np.argwhere(np.abs(alike) > _TOO_ALIKE)
    ]


def _correlations(recordings: Recordings, columns: list[int]) -> Float64:
    """(channels, axes) over evenly spread rows; 0 where one of the two does not vary."""
    every = -(-len(recordings.signals) // _ROWS_LOOKED_AT)
    channels = recordings.signals.shape[1]
    centre = np.concatenate([recordings.signals[0], recordings.positions[0, columns]]).astype(np.float64)
    sums, squares = np.zeros(len(centre)), np.zeros(len(centre))
    products, count = np.zeros((channels, len(columns))), 0
    for first in range(0, len(recordings.signals), _ROWS_AT_ONCE * every):
        rows = slice(first, first + _ROWS_AT_ONCE * every, every)
        values = np.hstack([recordings.signals[rows], recordings.positions[rows][:, columns]]) - centre
        sums += values.sum(axis=0)
        squares += (values**2).sum(axis=0)
        products += values[:, :channels].T @ values[:, channels:]
        count += len(values)
    varied = squares - sums**2 / count
    varied = np.where(varied > _ROUNDING * (squares + count * centre**2), varied, np.inf)
    together = products - np.outer(sums[:channels], sums[channels:]) / count
    return np.asarray(together / np.sqrt(np.outer(varied[:channels], varied[channels:])))
