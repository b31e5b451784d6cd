"""Finds the same recording twice by its signals: in two subsets it makes held-out scores too good."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_SHOWN = 10
_RUN = 16  # consecutive rows, each unlike the one before: noise does not repeat as many, however coarse
_FEWEST = 10  # such rows of a recording that is compared as a whole
_MOST = 0.5  # share of the shorter recording: more than that in another one is a copy
_ROUNDED = 0.25  # of the noise: repeated programs differ by sqrt(2) of it, copies with fewer digits by less
_LOOKED_AT = 1000  # rows of each recording, to find those that may be alike
_ROWS_AT_ONCE = 65_536


def copies(recordings: Recordings) -> Iterator[str]:
    """Describe rows that are in two recordings, or twice in one.

    Raises:
        InputError: recordings hold the same signals, exactly or but for rounding, or most of one is in another.
    """
    hashed, names = _hash_rows(recordings), recordings.names
    unlike = np.append(True, (hashed[1:] != hashed[:-1]) | (np.diff(recordings.recording) != 0))
    rows = np.flatnonzero(unlike)  # without those that repeat the one before: rest, zeros, a slow driver
    changes = np.bincount(recordings.recording[rows])
    refused = dict.fromkeys(_rounded(recordings, np.flatnonzero(changes >= _FEWEST)), "")
    repeated = []
    for one, other, count, lag, row in _shared(recordings.recording[rows], hashed[rows]):
        shorter = min(changes[one], changes[other])
        text = f"{count} rows, from row {rows[row] - recordings.bounds[other, 0]} of {names[other]} on"
        if one != other and count > _MOST * shorter:
            whole = changes[one] == changes[other] == count
            refused.setdefault((one, other), "" if whole else f" ({text})")
        elif one != other or count <= 3 * lag:  # a block that was appended, not a signal with a short period
            repeated.append(f"{names[one]} and {names[other]} ({text})")
    if refused:
        pairs = [f"{names[one]} and {names[other]}{text}" for (one, other), text in sorted(refused.items())]
        raise InputError(
            f"recordings {name_some(pairs, _SHOWN)} hold the same signals: a copy would leak between subsets and "
            "make scores too good; remove one of each"
        )
    if repeated:
        yield (
            f"the same rows are in recordings {name_some(repeated, _SHOWN)}: they leak between subsets; "
            "remove them if a file was appended to itself or exported twice"
        )


def _hash_rows(recordings: Recordings) -> NDArray[np.uint64]:
    """(rows,) 64 bits of each row of signals, the same for the same values."""
    signals = recordings.signals
    factors = np.random.default_rng(1).integers(2**63, size=signals.shape[1], dtype=np.uint64) * 2 + 1
    hashed = np.empty(len(signals), np.uint64)
    for first in range(0, len(signals), _ROWS_AT_ONCE):
        bits = (signals[first : first + _ROWS_AT_ONCE] + np.float32(0)).view(np.uint32)  # 0 for -0
        hashed[first : first + _ROWS_AT_ONCE] = bits.astype(np.uint64) @ factors
    return hashed


def _shared(recording: Int32, hashed: NDArray[np.uint64]) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield two recordings with the same rows in sequence, their number, how far apart, where in the second."""
    if len(hashed) <= _RUN:
        return
    runs = hashed
    for rows in (1, 2, 4, 8):  # each adds as many to a run as it has: _RUN in the end
        runs = runs[:-rows] * np.uint64(0x9E3779B97F4A7C15) + runs[rows:]
    within = np.flatnonzero(recording[: len(runs)] == recording[_RUN - 1 :])
    order = within[np.argsort(runs[within], kind="stable")]
    again = np.flatnonzero(runs[order[1:]] == runs[order[:-1]])
    earlier = np.full(len(runs), -1)
    earlier[order[again + 1]] = order[again]
    # By chance a run may be like another one, but not also the next run like the next.
    linked = np.flatnonzero((earlier[:-1] >= 0) & (earlier[1:] == earlier[:-1] + 1))
    pairs = np.column_stack([recording[earlier[linked]], recording[linked]])
    found = np.unique(pairs, axis=0, return_index=True, return_counts=True)
    for (one, other), place, count in zip(*(each.tolist() for each in found), strict=True):
        yield one, other, count + _RUN, int(linked[place] - earlier[linked[place]]), int(linked[place])


def _rounded(recordings: Recordings, numbers: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Yield those of these recordings that are of the same length and differ by less than the sensors' noise.

    Candidates agree in eight random projections, which two recordings with noise of their own hardly do.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415  # takes long to import

    if len(numbers) < 2:
        return
    signals, bounds, rng = recordings.signals, recordings.bounds, np.random.default_rng(1)
    lengths, channels = np.diff(bounds, axis=1)[numbers, 0], signals.shape[1]
    some = numbers[:: 1 + len(numbers) // 99]
    noise = np.max([white_noise(signals[slice(*bounds[number])][:_LOOKED_AT]) for number in some], axis=0)
    columns = rng.normal(size=(channels, 8)) / np.where(noise > 0, noise, np.inf)[:, None]
    rows = rng.normal(size=(_LOOKED_AT, 8)) / np.sqrt(channels * _LOOKED_AT)
    for length in np.flatnonzero(np.bincount(lengths) > 1):
        spans = {number: signals[slice(*bounds[number])] for number in numbers[lengths == length].tolist()}
        heads = (values[:_LOOKED_AT] @ columns.astype(np.float32) for values in spans.values())
        places = [(head * rows[: len(head)]).sum(axis=0) for head in heads]
        for pair in sorted(cKDTree(places).query_pairs(min(1, length / _LOOKED_AT) ** 0.5)):
            one, other = (list(spans)[place] for place in pair)
            if _alike(spans[one], spans[other]):
                yield one, other


def _alike(one: Float32, other: Float32) -> bool:
    """Whether signals (rows, channels) differ by less than their noise, in half of the channels that have some."""
    noise = white_noise(one)
    difference = np.sqrt(np.square(one - other, dtype=np.float64).mean(axis=0))
    return bool(np.median(difference[noise > 0] / noise[noise > 0]) <= _ROUNDED)


def white_noise(signals: Float32) -> NDArray[np.float64]:
    """Return the deviation (channels,) of the white noise of signals (rows, channels), from second differences: slow motion is not in them."""
    steps = np.square(np.diff(signals, 2, axis=0), dtype=np.float64).sum(axis=0)
    return np.asarray(np.sqrt(steps / 6 / max(1, len(signals) - 2)))
