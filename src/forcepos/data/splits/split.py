"""Which samples train, which choose, which test. What a score means is decided here."""

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
from forcepos.data.splits.held_out import fold, held_out, of_one_point
from forcepos.data.splits.random import random_split
from forcepos.data.splits.subsets import Split, gather


def split_samples(samples: Samples, config: SplitConfig, seed: int) -> Split:
    """The parts that the config describes, drawn with `seed`.

    Raises:
        InputError: there is too little to draw from, or a part would be empty.
    """
    rng = np.random.default_rng(seed)
    recordings = samples.recordings
    match config:
        case RandomSplitConfig():
            return random_split(len(samples.starts), config, seed, rng)
        case BlockedSplitConfig():
            part = blocked(samples, config, rng)
        case HeldOutRecordingsConfig():
            part = held_out(recordings.recording[samples.starts], config, rng, "recordings")
        case HeldOutPointsConfig():
            part = of_one_point(samples, lambda unit: held_out(unit, config, rng, "points"))
        case CrossValidationConfig():
            part = (
                of_one_point(samples, lambda unit: fold(unit, config, rng))
                if config.unit == "point"
                else fold(recordings.recording[samples.starts], config, rng)
            )
        case _:
            raise TypeError(f"not a split: {type(config)}")
    return gather(part, config)
