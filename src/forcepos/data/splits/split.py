"""Divides samples into subsets for training, validation, testing and calibration."""

from __future__ import annotations

import numpy as np

from forcepos.config.schema import (
    BlockedSplitConfig,
    CrossValidationConfig,
    HeldOutPointsConfig,
    HeldOutRecordingsConfig,
    RandomSplitConfig,
    SplitConfig,
)
from forcepos.data.samples import Samples
from forcepos.data.splits.blocked import blocked
from forcepos.data.splits.held_out import fold, held_out, split_by_point
from forcepos.data.splits.random import random_split
from forcepos.data.splits.subsets import Split, gather


def split_samples(samples: Samples, config: SplitConfig, seed: int) -> Split:
    """Draw the subsets that the config describes with `seed`; what a score means depends on this choice.

    Raises:
        InputError: there is too little to draw from, or a subset would be empty.
    """
    rng = np.random.default_rng(seed)
    recordings = samples.recordings
    match config:
        case RandomSplitConfig():
            return random_split(len(samples.starts), config, seed, rng)
        case BlockedSplitConfig():
            subset = blocked(samples, config, rng)
        case HeldOutRecordingsConfig():
            subset = held_out(recordings.recording[samples.starts], config, rng, "recordings")
        case HeldOutPointsConfig():
            subset = split_by_point(samples, lambda unit: held_out(unit, config, rng, "points"))
        case CrossValidationConfig():
            subset = (
                split_by_point(samples, lambda unit: fold(unit, config, rng))
                if config.unit == "point"
                else fold(recordings.recording[samples.starts], config, rng)
            )
        case _:
            raise TypeError(f"not a split: {type(config)}")
    return gather(subset, config)
