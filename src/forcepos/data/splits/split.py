"""What a split is: the subset that each sample belongs to, and the units that subsets are drawn in."""

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import DrawnSplitConfig, SplitConfig
from forcepos.data.recordings import Int32, Recordings, Samples, all_samples
from forcepos.runtime.errors import InputError, plugin_errors, plugin_name

log = logging.getLogger(__name__)

TRAIN, VALIDATION, TEST, CALIBRATION = 0, 1, 2, 3
DROPPED = -1
FOLDS = 5  # of the training subset, each of which evaluation.calibration=folds leaves out once
_WORTH_A_LINE = 0.1  # share of the samples that a split leaves out


@dataclass(frozen=True)
class Subsets:
    """Indices into a Samples' `starts`. Except with the random split, no row is in two subsets."""

    train: Int32  # networks learn from these
    validation: Int32  # trials and epochs are chosen by these
    test: Int32  # the final model is evaluated on these
    calibration: Int32 = field(default_factory=lambda: np.empty(0, np.int32))  # its radius is set by these, if any


def draw(
    count: int, config: DrawnSplitConfig, rng: np.random.Generator, units: str, least: int = 1
) -> NDArray[np.int8]:
    """Return the subset (count,) of each unit: at least `least` for each of training, validation and test."""
    test = max(least, round(config.test_ratio * count))
    validation = max(least, round(config.validation_ratio * (count - test)))
    if count - test - validation < 1:
        raise InputError(f"split={config.name} cannot divide {count} {units} into three subsets")
    subset, drawn = np.full(count, TRAIN, np.int8), rng.permutation(count)
    subset[drawn[:test]] = TEST
    subset[drawn[test : test + validation]] = VALIDATION
    return subset


def set_calibration_aside(subset: NDArray[np.int8], config: SplitConfig, rng: np.random.Generator) -> None:
    """Move validation units (…, units) to calibration, a share of all that are not tested; at least one remains.

    A calibration unit then has as much training data beside it as a test unit has: a model errs alike on both.
    """
    ratio = config.calibration_ratio
    count = max(1, round(ratio * np.count_nonzero(subset != TEST))) if ratio else 0
    validating = rng.permutation(np.argwhere(subset == VALIDATION))
    spared = min(count, len(validating) - 1)
    if spared < count:
        log.warning("split.calibration_ratio asks for %d units, but only %d can be spared", count, spared)
    subset[tuple(validating[:spared].T)] = CALIBRATION


@dataclass(frozen=True)
class Units:
    """Groups of samples that are not independent draws: (n,) group number of each, and what a group is."""

    number: Int32
    what: str = "recordings"


@dataclass
class Split(SplitConfig, ABC):
    """Divides samples into subsets; its fields are the keys of `split`.

    A run cuts the windows (`samples`), divides them once (`divide`), and calibrates by the units that new data
    differ in (`units`). What a score means depends on this choice: say in a docstring what it answers. Columns
    that `data.keep` names are in `samples.recordings.kept`, a value for each row.

    Attributes:
        leaks: whether neighbours in time may be in different subsets; the share of such test samples is reported.
        usual_loss: share of the samples that it may leave out without a warning; above a tenth it is logged.
        causes: why it leaves samples out.
        instead: a split that several short recordings allow.
    """

    usual_loss: ClassVar[float] = 0.1
    causes: ClassVar[str] = "its divide returned DROPPED for them"
    instead: ClassVar[str] = ""

    @abstractmethod
    def divide(self, samples: Samples, seed: int) -> NDArray[np.integer] | Subsets:
        """Return (n,) the subset of each sample: TRAIN, VALIDATION, TEST, CALIBRATION or DROPPED.

        These are in forcepos.data.splits.split, with `draw` and `set_calibration_aside`, which draw whole units
        by the ratios of a config. Where the order of samples matters, return Subsets.
        """

    def units(self, samples: Samples) -> Units:
        """Return the units that new data differ in: by default the recordings."""
        return Units(samples.recordings.recording[samples.starts])

    def parts(self, samples: Samples, train: Int32, count: int) -> list[tuple[Int32, Int32]]:
        """Return, `count` times, those training samples that go on training, and a part that is held out.

        A network that never saw a part errs on it as on test samples: by default, parts are of whole units.
        """
        _, unit = np.unique(self.units(samples.take(train)).number, return_inverse=True)
        dealt = np.random.default_rng(count).permutation(unit.max() + 1) % count
        return parts_of(train, dealt[unit])

    def samples(self, recordings: Recordings, window: int) -> Samples:
        """Return the samples to divide: by default all windows of all recordings."""
        return all_samples(recordings, window)

    def subsets(self, samples: Samples, seed: int) -> Subsets:
        """Divide samples with `seed`; InputError if a subset would be empty, or a split of a user's fails."""
        with plugin_errors(self, "divide"):
            divided = self.divide(samples, seed)
        if isinstance(divided, Subsets):
            return self._thinned(divided, samples, seed)
        subset, count, wrong = np.asarray(divided), len(samples.starts), ""
        if subset.shape != (count,) or subset.dtype.kind not in "iu":
            wrong = f"{subset.dtype} of shape {subset.shape}, not an integer for each of {count} samples"
        elif not np.isin(subset, range(DROPPED, CALIBRATION + 1)).all():
            wrong = f"{subset.min()} to {subset.max()}, not {DROPPED} to {CALIBRATION}"
        if wrong:
            raise InputError(f"{plugin_name(self)}: divide returned {wrong}")
        found = Subsets(*(np.flatnonzero(subset == number).astype(np.int32) for number in range(4)))
        if empty := [name for name in ("train", "validation", "test") if not len(getattr(found, name))]:
            keys = "split.test_ratio, split.validation_ratio, split.gap_s or model.window"
            keys += self.instead * (len(samples.recordings.bounds) > 2)
            raise InputError(f"split={self.name} leaves no {empty[0]} samples: record more rows, or change {keys}")
        share = np.count_nonzero(subset == DROPPED) / count
        if share > _WORTH_A_LINE:
            lost = f"leaves out {round(share * count)} of {count} samples ({100 * share:.0f} %): {self.causes}"
            log.log(logging.WARNING if share > self.usual_loss else logging.INFO, "split=%s %s", self.name, lost)
        return self._thinned(found, samples, seed)

    def _thinned(self, found: Subsets, samples: Samples, seed: int) -> Subsets:
        """Keep a share of the units that train, drawn such that a smaller share is part of a larger one."""
        if self.train_share == 1:
            return found
        units = self.units(samples)
        if len(np.unique(units.number[found.train])) == 1:  # of two sessions one trains
            units = Units(samples.recordings.recording[samples.starts])
        number = units.number[found.train]
        drawn = np.random.default_rng([seed, TRAIN]).permutation(np.unique(number))
        kept = drawn[: max(1, round(self.train_share * len(drawn)))]
        train = found.train[np.isin(number, kept)]
        counts = len(kept), len(drawn), units.what, len(train), len(number)
        log.info("split.train_share=%g: %d of %d %s train, %d of %d samples", self.train_share, *counts)
        return replace(found, train=train)


def parts_of(train: Int32, part: NDArray[np.integer]) -> list[tuple[Int32, Int32]]:
    """Return those training samples that are in other parts, and those that are in it, for each part (n,)."""
    parts = np.unique(part)
    return [(train[part != number], train[part == number]) for number in parts] if len(parts) > 1 else []


def near(samples: Samples, wanted: Int32, others: Int32, rows: int) -> NDArray[np.bool_]:
    """Return whether each wanted sample begins within so many rows of one of the others, in its recording."""
    starts, ordered = samples.starts[wanted], np.sort(samples.starts[others])
    recording = samples.recordings.recording
    place, found_near = np.searchsorted(ordered, starts), np.zeros(len(wanted), bool)
    for neighbour in (place - 1, place):
        found = ordered[np.clip(neighbour, 0, len(ordered) - 1)]
        found_near |= (np.abs(found - starts) <= rows) & (recording[found] == recording[starts])
    return found_near


def split_of(config: SplitConfig) -> Split:
    """Return the split of a checked config."""
    if not isinstance(config, Split):
        raise TypeError(f"not a split: {type(config)}")
    return config
