"""The subsets of a split: which samples train, validate, test and calibrate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import SplitConfig
from forcepos.data.recordings import Int32
from forcepos.runtime.errors import InputError

TRAIN, VALIDATION, TEST, CALIBRATION = 0, 1, 2, 3
DROPPED = -1
_SUBSETS = ("train", "validation", "test", "calibration")  # in the order of their numbers


@dataclass(frozen=True)
class Split:
    """Indices into a Samples' `starts`. Except with the random split, no row is in two subsets.

    Attributes:
        train: samples that networks learn from.
        validation: samples that trials and epochs are chosen by.
        test: samples that the final model is evaluated on.
        calibration: samples that set the size of its uncertainty; may be empty.
    """

    train: Int32
    validation: Int32
    test: Int32
    calibration: Int32 = field(default_factory=lambda: np.empty(0, np.int32))


def gather(subset: NDArray[np.int8], config: SplitConfig) -> Split:
    """Gather the members of each subset from the subset (n,) of each sample.

    Raises:
        InputError: a subset other than the calibration subset is empty.
    """
    subsets = [np.flatnonzero(subset == number).astype(np.int32) for number in range(len(_SUBSETS))]
    for name, members in zip(_SUBSETS, subsets, strict=True):
        if len(members) == 0 and name != "calibration":
            raise InputError(
                f"split={config.name} leaves no {name} samples: record more rows, "
                "or change split.test_ratio, split.validation_ratio, split.gap_s or model.window"
            )
    return Split(*subsets)
