"""The random split, the notebook's: neighbours in time end up in different subsets."""

import re
from dataclasses import dataclass, replace

import numpy as np

from forcepos.config.schema import RandomSplitConfig
from forcepos.data.recordings import Int32, Recordings, Samples, all_samples
from forcepos.data.splits.split import Split, Subsets
from forcepos.runtime.errors import InputError


@dataclass
class Random(RandomSplitConfig, Split):
    """Answer how well the model does between rows that it was trained on."""

    def samples(self, recordings: Recordings, window: int) -> Samples:
        """Return all windows; with `shuffle_rows`, the notebook's."""
        if self.shuffle_rows:
            return shuffled_samples(recordings, window, self.shuffle_seed)
        return super().samples(recordings, window)

    def divide(self, samples: Samples, seed: int) -> Subsets:
        """Split twice with scikit-learn, as in the notebook: its random states give its samples in its order."""
        from sklearn.model_selection import train_test_split  # noqa: PLC0415  # takes a second

        count, rng = len(samples.starts), np.random.default_rng(seed)
        first = seed if self.test_seed is None else self.test_seed
        second = seed + 1 if self.validation_seed is None else self.validation_seed
        try:
            rest, test = train_test_split(np.arange(count), test_size=self.test_ratio, random_state=first)
            train, validation = train_test_split(rest, test_size=self.validation_ratio, random_state=second)
        except ValueError as error:
            raise InputError(f"split=random cannot divide {count} samples into three subsets: {error}") from error
        spared = np.zeros(len(validation), bool)
        spared[rng.permutation(len(validation))[: round(self.calibration_ratio * len(rest))]] = True
        subsets = train, validation[~spared], test, validation[spared]
        return Subsets(*(members.astype(np.int32) for members in subsets))


def leaked_share(samples: Samples, train: Int32, test: Int32) -> float:
    """Return the share of test samples within a window's length of a training sample of the same recording.

    Two such samples share rows or are adjacent.
    """
    starts, recording = samples.starts[train].astype(np.int64), samples.recordings.recording
    ordered = np.sort(starts)
    wanted = samples.starts[test].astype(np.int64)
    place = np.searchsorted(ordered, wanted)
    near = np.zeros(len(test), bool)
    for neighbour in (np.clip(place - 1, 0, None), np.clip(place, None, len(ordered) - 1)):
        found = ordered[neighbour]
        near |= (np.abs(found - wanted) <= samples.window) & (recording[found] == recording[wanted])
    return float(near.mean())


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
        session=None if recordings.session is None else recordings.session[by_point],
        row=None,  # rows are no longer in time order
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
