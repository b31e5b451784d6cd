"""The random split, the notebook's: neighbours in time end up in different subsets."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import train_test_split

from forcepos.config.schema import RandomSplitConfig
from forcepos.data.recordings import Int32
from forcepos.data.samples import Samples
from forcepos.data.splits.subsets import Split
from forcepos.runtime.errors import InputError


def random_split(count: int, config: RandomSplitConfig, seed: int, rng: np.random.Generator) -> Split:
    """Split twice with scikit-learn, as in the notebook: its random states give its samples in its order."""
    first, second = (
        own if own is not None else seed + place
        for place, own in enumerate((config.test_seed, config.validation_seed))
    )
    try:
        rest, test = train_test_split(np.arange(count), test_size=config.test_ratio, random_state=first)
        train, validation = train_test_split(rest, test_size=config.validation_ratio, random_state=second)
    except ValueError as error:
        raise InputError(f"split=random cannot divide {count} samples into three subsets: {error}") from error
    spared = np.zeros(len(validation), bool)
    spared[rng.permutation(len(validation))[: round(config.calibration_ratio * len(rest))]] = True
    subsets = train, validation[~spared], test, validation[spared]
    return Split(*(members.astype(np.int32) for members in subsets))


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
