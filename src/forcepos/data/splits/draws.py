"""Which units train, validate, test or calibrate: drawn by chance."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import DrawnSplitConfig, SplitConfig
from forcepos.data.splits.subsets import CALIBRATION, TEST, TRAIN, VALIDATION
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)


def draw(count: int, config: DrawnSplitConfig, rng: np.random.Generator, units: str) -> NDArray[np.int8]:
    """(count,) the part of each unit: at least one unit for training, validation and test each."""
    test = max(1, round(config.test_ratio * count))
    validation = max(1, round(config.validation_ratio * (count - test)))
    if count - test - validation < 1:
        raise InputError(f"split={config.name} cannot share {count} {units} among three parts")
    part = np.full(count, TRAIN, np.int8)
    drawn = rng.permutation(count)
    part[drawn[:test]] = TEST
    part[drawn[test : test + validation]] = VALIDATION
    return part


def set_calibration_aside(part: NDArray[np.int8], count: int, rng: np.random.Generator) -> None:
    """Of the units (groups, units) that would validate, `count` calibrate; at least one goes on validating.

    Taken from those, not from those that train, a calibration unit has as much training data beside it as a
    test unit has: a model errs alike on both, and what holds for one holds for the other.
    """
    validating = rng.permutation(np.argwhere(part == VALIDATION))
    if count >= len(validating):
        log.warning("split.calibration_ratio asks for %d units and %d can be spared", count, len(validating) - 1)
    for group, unit in validating[: min(count, len(validating) - 1)]:
        part[group, unit] = CALIBRATION


def calibration_units(config: SplitConfig, rest: int) -> int:
    """How many of `rest` units calibrate: at least one, unless none is asked for."""
    return max(1, round(config.calibration_ratio * rest)) if config.calibration_ratio else 0
