"""The random split, the notebook's: neighbours in time end up in different subsets."""

from dataclasses import dataclass

import numpy as np

from forcepos.config.schema import RandomSplitConfig
from forcepos.data.recordings import Int32, Recordings
from forcepos.data.samples import Samples
from forcepos.data.splits.notebook import shuffled_samples
from forcepos.data.splits.split import Split
from forcepos.data.splits.subsets import Subsets
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
        first, second = (
            own if own is not None else seed + place
            for place, own in enumerate((self.test_seed, self.validation_seed))
        )
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
