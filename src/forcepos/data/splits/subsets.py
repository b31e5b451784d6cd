"""The subsets of a split: which samples train, validate, test and calibrate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import SplitConfig
from forcepos.data.recordings import Int32
from forcepos.runtime.errors import InputError

TRAIN, VALIDATION, TEST, CALIBRATION = 0, 1, 2, 3
LEFT_OUT = -1
_PARTS = ("train", "validation", "test", "calibration")  # in the order of their numbers


def _nothing() -> Int32:
    return np.empty(0, np.int32)


@dataclass(frozen=True)
class Split:
    """Indices into a Samples' `starts`. Except with the random split, no row serves two parts.

    Attributes:
        train: what networks learn from.
        validation: what trials and epochs are chosen by.
        test: what the final model is measured on.
        calibration: what the size of its uncertainty is set by; may be empty.
    """

    train: Int32
    validation: Int32
    test: Int32
    calibration: Int32 = field(default_factory=_nothing)


def gather(part: NDArray[np.int8], config: SplitConfig) -> Split:
    parts = [np.flatnonzero(part == number).astype(np.int32) for number in range(len(_PARTS))]
    for name, members in zip(_PARTS, parts, strict=True):
        if len(members) == 0 and name != "calibration":
            raise InputError(
                f"split={config.name} leaves no {name} samples: record more rows, "
                "or change split.test_ratio, split.validation_ratio, split.gap_s or model.window"
            )
    return Split(*parts)
