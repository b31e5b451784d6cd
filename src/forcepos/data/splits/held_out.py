"""Splits that draw whole units: time blocks, recordings or points, once or into folds."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forcepos.config import schema
from forcepos.data.recordings import Int32, Recordings, Samples
from forcepos.data.splits.split import DROPPED, TEST, TRAIN, VALIDATION, Split, Units, draw, set_calibration_aside
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)


@dataclass
class Blocked(schema.BlockedSplitConfig, Split):
    """Answer how well the model does later in the same visit."""

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Cut each recording into time blocks, draw their subsets, and return the subset (n,) of each sample.

        Adjacent blocks of the same subset are joined. A window must lie within one such run of rows, `gap_s` away
        from its borders with other subsets; others are dropped.
        """
        rows = _subset_of_rows(samples.recordings, self, np.random.default_rng(seed))
        gap = samples.recordings.rows_in(self.gap_s, "split.gap_s")
        first, end = samples.starts, samples.last
        usable = _away_from_borders(samples.recordings, rows, gap)
        run = np.cumsum(np.diff(rows, prepend=rows[0]) != 0)
        inside = (run[first] == run[end]) & usable[first] & usable[end]
        return np.where(inside, rows[first], DROPPED).astype(np.int8)

    def units(self, samples: Samples) -> Units:
        """Return recordings; of a single one its time blocks: a calibration block might have been a test block."""
        recordings = samples.recordings
        if len(recordings.bounds) > 1:
            return super().units(samples)
        block = time_blocks(len(recordings.recording), self.blocks)[samples.starts]
        return Units(block.astype(np.int32), "time blocks of one recording")


def _subset_of_rows(
    recordings: Recordings, config: schema.BlockedSplitConfig, rng: np.random.Generator
) -> NDArray[np.int8]:
    drawn = np.array([draw(config.blocks, config, rng, "time blocks") for _ in recordings.bounds])
    if len(drawn) == 1 and config.calibration_ratio and np.count_nonzero(drawn == VALIDATION) == 1:
        # 110 blocks spare 9: calibrating with k units reaches k / (k + 1).
        log.warning(
            "no radius: one recording with split.blocks=%d has no time block to spare for calibration; by the "
            "default ratios, split.blocks=110 spares enough for evaluation.coverage=0.9, as do more recordings",
            config.blocks,
        )
    else:
        set_calibration_aside(drawn, config, rng)
    subset = np.empty(len(recordings.recording), np.int8)
    for (start, stop), of_blocks in zip(recordings.bounds, drawn, strict=True):
        subset[start:stop] = of_blocks[time_blocks(stop - start, config.blocks)]
    return subset


def time_blocks(rows: int, blocks: int) -> NDArray[np.intp]:
    """Return the time block (rows,) of each row of a recording."""
    return np.arange(rows) * blocks // rows


def _away_from_borders(recordings: Recordings, subset: NDArray[np.int8], gap: int) -> NDArray[np.bool_]:
    """(rows,) False within `gap` rows of a border between two subsets of one recording."""
    border = np.flatnonzero((np.diff(subset) != 0) & (np.diff(recordings.recording) == 0)) + 1
    usable = np.ones(len(subset), bool)
    for step in range(gap):
        usable[np.clip(border + step, 0, len(subset) - 1)] = False
        usable[np.clip(border - 1 - step, 0, len(subset) - 1)] = False
    return usable


@dataclass
class HeldOutRecordings(schema.DrawnSplitConfig, Split):
    """Answer how well the model does in a new visit to known points."""

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Draw the subset of each recording."""
        return _held_out(self.units(samples).number, self, np.random.default_rng(seed), "recordings")


@dataclass
class HeldOutPoints(schema.DrawnSplitConfig, Split):
    """Answer how well the model does where the arm has never touched."""

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Draw the subset of each point."""
        rng = np.random.default_rng(seed)
        return _by_point(samples, lambda unit: _held_out(unit, self, rng, "points"))

    def units(self, samples: Samples) -> Units:
        """Return the points."""
        return Units(samples.recordings.point[samples.starts], "points")


@dataclass
class CrossValidation(schema.CrossValidationConfig, Split):
    """Answer how well the model does on each point or recording when it is held out."""

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Deal points or recordings into folds, and test one of them."""
        rng = np.random.default_rng(seed)
        if self.unit == "point":
            return _by_point(samples, lambda unit: _fold(unit, self, rng))
        return _fold(self.units(samples).number, self, rng)

    def units(self, samples: Samples) -> Units:
        """Return what is dealt into folds."""
        points = Units(samples.recordings.point[samples.starts], "points")
        return points if self.unit == "point" else super().units(samples)


_HARDER = {"held_out_points": HeldOutPoints, "held_out_recordings": HeldOutRecordings}


def harder_split(split: schema.SplitConfig, name: str) -> Split | None:
    """Return the split of this name, with the ratios of `split`; None if it is that, or tests every unit."""
    if name == split.name or not isinstance(split, schema.DrawnSplitConfig):
        return None
    ratios = {key: value for key, value in vars(split).items() if key.endswith("_ratio")}
    return _HARDER[name](name=name, plugin=schema.OWN_PLUGINS[f"split/{name}"], **ratios)


def _held_out(
    unit: Int32, config: schema.DrawnSplitConfig, rng: np.random.Generator, units: str
) -> NDArray[np.int8]:
    """Draw the subset of each unit; return the subset (n,) of each sample, given its unit (n,)."""
    numbers, place = np.unique(unit, return_inverse=True)
    subset = draw(len(numbers), config, rng, units)
    set_calibration_aside(subset, config, rng)
    return subset[place]


def _fold(unit: Int32, config: schema.CrossValidationConfig, rng: np.random.Generator) -> NDArray[np.int8]:
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
