"""Values that cannot be: numbers for no value, jumps, sensors that stand still, mixed units, signs that flip."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from forcepos.data.readers.times import begins
from forcepos.data.recordings import Float32, Float64, Recordings
from forcepos.runtime.wording import name_some

_SHOWN = 5
_LOOKED_AT = 20_000  # rows, evenly spread: percentiles are then accurate to 0.2 % of the rows
_HEAD = 200  # rows of each recording
_RARE = 0.05  # share of the rows: what is more common is no fault
_WIDTHS = 10  # a spike is as many times as far from the other values as they are apart
_NO_VALUE = [0, -1, 999, 9999, 99999, 32767, 65535, 2**31 - 1, 1e20, 1e30, float(np.finfo(np.float32).max)]
_NO_VALUES = np.array([*_NO_VALUE, *(-value for value in _NO_VALUE), -(2**15), 2**32 - 1], np.float32)
_UNITS = (("m and mm, or N and mN,", 1000, 2.0), ("rad and deg", 180 / np.pi, 1.15))  # factor and its tolerance
_FEWEST_VISITS = 4  # beyond the first of each point: fewer do not tell how well visits agree
_ODD = (  # values, and what helps
    ("numbers that seem to stand for no value", "leave them empty, and set data.missing=drop"),
    ("single values far outside the others", "remove these rows if no contact explains them"),
    ("targets far from their neighbours in time", "correct or remove these rows"),
)
_Odd = Iterator[tuple[int, int, NDArray[np.intp]]]  # which of these, column, rows


def outliers(recordings: Recordings) -> Iterator[str]:
    """Describe numbers that stand for no value, single signals far outside all others, and targets that jump."""
    signals, targets = recordings.signals, recordings.positions[:, : len(recordings.axes)]
    found: list[list[str]] = [[] for _ in _ODD]
    for names, values, odd in (
        (recordings.channels, signals, _far(signals)),
        (recordings.axes, targets, chain(_far(targets, spikes=False), _jumps(recordings, targets))),
    ):
        for kind, column, rows in odd:
            number = recordings.recording[rows[0]]
            where = f"row {rows[0] - recordings.bounds[number, 0]} of recording {recordings.names[number]}"
            more = f" and {len(rows) - 1} more rows" if len(rows) > 1 else ""
            found[kind].append(f"{values[rows[0], column]:g} in column {names[column]}, {where}{more}")
    for (what, advice), places in zip(_ODD, found, strict=True):
        if places:
            yield f"{what}: {name_some(places, _SHOWN)}; {advice}"


def _far(columns: Float32, spikes: bool = True) -> _Odd:
    """Find rare values above or below a gap wider than all other values: known numbers, and spikes."""
    low, high = _range(columns)
    width, most = high - low, np.maximum(columns.max(axis=0) - high, low - columns.min(axis=0))
    for column in np.flatnonzero((most > width) & (width > 0)).tolist():
        values = columns[:, column]
        above, below = high[column] + width[column], low[column] - width[column]
        rows = np.flatnonzero((values > above) | (values < below))
        out = 1 + np.maximum(values[rows] - high[column], low[column] - values[rows]) / width[column]
        ordered = np.append(1, np.sort(out))
        widths = np.diff(ordered) / ordered[:-1]
        if len(rows) and widths.max() > 1 and len(rows) <= max(1, _RARE * len(values)):
            rows = rows[out > ordered[widths.argmax()]]
            if (known := rows[np.isin(values[rows], _NO_VALUES)]).size:
                yield 0, column, known
            elif spikes and widths.max() > _WIDTHS and (np.diff(rows) > 1).all():
                yield 1, column, rows


def _range(values: Float32, ends: tuple[int, int] = (5, 95)) -> Float64:
    """(2, columns) percentiles of values (rows, columns)."""
    return np.asarray(np.percentile(values[:: 1 + len(values) // _LOOKED_AT], ends, axis=0), np.float64)


def _jumps(recordings: Recordings, targets: Float32) -> _Odd:
    """Find targets further from the median of the seven around them than half the plate, and than noise is."""
    for column, values in enumerate(targets.T):
        low, high = _range(values)
        away = np.abs(values - median_filter(values, 7, mode="nearest"))
        noise = float(np.median(away[:: 1 + len(values) // _LOOKED_AT]))
        rows = np.flatnonzero(away > max((high - low) / 2, 20 * noise))
        rows = rows[np.diff(recordings.bounds, axis=1)[recordings.recording[rows], 0] >= 7]
        if high > low and 0 < len(rows) <= _RARE * len(values):
            yield 2, column, rows


def stuck(recordings: Recordings) -> Iterator[str]:
    """Describe rows in which all signals are exactly zero, or repeat the row before for more than a second."""
    signals, recording = recordings.signals, recordings.recording
    zero = ~signals.any(axis=1)
    same = ~begins(recording) & ~zero
    for place in range(signals.shape[1]):  # a column at a time takes the least memory
        same[1:] &= signals[1:, place] == signals[:-1, place]
    # Rows that are repeated, and the last that repeats each.
    first, last = np.flatnonzero(np.diff(same, append=False)).reshape(-1, 2).T
    rows = last - first + 1
    long = rows > max(20, recordings.rate_hz or 0)
    long &= np.count_nonzero(long) <= max(2, len(recordings.bounds) / 2)  # else coarse ones at rest, as of joints
    for what, counts in (
        ("are exactly zero", np.bincount(recording[zero])),
        ("repeat the row before for more than a second", np.bincount(recording[first[long]], rows[long])),
    ):
        found = [f"{counts[number]:.0f} rows of {recordings.names[number]}" for number in np.flatnonzero(counts)]
        if found and signals.shape[1] > 2:  # one coarse channel may well rest
            yield f"all signals {what}: {name_some(found, _SHOWN)}; did a sensor stop? Then remove these rows"


def units(recordings: Recordings) -> Iterator[str]:
    """Describe columns that are smaller in some recordings than in others, by the factor between two units."""
    # Of signals the noise tells: it is the sensor's, in whatever posture. Of targets, how far they are from 0.
    heads = [recordings.signals[start:stop][:_HEAD] for start, stop in recordings.bounds]
    away = np.linalg.norm(recordings.positions[recordings.bounds[:, 0]].astype(np.float64), axis=1)
    noises = np.column_stack([[white_noise(head) for head in heads], away])
    sizes = np.column_stack([[np.abs(head).mean(axis=0) for head in heads], away])
    found: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name, noise, size in zip((*recordings.channels, "targets"), noises.T, sizes.T, strict=True):
        for unit, low in _mixed(noise, size):
            if name != "targets" or len(low) > 0.2 * len(away):  # one point near 0 is no other unit
                found.setdefault((unit, low), []).append(name)
    for (unit, smaller), columns in found.items():
        if unit == _UNITS[0][0] or len(columns) > 1:  # another factor of a single column may be chance
            where = name_some([recordings.names[number] for number in smaller], _SHOWN)
            some = name_some(columns, _SHOWN)
            yield f"likely {unit} mixed: {some} are so much smaller in recordings {where}; convert to one unit"


def _mixed(noise: Float64, size: Float64) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield units that differ as the recordings below and above the widest gap do, and those below it."""
    order = np.argsort(noise)[np.count_nonzero(noise == 0) :]
    gaps = np.diff(np.log(noise[order]))
    if len(gaps):
        low, high = np.split(order, [gaps.argmax() + 1])
        of_noise, of_size = (float(np.median(each[high]) / np.median(each[low])) for each in (noise, size))
        for unit, factor, tolerance in _UNITS:
            clear = gaps.max() > np.log(factor) / 2 and 1 / 3 < of_size / factor < 3
            if clear and 1 / tolerance < of_noise / factor < tolerance:
                yield unit, tuple(sorted(low.tolist()))


def white_noise(signals: Float32) -> Float64:
    """Return the deviation (channels,) of white noise, from second differences: slow motion is not in them."""
    steps = np.square(np.diff(signals, 2, axis=0), dtype=np.float64).sum(axis=0)
    return np.asarray(np.sqrt(steps / 6 / max(1, len(signals) - 2)))


def signs(recordings: Recordings) -> Iterator[str]:
    """Describe channels whose mean in a recording is the opposite of that in others of the same point."""
    spans = [slice(start, stop, 1 + (stop - start) // _HEAD) for start, stop in recordings.bounds]
    means = np.array([recordings.signals[span].mean(axis=0, dtype=np.float64) for span in spans])
    points = recordings.point[recordings.bounds[:, 0]]
    _, point, visits = np.unique(points, return_inverse=True, return_counts=True)
    if (visits - 1).sum() < _FEWEST_VISITS:
        return
    sign, size = np.zeros((2, len(visits), means.shape[1]))
    np.add.at(sign, point, np.sign(means))
    np.add.at(size, point, np.abs(means) / visits[point, None])
    usual, typical = np.where(sign < 0, -1, 1)[point], size[point]  # of two visits either may be the wrong one
    off = np.abs(np.abs(means) - typical)
    # Visits agree in size ten times better than they are large: their sign is no chance of an offset.
    again = visits[point] > 1
    clear = (typical > 10 * np.quantile(off[again], 0.9, axis=0)) & again[:, None]
    flipped = clear & (np.sign(means) == -usual)
    if flipped.any():
        columns = [recordings.channels[place] for place in np.flatnonzero(flipped.any(axis=0))]
        names = [recordings.names[number] for number in np.flatnonzero(flipped.any(axis=1))]
        others = "that in others of the same point: was the sensor mounted the other way round?"
        which = f"{name_some(columns, _SHOWN)} in recordings {name_some(names, _SHOWN)}"
        yield f"the sign of {which} is the opposite of {others}"


def plate(recordings: Recordings) -> Iterator[str]:
    """Describe targets that extend over less than a millimetre or more than five metres, and odd points."""
    rows, points = recordings.positions, int(recordings.point.max()) + 1
    extent = float(np.diff(_range(rows, (1, 99)), axis=0).max())
    extend = f"the targets extend over {extent:.3g} mm"
    if 0 < extent < 1 or extent > 5000:
        factor = 1000 if extent < 1 else 0.001
        wrong = "hardly a plate: data.target_scale_mm is likely wrong"
        yield f"{extend}, {wrong}; {factor:g} times as much makes it {factor * extent:.3g} mm"
    if extent >= 1 and (points == 1 or points > len(rows) / 2):
        few = f"the {len(rows)} rows are of {points} point{'s' * (points > 1)}"
        yield f"{few}, though {extend}: name another column in data.point, or set data.point_grid_mm"
