"""Which samples train, which choose, which test. What a score means is decided here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from forcepos.config.schema import (
    BlockedSplitConfig,
    CrossValidationConfig,
    DrawnSplitConfig,
    HeldOutPointsConfig,
    HeldOutRecordingsConfig,
    RandomSplitConfig,
    SplitConfig,
)
from forcepos.data.recordings import Int32
from forcepos.data.samples import Samples
from forcepos.data.splits.blocked import blocked
from forcepos.data.splits.draws import (
    LEFT_OUT,
    TEST,
    TRAIN,
    VALIDATION,
    calibration_units,
    draw,
    set_calibration_aside,
)
from forcepos.runtime.errors import InputError

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


def split_samples(samples: Samples, config: SplitConfig, seed: int) -> Split:
    """The parts that the config describes, drawn with `seed`.

    Raises:
        InputError: there is too little to draw from, or a part would be empty.
    """
    rng = np.random.default_rng(seed)
    recordings = samples.recordings
    match config:
        case RandomSplitConfig():
            return _random(len(samples.starts), config, seed, rng)
        case BlockedSplitConfig():
            part = blocked(samples, config, rng)
        case HeldOutRecordingsConfig():
            part = _held_out(recordings.recording[samples.starts], config, rng, "recordings")
        case HeldOutPointsConfig():
            part = _of_one_point(samples, lambda unit: _held_out(unit, config, rng, "points"))
        case CrossValidationConfig():
            part = (
                _of_one_point(samples, lambda unit: _fold(unit, config, rng))
                if config.unit == "point"
                else _fold(recordings.recording[samples.starts], config, rng)
            )
        case _:
            raise TypeError(f"not a split: {type(config)}")
    return _gather(part, config)


def _random(count: int, config: RandomSplitConfig, seed: int, rng: np.random.Generator) -> Split:
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
    spared = np.zeros(len(validation), bool)
    spared[rng.permutation(len(validation))[: round(config.calibration_ratio * len(rest))]] = True
    parts = train, validation[~spared], test, validation[spared]
    return Split(*(members.astype(np.int32) for members in parts))


def _gather(part: NDArray[np.int8], config: SplitConfig) -> Split:
    parts = [np.flatnonzero(part == number).astype(np.int32) for number in range(len(_PARTS))]
    for name, members in zip(_PARTS, parts, strict=True):
        if len(members) == 0 and name != "calibration":
            raise InputError(
                f"split={config.name} leaves no {name} samples: record more rows, "
                "or change split.test_ratio, split.validation_ratio, split.gap_s or model.window"
            )
    return Split(*parts)


def _held_out(unit: Int32, config: DrawnSplitConfig, rng: np.random.Generator, units: str) -> NDArray[np.int8]:
    numbers, place = np.unique(unit, return_inverse=True)
    part = draw(len(numbers), config, rng, units)
    set_calibration_aside(part[None], calibration_units(config, int((part != TEST).sum())), rng)
    return part[place]


def _fold(unit: Int32, config: CrossValidationConfig, rng: np.random.Generator) -> NDArray[np.int8]:
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


def _of_one_point(samples: Samples, deal: Callable[[Int32], NDArray[np.int8]]) -> NDArray[np.int8]:
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
