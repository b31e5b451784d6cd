"""Scales that cannot be: units that differ between recordings, signs that flip, a tiny or huge plate, odd points."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from forcepos.data.checks.copies import white_noise
from forcepos.data.recordings import Float64, Recordings
from forcepos.runtime.wording import name_some

_SHOWN, _LOOKED_AT = 5, 1000
_LEAST_MM, _MOST_MM = 1, 5000  # of a plate that an arm touches
_FEWEST_VISITS = 4  # beyond the first of each point: fewer do not tell how well visits agree
_UNITS = (("m and mm, or N and mN,", 1000, 2.0), ("rad and deg", 180 / np.pi, 1.15), ("m and cm", 100, 1.15))


def units(recordings: Recordings) -> Iterator[str]:
    """Describe columns that are smaller in some recordings than in others, by the factor between two units.

    Of signals the noise tells: it is the sensor's, in whatever posture. Of targets, how far they are from 0.
    """
    parts = [recordings.signals[start:stop][:_LOOKED_AT] for start, stop in recordings.bounds]
    noise, size = (np.array([each(part) for part in parts]) for each in (white_noise, _size))
    found: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name, *sizes in zip(recordings.channels, noise.T, size.T, strict=True):
        for unit, low in _mixed(*sizes):
            found.setdefault((unit, low), []).append(name)
    away = np.linalg.norm(recordings.positions[recordings.bounds[:, 0]].astype(np.float64), axis=1)
    low = np.flatnonzero((away > 0) & (away < away.max() / 500))
    if len(low) > 0.2 * np.count_nonzero(away) and away.max() / away[low].max() < 2000:
        found[_UNITS[0][0], tuple(low)] = ["the targets", "data.targets"]
    for (unit, smaller), columns in found.items():
        if unit == _UNITS[0][0] or len(columns) > 1:  # other factors may be chance
            names = name_some([recordings.names[number] for number in smaller], _SHOWN)
            yield (
                f"likely {unit} mixed: {name_some(columns, _SHOWN)} are that many times smaller in recordings "
                f"{names} than in the others; convert them to one unit"
            )


def _size(signals: NDArray[np.floating]) -> Float64:
    return np.asarray(np.abs(signals).mean(axis=0))


def _mixed(noise: Float64, size: Float64) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the units and the recordings on the lower side of the widest gap, if both sizes differ by a unit's factor."""
    order = np.argsort(noise)[np.count_nonzero(noise == 0) :]
    if len(order) < 2:
        return
    gaps = np.diff(np.log(noise[order]))
    low, high = np.split(order, [gaps.argmax() + 1])
    of_noise, of_size = (float(np.median(each[high]) / np.median(each[low])) for each in (noise, size))
    for unit, factor, tolerance in _UNITS:
        clear = gaps.max() > np.log(factor) / 2 and 1 / 3 < of_size / factor < 3
        if clear and 1 / tolerance < of_noise / factor < tolerance:
            yield unit, tuple(sorted(low.tolist()))


def signs(recordings: Recordings) -> Iterator[str]:
    """Describe channels whose mean in a recording is the opposite of that in others of the same point."""
    parts = [recordings.signals[start:stop][:_LOOKED_AT] for start, stop in recordings.bounds]
    means, spread = (
        np.array([each(part, axis=0, dtype=np.float64) for part in parts]) for each in (np.mean, np.std)
    )
    _, point, counts = np.unique(
        recordings.point[recordings.bounds[:, 0]], return_inverse=True, return_counts=True
    )
    again = counts[point] > 1
    if again.sum() - (counts > 1).sum() < _FEWEST_VISITS:
        return
    sign, size = np.zeros((2, len(counts), means.shape[1]))
    np.add.at(sign, point, np.sign(means))
    np.add.at(size, point, np.abs(means))
    typical = (size / counts[:, None])[point]
    off = np.abs(np.abs(means) - typical)
    # Visits agree in size ten times better than they are large: their sign is no chance of an offset.
    clear = (typical > 10 * np.median(off[again], axis=0)) & (typical > 3 * spread) & (off < typical / 2)
    usual = np.where(sign == 0, 1, np.sign(sign))[point]  # of two visits either may be the wrong one
    flipped = clear & again[:, None] & (np.sign(means) == -usual)
    if flipped.any():
        columns = [recordings.channels[place] for place in np.flatnonzero(flipped.any(axis=0))]
        names = [recordings.names[number] for number in np.flatnonzero(flipped.any(axis=1))]
        yield (
            f"{name_some(columns, _SHOWN)} have the opposite sign in recordings {name_some(names, _SHOWN)} from that "
            "in other recordings of the same point: was the sensor mounted the other way round?"
        )


def plate(recordings: Recordings) -> Iterator[str]:
    """Describe targets that extend over less than a millimetre or more than five metres, and odd points."""
    rows = len(recordings.positions)
    low, high = np.percentile(recordings.positions[:: 1 + rows // 20_000], [1, 99], axis=0)
    extent, points = float((high - low).max()), int(recordings.point.max()) + 1
    if 0 < extent < _LEAST_MM or extent > _MOST_MM:
        factor = 1e3 if extent < _LEAST_MM else 1e-3
        yield (
            f"the targets extend over {extent:.3g} mm, hardly a plate: data.target_scale_mm, mm per unit, is likely "
            f"wrong; {factor:g} times as much makes it {factor * extent:.3g} mm"
        )
    elif extent and points == 1:
        yield (
            f"all rows are of one point, though the targets extend over {extent:.3g} mm: name a column in "
            "data.point, or set data.point_grid_mm"
        )
    if extent and rows >= 20 and points > rows / 2:
        yield (
            f"{points} points in {rows} rows: hardly a point is touched twice; name another column in data.point, "
            "or set a larger data.point_grid_mm"
        )
