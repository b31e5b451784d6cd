"""The random split, the notebook's: neighbours in time end up in different subsets."""

import re
from dataclasses import dataclass, replace

import numpy as np

from forcepos.config.schema import RandomSplitConfig
from forcepos.data.recordings import Int32, Recordings, Samples, all_samples
from forcepos.data.splits.split import Split, Subsets, near, parts_of
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
        found = train, validation[~spared], test, validation[spared]
        return Subsets(*(members.astype(np.int32) for members in found))

    def parts(self, samples: Samples, train: Int32, count: int) -> list[tuple[Int32, Int32]]:  # noqa: ARG002
        """Hold out samples, as they are tested."""
        return parts_of(train, np.random.default_rng(count).permutation(len(train)) % count)


def leaked_share(samples: Samples, train: Int32, test: Int32) -> float:
    """Return the share of test samples that share rows with or are next to a training sample, in one recording."""
    return float(near(samples, test, train, samples.window).mean())


def shuffled_samples(recordings: Recordings, window: int, seed: int) -> Samples:
    """Make samples in the notebook's order, a window being `window` random rows of one point.

    As there, all rows are shuffled with pandas' `sample(frac=1, random_state=seed)`. Single rows are taken in that
    order; windows are cut point by point, i before j, all visits of a point counting as one.
    """
    shuffled = np.random.RandomState(seed).choice(len(recordings.point), len(recordings.point), replace=False)
    rank = _rank_of_points(recordings)
    by_point = shuffled[np.argsort(rank[recordings.point[shuffled]], kind="stable")]
    point = rank[recordings.point[by_point]]
    fields = {name: getattr(recordings, name) for name in ("signals", "positions", "labels", "session")}
    fields = {name: values[by_point] for name, values in fields.items() if values is not None}
    fields["kept"] = {name: values[by_point] for name, values in recordings.kept.items()}
    names = tuple(f"point {number}" for number in range(len(rank)))
    # Rows are no longer in time order.
    joined = replace(recordings, recording=point, point=point, row=None, names=names, **fields)
    if window > 1:
        return all_samples(joined, window)
    return Samples(joined, np.argsort(by_point)[shuffled].astype(np.int32), window)


def _rank_of_points(recordings: Recordings) -> Int32:
    """(points,) position of each point in the notebook's loops over i and j, read from its recordings' names."""
    points, first = np.unique(recordings.point[recordings.bounds[:, 0]], return_index=True)
    count = int(recordings.point.max()) + 1
    if len(points) < count:  # the name of a recording that moves from point to point gives no point
        return np.arange(count, dtype=np.int32)
    numbers = [[int(digits) for digits in re.findall(r"\d+", recordings.names[place])] for place in first]
    return np.argsort(sorted(range(count), key=lambda point: numbers[point])).astype(np.int32)
