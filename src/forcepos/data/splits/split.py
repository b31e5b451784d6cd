"""What a split is: the subset that each sample belongs to, and the units that samples are drawn in."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import SplitConfig
from forcepos.data.recordings import Int32, Recordings
from forcepos.data.samples import Samples, all_samples
from forcepos.data.splits.subsets import CALIBRATION, DROPPED, Subsets, gather
from forcepos.runtime.errors import InputError, plugin_errors, plugin_name


@dataclass(frozen=True)
class Units:
    """Groups of samples that are not independent draws: (n,) group number of each, and what a group is."""

    number: Int32
    what: str = "recordings"


@dataclass
class Split(SplitConfig, ABC):
    """Divides samples into subsets; its fields are the keys of `split`.

    A run cuts the windows (`samples`), divides them once (`divide`), and calibrates by the units that new data
    differ in (`units`). What a score means depends on this choice: say in a docstring what it answers. Columns
    that `data.keep` names are in `samples.recordings.kept`, a value for each row.

    Attributes:
        leaks: whether neighbours in time may be in different subsets; the share of such test samples is reported.
    """

    @abstractmethod
    def divide(self, samples: Samples, seed: int) -> NDArray[np.integer] | Subsets:
        """Return (n,) the subset of each sample: TRAIN, VALIDATION, TEST, CALIBRATION or DROPPED.

        These are in forcepos.data.splits.subsets, with `draw` and `set_calibration_aside`, which draw whole units
        by the ratios of a config. Where the order of samples matters, return Subsets.
        """

    def units(self, samples: Samples) -> Units:
        """Return the units that new data differ in: by default the recordings."""
        return Units(samples.recordings.recording[samples.starts])

    def samples(self, recordings: Recordings, window: int) -> Samples:
        """Return the samples to divide: by default all windows of all recordings."""
        return all_samples(recordings, window)

    def subsets(self, samples: Samples, seed: int) -> Subsets:
        """Divide samples with `seed`.

        Raises:
            InputError: there is too little to draw from, a subset would be empty, or a user's split fails.
        """
        with plugin_errors(self, "divide"):
            divided = self.divide(samples, seed)
        if isinstance(divided, Subsets):
            return divided
        subset = np.asarray(divided)
        if subset.shape != samples.starts.shape or subset.dtype.kind not in "iu":
            raise InputError(
                f"{plugin_name(self)}: divide returned {subset.dtype} of shape {subset.shape}, not an integer for "
                f"each of {len(samples.starts)} samples"
            )
        if subset.size and not (subset.min() >= DROPPED and subset.max() <= CALIBRATION):
            raise InputError(
                f"{plugin_name(self)}: divide returned {subset.min()} to {subset.max()}, "
                f"not {DROPPED} to {CALIBRATION}"
            )
        return gather(subset.astype(np.int8), self)


def split_samples(samples: Samples, config: SplitConfig, seed: int) -> Subsets:
    """Divide samples as a checked config says; see `Split.subsets`."""
    return split_of(config).subsets(samples, seed)


def split_of(config: SplitConfig) -> Split:
    """Return the split of a checked config."""
    if not isinstance(config, Split):
        raise TypeError(f"not a split: {type(config)}")
    return config
