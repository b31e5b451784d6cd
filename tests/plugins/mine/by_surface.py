"""Hold out whole surfaces: how well does the model do on a material that it has never touched?"""

from dataclasses import dataclass

import numpy as np

import forcepos
from forcepos.config.schema import key
from forcepos.data.splits.split import TEST, TRAIN, VALIDATION


@dataclass
class BySurface(forcepos.Split):
    column: str = key("column with the surface, one of data.keep")
    test: list[str] = key("surfaces that are held out")

    def divide(self, samples, seed):
        recording = samples.recordings.recording[samples.starts]
        held_out = np.isin(samples.recordings.kept[self.column][samples.starts], self.test)
        drawn = np.random.default_rng(seed).permutation(np.unique(recording[~held_out]))
        validation = drawn[: max(1, round(self.validation_ratio * len(drawn)))]
        return np.select([held_out, np.isin(recording, validation)], [TEST, VALIDATION], TRAIN)
