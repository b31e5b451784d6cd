"""Which samples train, which choose, which test. What a score means is decided here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from forcepos.config import (
    BlockedSplitConfig,
    HeldOutPointsConfig,
    HeldOutRecordingsConfig,
    RandomSplitConfig,
    SplitConfig,
)
from forcepos.data.recordings import Int32, Recordings
from forcepos.data.samples import Samples
from forcepos.errors import InputError

TRAIN, VALIDATION, TEST = 0, 1, 2
PARTS = ("train", "validation", "test")
_LEFT_OUT = -1


@dataclass(frozen=True)
class Split:
    """Indices into a Samples' `starts`. Except with the random split, no row serves two parts."""

    train: Int32
    validation: Int32
    test: Int32


def split_samples(samples: Samples, config: SplitConfig, seed: int) -> Split:
    """The parts that the config describes, drawn with `seed`.

    Raises:
        InputError: there is too little to draw from, or a part would be empty.
    """
    chance = np.random.default_rng(seed)
    recordings = samples.recordings
    match config:
        case RandomSplitConfig():
            return _random(len(samples.starts), config, seed)
        case BlockedSplitConfig():
            part = _blocked(samples, config, chance)
        case HeldOutRecordingsConfig():
            part = _held_out(recordings.recording[samples.starts], config, chance, "recordings")
        case HeldOutPointsConfig():
            part = _held_out(recordings.point[samples.starts], config, chance, "points")
        case _:
            raise TypeError(f"not a split: {type(config)}")
    return _gather(part, config)


def _random(count: int, config: RandomSplitConfig, seed: int) -> Split:
    """scikit-learn's split, twice, as in the notebook: its random states give its samples in its order."""
    first, second = (
        own if own is not None else seed + place
        for place, own in enumerate((config.test_seed, config.validation_seed))
    )
    try:
        rest, test = train_test_split(np.arange(count), test_size=config.test_ratio, random_state=first)
        train, validation = train_test_split(rest, test_size=config.validation_ratio, random_state=second)
    except ValueError as error:
        raise InputError(f"split=random cannot share {count} samples among three parts: {error}") from error
    return Split(*(members.astype(np.int32) for members in (train, validation, test)))


def _gather(part: NDArray[np.int8], config: SplitConfig) -> Split:
    parts = [np.flatnonzero(part == number).astype(np.int32) for number in range(len(PARTS))]
    for name, members in zip(PARTS, parts, strict=True):
        if len(members) == 0:
            raise InputError(
                f"split={config.name} leaves no {name} samples: record more rows, "
                "or change split.test_ratio, split.validation_ratio, split.gap_s or model.window"
            )
    return Split(*parts)


def _draw(count: int, config: SplitConfig, chance: np.random.Generator, units: str) -> NDArray[np.int8]:
    """(count,) the part of each unit: at least one unit for each part."""
    test = max(1, round(config.test_ratio * count))
    validation = max(1, round(config.validation_ratio * (count - test)))
    if count - test - validation < 1:
        raise InputError(f"split={config.name} cannot share {count} {units} among three parts")
    part = np.full(count, TRAIN, np.int8)
    drawn = chance.permutation(count)
    part[drawn[:test]] = TEST
    part[drawn[test : test + validation]] = VALIDATION
    return part


def _held_out(unit: Int32, config: SplitConfig, chance: np.random.Generator, units: str) -> NDArray[np.int8]:
    numbers, place = np.unique(unit, return_inverse=True)
    return _draw(len(numbers), config, chance, units)[place]


def _blocked(samples: Samples, config: BlockedSplitConfig, chance: np.random.Generator) -> NDArray[np.int8]:
    """Each recording is cut into stretches, and neighbours of the same part are joined again.

    A window must lie within one such run of rows, `gap_s` away from its borders with other parts.
    """
    rows = _part_of_rows(samples.recordings, config, chance)
    gap = int(np.ceil(config.gap_s * samples.recordings.rate_hz))
    first, end = samples.starts, samples.last
    usable = _away_from_borders(samples.recordings, rows, gap)
    run = np.cumsum(np.diff(rows, prepend=rows[0]) != 0)
    inside = (run[first] == run[end]) & usable[first] & usable[end]
    return np.where(inside, rows[first], _LEFT_OUT).astype(np.int8)


def _part_of_rows(
    recordings: Recordings, config: BlockedSplitConfig, chance: np.random.Generator
) -> NDArray[np.int8]:
    part = np.empty(len(recordings.recording), np.int8)
    for start, stop in recordings.bounds:
        stretch = np.arange(stop - start) * config.blocks // (stop - start)
        part[start:stop] = _draw(config.blocks, config, chance, "stretches of time")[stretch]
    return part


def _away_from_borders(recordings: Recordings, part: NDArray[np.int8], gap: int) -> NDArray[np.bool_]:
    """(rows,) False within `gap` rows of a border between two parts of one recording."""
    border = np.flatnonzero((np.diff(part) != 0) & (np.diff(recordings.recording) == 0)) + 1
    usable = np.ones(len(part), bool)
    for step in range(gap):
        usable[np.clip(border + step, 0, len(part) - 1)] = False
        usable[np.clip(border - 1 - step, 0, len(part) - 1)] = False
    return usable
