"""Whole recordings or points held out: drawn, or dealt into folds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import CrossValidationConfig, DrawnSplitConfig
from forcepos.data.recordings import Int32
from forcepos.data.samples import Samples
from forcepos.data.splits.draws import calibration_units, draw, set_calibration_aside
from forcepos.data.splits.subsets import LEFT_OUT, TEST, TRAIN, VALIDATION
from forcepos.runtime.errors import InputError


def held_out(unit: Int32, config: DrawnSplitConfig, rng: np.random.Generator, units: str) -> NDArray[np.int8]:
    numbers, place = np.unique(unit, return_inverse=True)
    part = draw(len(numbers), config, rng, units)
    set_calibration_aside(part[None], calibration_units(config, int((part != TEST).sum())), rng)
    return part[place]


def fold(unit: Int32, config: CrossValidationConfig, rng: np.random.Generator) -> NDArray[np.int8]:
    """Units are dealt into folds, the same for every `config.fold`; that one is tested."""
    if config.fold is None:
        raise TypeError("a split is of one fold")
    numbers, place = np.unique(unit, return_inverse=True)
    dealt = rng.permutation(np.arange(len(numbers)) % config.folds)
    part = np.where(dealt == config.fold - 1, TEST, TRAIN).astype(np.int8)
    rest = rng.permutation(np.flatnonzero(part == TRAIN))
    validation = max(1, round(config.validation_ratio * len(rest)))
    if len(numbers) < config.folds or len(rest) - validation < 1:
        raise InputError(f"split.folds={config.folds}: {len(numbers)} {config.unit}s are too few")
    part[rest[:validation]] = VALIDATION
    set_calibration_aside(part[None], calibration_units(config, len(rest)), rng)
    return part[place]


def of_one_point(samples: Samples, deal: Callable[[Int32], NDArray[np.int8]]) -> NDArray[np.int8]:
    """(n,) the part that `deal` gives a window's point; a window in which the hand moves on is left out.

    Raises:
        InputError: no window is left.
    """
    point = samples.recordings.point
    run = np.cumsum(np.diff(point, prepend=point[:1]) != 0, dtype=np.int32)
    inside = run[samples.starts] == run[samples.last]
    if not inside.any():
        raise InputError(
            f"no window of {samples.window} rows lies within one point: make model.window smaller, "
            "or the points larger"
        )
    part = np.full(len(inside), LEFT_OUT, np.int8)
    part[inside] = deal(point[samples.starts[inside]])
    return part
