"""Splits that hold out whole recordings or points: drawn once, or dealt into folds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import (
    CrossValidationConfig,
    DrawnSplitConfig,
    HeldOutPointsConfig,
    HeldOutRecordingsConfig,
    SplitConfig,
)
from forcepos.data.recordings import Int32
from forcepos.data.samples import Samples
from forcepos.data.splits.split import Split, Units
from forcepos.data.splits.subsets import DROPPED, TEST, TRAIN, VALIDATION, draw, set_calibration_aside
from forcepos.runtime.errors import InputError


@dataclass
class HeldOutRecordings(HeldOutRecordingsConfig, Split):
    """Answer how well the model does in a new visit to known points."""

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Draw the subset of each recording."""
        return _held_out(
            samples.recordings.recording[samples.starts], self, np.random.default_rng(seed), "recordings"
        )


@dataclass
class HeldOutPoints(HeldOutPointsConfig, Split):
    """Answer how well the model does where the arm has never touched."""

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Draw the subset of each point."""
        rng = np.random.default_rng(seed)
        return _by_point(samples, lambda unit: _held_out(unit, self, rng, "points"))

    def units(self, samples: Samples) -> Units:
        """Return the points."""
        return _points(samples)


@dataclass
class CrossValidation(CrossValidationConfig, Split):
    """Answer how well the model does on each point or recording when it is held out."""

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Deal points or recordings into folds, and test one of them."""
        rng = np.random.default_rng(seed)
        if self.unit == "point":
            return _by_point(samples, lambda unit: _fold(unit, self, rng))
        return _fold(samples.recordings.recording[samples.starts], self, rng)

    def units(self, samples: Samples) -> Units:
        """Return what is dealt into folds."""
        return _points(samples) if self.unit == "point" else super().units(samples)


def _points(samples: Samples) -> Units:
    return Units(samples.recordings.point[samples.starts], "points")


_HARDER = {"held_out_points": HeldOutPoints, "held_out_recordings": HeldOutRecordings}


def harder_split(split: SplitConfig, name: str) -> Split | None:
    """Return the split of this name, with the ratios of `split`; None if it is that, or tests every unit."""
    if name == split.name or not isinstance(split, DrawnSplitConfig):
        return None
    return _HARDER[name](
        name=name,
        test_ratio=split.test_ratio,
        validation_ratio=split.validation_ratio,
        calibration_ratio=split.calibration_ratio,
    )


def _held_out(unit: Int32, config: DrawnSplitConfig, rng: np.random.Generator, units: str) -> NDArray[np.int8]:
    """Draw the subset of each unit; return the subset (n,) of each sample, given its unit (n,)."""
    numbers, place = np.unique(unit, return_inverse=True)
    subset = draw(len(numbers), config, rng, units)
    set_calibration_aside(subset, config, rng)
    return subset[place]


def _fold(unit: Int32, config: CrossValidationConfig, rng: np.random.Generator) -> NDArray[np.int8]:
    """Deal units into folds, the same for every `config.fold`, and test that fold.

    Returns the subset (n,) of each sample, given its unit (n,).
    """
    if config.fold is None:
        raise TypeError("config.fold must name one fold")
    numbers, place = np.unique(unit, return_inverse=True)
    dealt = rng.permutation(np.arange(len(numbers)) % config.folds)
    subset = np.where(dealt == config.fold - 1, TEST, TRAIN).astype(np.int8)
    rest = rng.permutation(np.flatnonzero(subset == TRAIN))
    validation = max(1, round(config.validation_ratio * len(rest)))
    if len(numbers) < config.folds or len(rest) - validation < 1:
        raise InputError(f"split.folds={config.folds}: {len(numbers)} {config.unit}s are too few")
    subset[rest[:validation]] = VALIDATION
    set_calibration_aside(subset, config, rng)
    return subset[place]


def _by_point(samples: Samples, assign: Callable[[Int32], NDArray[np.int8]]) -> NDArray[np.int8]:
    """Return the subset (n,) that `assign` gives the point of each window; drop windows that span two points.

    Raises:
        InputError: no window is left.
    """
    point = samples.recordings.point
    run = np.cumsum(np.diff(point, prepend=point[:1]) != 0, dtype=np.int32)
    inside = run[samples.starts] == run[samples.last]
    if not inside.any():
        raise InputError(
            f"no window of {samples.window} rows lies within one point: reduce model.window, or enlarge the points"
        )
    subset = np.full(len(inside), DROPPED, np.int8)
    subset[inside] = assign(point[samples.starts[inside]])
    return subset
