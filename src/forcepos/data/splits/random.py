"""The random split, the notebook's: neighbours in time land on both sides."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import train_test_split

from forcepos.config.schema import RandomSplitConfig
from forcepos.data.splits.subsets import Split
from forcepos.runtime.errors import InputError


def random_split(count: int, config: RandomSplitConfig, seed: int, rng: np.random.Generator) -> Split:
    """scikit-learn's split, twice, as in the notebook: its random states give its samples in its order."""
    first, second = (
        own if own is not None else seed + place
        for place, own in enumerate((config.test_seed, config.validation_seed))
    )
    try:
        rest, test = train_test_split(np.arange(count), test_size=config.test_ratio, random_state=first)
        train, validation = train_test_split(rest, test_size=config.validation_ratio, random_state=second)
    except ValueError as error:
        raise InputError(f"split=random cannot share {count} samples among three parts: {error}") from error
    spared = np.zeros(len(validation), bool)
    spared[rng.permutation(len(validation))[: round(config.calibration_ratio * len(rest))]] = True
    parts = train, validation[~spared], test, validation[spared]
    return Split(*(members.astype(np.int32) for members in parts))
