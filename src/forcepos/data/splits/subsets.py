"""The subsets of a split: which samples train, validate, test and calibrate, and how units are drawn for them."""

import logging
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import DrawnSplitConfig, SplitConfig
from forcepos.data.recordings import Int32
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)

TRAIN, VALIDATION, TEST, CALIBRATION = 0, 1, 2, 3
DROPPED = -1
_SUBSETS = ("train", "validation", "test", "calibration")  # in the order of their numbers


@dataclass(frozen=True)
class Subsets:
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


def gather(subset: NDArray[np.int8], config: SplitConfig) -> Subsets:
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
    return Subsets(*subsets)


def draw(count: int, config: DrawnSplitConfig, rng: np.random.Generator, units: str) -> NDArray[np.int8]:
    """Return the subset (count,) of each unit: at least one unit each for training, validation and test."""
    test = max(1, round(config.test_ratio * count))
    validation = max(1, round(config.validation_ratio * (count - test)))
    if count - test - validation < 1:
        raise InputError(f"split={config.name} cannot divide {count} {units} into three subsets")
    subset = np.full(count, TRAIN, np.int8)
    drawn = rng.permutation(count)
    subset[drawn[:test]] = TEST
    subset[drawn[test : test + validation]] = VALIDATION
    return subset


def set_calibration_aside(subset: NDArray[np.int8], config: SplitConfig, rng: np.random.Generator) -> None:
    """Move validation units (…, units) to calibration, a share of all that are not tested; at least one remains.

    Taken from those, not from those that train, a calibration unit has as much training data beside it as a
    test unit has: a model errs alike on both, and what holds for one holds for the other.
    """
    ratio = config.calibration_ratio
    count = max(1, round(ratio * np.count_nonzero(subset != TEST))) if ratio else 0
    validating = rng.permutation(np.argwhere(subset == VALIDATION))
    if count >= len(validating):
        log.warning(
            "split.calibration_ratio asks for %d units, but only %d can be spared", count, len(validating) - 1
        )
    for unit in validating[: min(count, len(validating) - 1)]:
        subset[tuple(unit)] = CALIBRATION
