"""Single values that cannot be: placeholders, spikes, targets that jump, signals that stand still."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Int32, Recordings
from forcepos.runtime.wording import name_some

_SHOWN = 5
_LOOKED_AT = 20_000  # rows, evenly spread: percentiles are then accurate to 0.2 % of the rows
_RARE = 0.05  # share of the rows: what is more common is no fault
_WIDTHS = 10  # a spike is as many times as far from the other values as they are apart
_PLACEHOLDERS = np.array(
    [0, -1, *(sign * 10.0**digits - sign for sign in (1, -1) for digits in range(3, 8)), 999.9, -999.9]
    + [sign * 2.0**bits - less for bits in (15, 16, 31, 32) for sign in (1, -1) for less in (0, 1)]
    + [1e20, -1e20, 1e30, -1e30, np.finfo(np.float32).max, np.finfo(np.float32).min],
    np.float32,
)


def extremes(recordings: Recordings) -> Iterator[str]:
    """Describe values far outside the others of their column: numbers that stand for no value, and single ones."""
    no_value, spikes = [], []
    axes = {f"target {axis}": recordings.positions[:, "xyz".index(axis)] for axis in recordings.axes}
    columns = dict(zip(recordings.channels, recordings.signals.T, strict=True)) | axes
    for name, values in columns.items():
        for rows, widths in _far(values):
            known = np.isin(values[rows], _PLACEHOLDERS)
            if known.any():
                no_value.append(_place(recordings, name, rows[known], values))
            elif widths > _WIDTHS and (np.diff(rows) > 1).all() and name not in axes:
                spikes.append(_place(recordings, name, rows, values))
    if no_value:
        yield (
            f"numbers that seem to stand for no value: {name_some(no_value, _SHOWN)}; leave them empty or write nan, "
            "and set data.missing=drop"
        )
    if spikes:
        yield f"single values far outside the others, likely faults: {name_some(spikes, _SHOWN)}; remove these rows"


def _far(values: Float32) -> Iterator[tuple[NDArray[np.intp], float]]:
    """Yield the rare rows above and below a gap that is wider than all other values, and by how many times."""
    low, high = np.percentile(values[:: 1 + len(values) // _LOOKED_AT], [5, 95])
    for sign in (1, -1):
        start, end = sorted((sign * low, sign * high))
        rows = np.flatnonzero(values > 2 * end - start if sign == 1 else values < start - 2 * end)
        if end > start and 0 < len(rows) <= max(1, _RARE * len(values)):
            beyond = sign * values[rows].astype(np.float64)
            ordered = np.append(end, np.sort(beyond))
            widths = np.diff(ordered) / (ordered[:-1] - start)
            if widths.max() > 1:
                yield rows[beyond > ordered[widths.argmax()]], float(widths.max())


def _place(recordings: Recordings, column: str, rows: NDArray[np.intp], values: Float32) -> str:
    number = recordings.recording[rows[0]]
    more = f" and {len(rows) - 1} more rows" if len(rows) > 1 else ""
    row = rows[0] - recordings.bounds[number, 0]
    return f"{values[rows[0]]:g} in column {column}, row {row} of recording {recordings.names[number]}{more}"


def jumps(recordings: Recordings) -> Iterator[str]:
    """Describe targets that are far from their neighbours in time, three rows at most."""
    from scipy.ndimage import median_filter  # noqa: PLC0415  # takes long to import

    found, lengths = [], np.diff(recordings.bounds, axis=1)[:, 0]
    for axis in recordings.axes:
        values = recordings.positions[:, "xyz".index(axis)]
        away = np.abs(values - median_filter(values, 7, mode="nearest"))
        low, high = np.percentile(values[:: 1 + len(values) // _LOOKED_AT], [5, 95])
        # Further than a tenth of the plate, and than noise of which half the rows have less than a twentieth.
        rows = np.flatnonzero(away > max(0.1 * (high - low), 20 * float(np.median(away))))
        rows = rows[lengths[recordings.recording[rows]] >= 7]
        if high > low and 0 < len(rows) <= _RARE * len(values):
            found.append(_place(recordings, f"target {axis}", rows, values))
    if found:
        yield f"targets far from their neighbours in time: {name_some(found, _SHOWN)}; correct or remove these rows"


def stuck(recordings: Recordings) -> Iterator[str]:
    """Describe rows in which all signals are exactly zero, or repeat the row before for more than a second."""
    signals, recording = recordings.signals, recordings.recording
    if signals.shape[1] < 3:  # one coarse channel may well rest
        return
    zero = ~signals.any(axis=1)
    same = np.append(False, (signals[1:] == signals[:-1]).all(axis=1) & (recording[1:] == recording[:-1])) & ~zero
    first = np.flatnonzero(~same)
    rows = np.diff(np.append(first, len(same)))
    long = rows > max(20, recordings.rate_hz or 0)
    for what, where, weights in (
        ("are exactly zero", np.flatnonzero(zero), None),
        ("repeat the row before for more than a second", first[long], rows[long]),
    ):
        counts = np.bincount(recording[where], weights)
        found = [f"{counts[number]:.0f} rows of {recordings.names[number]}" for number in np.flatnonzero(counts)]
        if found:
            yield f"all signals {what}: {name_some(found, _SHOWN)}; did a sensor or its driver stop? Remove these rows"
