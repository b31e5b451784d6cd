"""The notebook's way of making samples, its mistake included: rows are shuffled before windows are cut."""

import re
from dataclasses import replace

import numpy as np

from forcepos.data.recordings import Int32, Recordings
from forcepos.data.samples import Samples, all_samples


def shuffled_samples(recordings: Recordings, window: int, seed: int) -> Samples:
    """Make samples in the notebook's order, a window being `window` random rows of one point.

    As there, all rows are shuffled with pandas' `sample(frac=1, random_state=seed)`. Single rows are taken in that
    order; windows are cut point by point, i before j, all visits of a point counting as one.
    """
    shuffled = np.random.RandomState(seed).choice(len(recordings.point), len(recordings.point), replace=False)
    rank = _rank_of_points(recordings)
    by_point = shuffled[np.argsort(rank[recordings.point[shuffled]], kind="stable")]
    point = rank[recordings.point[by_point]]
    joined = replace(
        recordings,
        signals=recordings.signals[by_point],
        positions=recordings.positions[by_point],
        recording=point,
        point=point,
        labels=None if recordings.labels is None else recordings.labels[by_point],
        names=tuple(f"point {number}" for number in range(len(rank))),
        kept={name: values[by_point] for name, values in recordings.kept.items()},
    )
    if window > 1:
        return all_samples(joined, window)
    place = np.empty(len(shuffled), np.int32)
    place[by_point] = np.arange(len(shuffled), dtype=np.int32)
    return Samples(joined, place[shuffled], window)


def _rank_of_points(recordings: Recordings) -> Int32:
    """(points,) position of each point in the notebook's loops over i and j, read from its recordings' names."""
    points, first = np.unique(recordings.point[recordings.bounds[:, 0]], return_index=True)
    count = int(recordings.point.max()) + 1
    if len(points) < count:  # the name of a recording that moves from point to point gives no point
        return np.arange(count, dtype=np.int32)
    numbers = [[int(digits) for digits in re.findall(r"\d+", recordings.names[place])] for place in first]
    rank = np.empty(len(first), np.int32)
    rank[sorted(range(len(first)), key=lambda point: numbers[point])] = np.arange(len(first), dtype=np.int32)
    return rank
