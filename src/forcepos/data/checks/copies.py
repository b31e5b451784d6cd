"""Finds the same recording twice by its signals: in two subsets it makes held-out scores too good."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64, Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_SHOWN = 10
_RUN = 16  # consecutive rows, each unlike the one before: noise does not repeat as many, however coarse
_FEWEST = 10  # different rows of a recording that is compared as a whole
_MOST = 0.5  # share of the shorter recording: more than that in another one is a copy
_ROUNDED = 0.25  # of the noise: repeated programs differ by sqrt(2) of it, copies with fewer digits by less


def copies(recordings: Recordings) -> Iterator[str]:
    """Describe rows that are in two recordings, or twice in one.

    Raises:
        InputError: recordings hold the same signals, exactly or but for rounding, or most of one is in another.
    """
    names, factors = recordings.names, np.random.default_rng(1).integers(2**63, size=recordings.signals.shape[1])
    hashed = np.einsum("ij,j->i", recordings.signals.view(np.uint32), 2 * factors.astype(np.uint64) + 1)
    # Without rows that repeat the one before: rest, zeros, a slow driver.
    rows = np.flatnonzero(np.append(True, (hashed[1:] != hashed[:-1]) | (np.diff(recordings.recording) != 0)))
    changes = np.bincount(recordings.recording[rows])
    refused = dict.fromkeys(_rounded(recordings, np.flatnonzero(changes >= _FEWEST)), "")
    repeated = []
    for one, other, count, lag, row in _shared(recordings.recording[rows], hashed[rows]):
        text = f" ({count} rows, from row {rows[row] - recordings.bounds[other, 0]} of {names[other]} on)"
        if one != other and count > _MOST * min(changes[one], changes[other]):
            refused.setdefault((one, other), "" if changes[one] == changes[other] == count else text)
        elif 2 * _RUN <= count <= 3 * lag:  # a block that was appended, not a signal with a short period
            repeated.append(f"{names[one]} and {names[other]}{text}")
    if refused:
        pairs = [f"{names[one]} and {names[other]}{text}" for (one, other), text in sorted(refused.items())]
        raise InputError(
            f"recordings {name_some(pairs, _SHOWN)} hold the same signals: a copy would leak between subsets and "
            "make scores too good; remove one of each"
        )
    if repeated:
        some = name_some(repeated, _SHOWN)
        yield f"the same rows are in recordings {some}: they leak between subsets; remove them if they are copies"


def _shared(recording: Int32, hashed: NDArray[np.uint64]) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield two recordings with the same rows in sequence, their number, how far apart, where in the second."""
    if len(hashed) < _RUN:
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

    Copies have almost the same random projection: they are neighbours in its order.
    """
    weights = np.random.default_rng(1).normal(size=(1000, recordings.signals.shape[1])).astype(np.float32)
    parts = [recordings.signals[slice(*recordings.bounds[number])] for number in numbers]
    projected = [float(np.vdot(part[:1000], weights[: len(part)])) for part in parts]
    for one, other in pairwise(sorted(range(len(parts)), key=lambda place: (len(parts[place]), projected[place]))):
        if len(parts[one]) == len(parts[other]) and _alike(parts[one], parts[other]):
            first, second = sorted((one, other))
            yield int(numbers[first]), int(numbers[second])


def _alike(one: Float32, other: Float32) -> bool:
    """Whether signals (rows, channels) differ by less than their noise, in half of the channels that have some."""
    if len(np.unique(one[:1000], axis=0)) < _FEWEST:
        return False
    noise = white_noise(one)
    away = np.sqrt(np.square(one - other, dtype=np.float64).mean(axis=0))
    return bool(noise.any() and np.median(away[noise > 0] / noise[noise > 0]) <= _ROUNDED)


def white_noise(signals: Float32) -> Float64:
    """Return the deviation (channels,) of white noise, from second differences: slow motion is not in them."""
    steps = np.square(np.diff(signals, 2, axis=0), dtype=np.float64).sum(axis=0)
    return np.asarray(np.sqrt(steps / 6 / max(1, len(signals) - 2)))
