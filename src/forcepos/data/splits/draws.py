"""Random draws of the units that train, validate, test or calibrate."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import DrawnSplitConfig, SplitConfig
from forcepos.data.splits.subsets import CALIBRATION, TEST, TRAIN, VALIDATION
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)


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
