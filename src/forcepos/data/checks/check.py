"""Checks of recordings, and of the subsets of a split, before anything is trained on them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forcepos.data.checks.values import outliers, plate, signs, stuck, units, white_noise
from forcepos.data.readers.times import ROWS_AT_ONCE, begins
from forcepos.data.recordings import Float32, Int32, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some

log = logging.getLogger(__name__)
_SHOWN = 10
_TOO_SIMILAR = 0.999  # absolute correlation
_ROWS_LOOKED_AT = 20_000  # evenly spread over all: a correlation of 0.999 is then accurate to 0.00002
_SAME = 1e-6  # of the larger value: a difference below this share is rounding
_RUN = 16  # consecutive rows, each unlike the one before: noise does not repeat as many, however coarse
_MOST_RUNS = 1_000_000  # looked at
_FEWEST = 10  # different rows of a recording that is compared as a whole
_MOST = 0.5  # share of the shorter recording: more than that in another one is a copy
_ROUNDED = 0.25  # of the noise: repeated programs differ by sqrt(2) of it, copies with fewer digits by less


@np.errstate(over="ignore", invalid="ignore")  # of huge values, which are warned about themselves
def check(recordings: Recordings, window: int) -> list[str]:
    """Check recordings and return warnings; an InputError says what is missing, too short or there twice."""
    lengths, few = zip(recordings.names, _longest_runs(recordings), strict=True), "too short for one window of"
    too_short = (f"recording {name}: {rows} rows, {few} {window}" for name, rows in lengths if rows < window)
    if problems := [*_not_finite(recordings), *too_short]:
        raise InputError("\n  ".join(["the recordings cannot be used:", *first_lines(problems, _SHOWN)]))
    finders = (_copies, _constant, stuck, outliers, units, signs, plate, _likely_leakage)
    return [warning for find in finders for warning in find(recordings)]


def _longest_runs(recordings: Recordings) -> Int32:
    """Return the rows (recordings,) of each recording's longest run, in which windows can lie."""
    first, end = recordings.runs.T
    return np.asarray(np.maximum.reduceat(end - first, np.searchsorted(first, recordings.bounds[:, 0])))


def _not_finite(recordings: Recordings) -> Iterator[str]:
    for values, columns in ((recordings.signals, recordings.channels), (recordings.positions, "xyz")):
        for column in np.flatnonzero(~np.isfinite(values).all(axis=0)):
            rows = np.flatnonzero(~np.isfinite(values[:, column]))
            found = np.unique(recordings.recording[rows], return_index=True, return_counts=True)
            for number, first, count in zip(*found, strict=True):
                where = f"recording {recordings.names[number]}, column {columns[column]}"
                row = rows[first] - recordings.bounds[number, 0]
                what = f"{count} values missing or not finite, the first in row {row}"
                yield f"{where}: {what}; data.missing=drop drops such rows"


def _constant(recordings: Recordings) -> Iterator[str]:
    signals = recordings.signals
    same = np.array([(signals[start:stop] == signals[start]).all(axis=0) for start, stop in recordings.bounds])
    for column in np.flatnonzero(same.any(axis=0)):
        dead = [recordings.names[number] for number in np.flatnonzero(same[:, column])]
        where = "every recording" if len(dead) == len(same) else f"recording {name_some(dead, _SHOWN)}"
        yield f"column {recordings.channels[column]} never changes in {where}"


def _likely_leakage(recordings: Recordings) -> Iterator[str]:
    """Describe each feature that follows a target so closely that it is likely to be derived from it."""
    rows = slice(None, None, -(-len(recordings.signals) // _ROWS_LOOKED_AT))
    advice = "remove it from data.features unless a sensor measures it"
    for axis in recordings.axes:
        target = recordings.positions[rows, "xyz".index(axis)]
        for name, signal in zip(recordings.channels, recordings.signals[rows].T, strict=True):
            correlation = np.corrcoef(signal, target)[0, 1]
            if np.ptp(target) and abs(correlation) > _TOO_SIMILAR:  # rounded, two constants correlate
                found = f"its correlation with target {axis} is {correlation:.5f}"
                yield f"feature {name} is likely leakage: {found}; {advice}"


def _copies(recordings: Recordings) -> Iterator[str]:
    """Describe rows that are in two recordings, or twice in one; refuse recordings that hold the same signals."""
    names, (rows, runs, changes) = recordings.names, _runs(recordings)
    refused = dict.fromkeys(_rounded(recordings, np.flatnonzero(changes >= _FEWEST)), "")
    repeated, every = [], 1 + len(recordings.signals) // _MOST_RUNS
    for one, other, found, lag, row in _shared(recordings.recording[rows], rows, runs):
        count = every * found + _RUN
        text = f" ({count} rows, from row {row - recordings.bounds[other, 0]} of {names[other]} on)"
        if one != other and count > _MOST * min(changes[one], changes[other]):
            refused.setdefault((one, other), "" if changes[one] == changes[other] == count else text)
        elif 2 * _RUN <= count <= 3 * lag:  # a block that was appended, not a signal with a short period
            repeated.append(f"{names[one]} and {names[other]}{text}")
    if refused:
        pairs = [f"{names[one]} and {names[other]}{text}" for (one, other), text in sorted(refused.items())]
        leak = "a copy would leak between subsets and make scores too good; remove one of each"
        raise InputError(f"recordings {name_some(pairs, _SHOWN)} hold the same signals: {leak}")
    if repeated:
        some = name_some(repeated, _SHOWN)
        yield f"the same rows are in recordings {some}: they leak between subsets; remove them if they are copies"


def _runs(recordings: Recordings) -> tuple[Int32, NDArray[np.uint64], NDArray[np.intp]]:
    """Return first row (n,) and hash (n,) of runs of rows, and how many rows (recordings,) may be in one.

    Rows that repeat the one before are left out, and of very many runs those without some hashes, as of a copy.
    """
    signals, changes = recordings.signals, np.zeros(len(recordings.bounds), np.intp)
    factors = 2 * np.random.default_rng(1).integers(2**63, size=signals.shape[1]).astype(np.uint64) + np.uint64(1)
    every, places, hashes = np.uint64(1 + len(signals) // _MOST_RUNS), list[Int32](), list[NDArray[np.uint64]]()
    for number, (start, stop) in enumerate(recordings.bounds.tolist()):
        for row in range(start, stop, ROWS_AT_ONCE):
            hashed = np.einsum("ij,j->i", signals[row : min(stop, row + ROWS_AT_ONCE)].view(np.uint32), factors)
            new = np.flatnonzero(begins(hashed))
            changes[number] += len(new)
            runs = hashed[new]
            for rows in (1, 2, 4, 8):  # a run grows to _RUN rows; of fewer rows none is left
                runs = runs[:-rows] * np.uint64(0x9E3779B97F4A7C15) + runs[rows:]
            kept = np.flatnonzero(runs % every == 0)
            places.append((row + new[kept]).astype(np.int32))
            hashes.append(runs[kept])
    return np.concatenate(places), np.concatenate(hashes), changes


def _shared(recording: Int32, rows: Int32, runs: NDArray[np.uint64]) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield two recordings with the same runs in sequence, their number, how far apart, the row in the second."""
    order = np.argsort(runs, kind="stable")
    again = np.flatnonzero(runs[order[1:]] == runs[order[:-1]])
    earlier = np.full(len(runs), -1)
    earlier[order[again + 1]] = order[again]
    # By chance a run may be like another one, but not also the next run like the next.
    next_too = (earlier[1:] == earlier[:-1] + 1) & (recording[1:] == recording[:-1])
    linked = np.flatnonzero((earlier[:-1] >= 0) & next_too)
    pairs = np.column_stack([recording[earlier[linked]], recording[linked]])
    found = np.unique(pairs, axis=0, return_index=True, return_counts=True)
    for (one, other), place, count in zip(*(each.tolist() for each in found), strict=True):
        row = int(rows[linked[place]])
        yield one, other, count, row - int(rows[earlier[linked[place]]]), row


def _rounded(recordings: Recordings, numbers: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Yield those of these recordings that are of the same length and differ by less than the sensors' noise."""
    weights = np.random.default_rng(1).normal(size=(1000, recordings.signals.shape[1])).astype(np.float32)
    parts = {number: recordings.signals[slice(*recordings.bounds[number])] for number in numbers.tolist()}
    projected = {number: float(np.vdot(part[:1000], weights[: len(part)])) for number, part in parts.items()}
    # Copies have almost the same random projection: they are neighbours in its order.
    for one, other in pairwise(sorted(parts, key=lambda number: (len(parts[number]), projected[number]))):
        if len(parts[one]) == len(parts[other]) and len(np.unique(parts[one][:1000], axis=0)) >= _FEWEST:
            noise = white_noise(parts[one])
            away = np.sqrt(np.square(parts[one] - parts[other], dtype=np.float64).mean(axis=0))
            # In half of the channels that have some noise.
            if noise.any() and np.median(away[noise > 0] / noise[noise > 0]) <= _ROUNDED:
                yield min(one, other), max(one, other)


def drop_short(recordings: Recordings, window: int) -> Recordings:
    """Drop recordings without a full window, in place, with a warning; InputError if none is left."""
    lengths, names, rows = _longest_runs(recordings), recordings.names, np.diff(recordings.bounds, axis=1)[:, 0]
    kept = lengths >= window
    if kept.all():
        return recordings
    if not kept.any():
        longest = f"the longest, {names[lengths.argmax()]}, has {lengths.max()}; reduce model.window"
        raise InputError(f"all recordings ({len(kept)}) are too short for one window of {window} rows: {longest}")
    short = np.flatnonzero(~kept)
    dropped = f"{len(short)} of {len(kept)} recordings ({rows[short].sum()} of {rows.sum()} rows)"
    shown = name_some([names[number] for number in short], _SHOWN)
    log.warning("dropped %s, shorter than one window of %d rows: %s", dropped, window, shown)
    return recordings.only(np.repeat(kept, rows))


def constant_targets(subsets: Mapping[str, Float32], outputs: Sequence[str], kind: str | None) -> list[str]:
    """Describe subsets whose targets (n, outputs) lack a class of `kind`, are of one only, or do not vary."""
    found: dict[str, list[str]] = {}
    for name, targets in subsets.items():
        low, high = targets.min(axis=0), targets.max(axis=0)
        constant = high - low <= _SAME * np.maximum(np.abs(low), np.abs(high))
        axes = [f"target {outputs[axis]} is {low[axis]:g} mm" for axis in np.flatnonzero(constant).tolist()]
        one_class = [f"{kind} {outputs[low.argmax()]}"] if constant.all() else []
        for what in one_class if kind else axes:
            found.setdefault(what, []).append(name)
    advice, where = "r2 leaves it out there; remove it from model.axes", "in all samples of these subsets"
    if kind:
        others = "sectors" if kind == "sector" else "classes"
        advice = f"no score there tells how well other {others} are found; set data.label or sectors"
    advice += ", or check data and split"
    constants = [f"{what} {where}: {', '.join(names)}; {advice}" for what, names in found.items()]
    return constants + (_absent(subsets, outputs, kind) if kind else [])


def _absent(subsets: Mapping[str, Float32], outputs: Sequence[str], kind: str) -> list[str]:
    """Describe classes that train, validation or test lacks, with the samples that each subset has of them."""
    counts = np.array([targets.sum(axis=0) for targets in subsets.values()])  # (subsets, classes)
    # A subset of one class only is told of as such; calibration sets no class apart.
    needed = (np.count_nonzero(counts, axis=1) > 1) & (np.array([*subsets]) != "calibration")
    known = counts.any(axis=0) | (kind == "class")  # a plate need not reach into each sector
    absent = [
        f"{outputs[place]} ({', '.join(f'{counts[row, place]:.0f} {name}' for row, name in enumerate(subsets))})"
        for place in np.flatnonzero((counts[needed] == 0).any(axis=0) & known).tolist()
    ]
    some = f"samples of a {kind} are not in each subset: {name_some(absent, _SHOWN)}"
    advice = "what train lacks is never predicted, what test lacks is not tested: record it more often"
    return [f"{some}; {advice}, leave it out, or choose another split"] if absent else []
