"""Splits that draw whole units: time blocks, recordings, points or sessions, once or into folds."""

import logging
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from forcepos.config import schema
from forcepos.data.recordings import Int32, Recordings, Samples
from forcepos.data.splits import split as drawing
from forcepos.data.splits.split import DROPPED, TEST, TRAIN, VALIDATION, Split, Units, set_calibration_aside
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)


@dataclass
class Blocked(schema.BlockedSplitConfig, Split):
    """Answer how well the model does later in the same visit."""

    instead: ClassVar[str] = ", or choose split=held_out_recordings"
    usual_loss: ClassVar[float] = 0.5  # every border costs windows: 39 % on the simulated arm
    causes: ClassVar[str] = (
        "windows across a border of time blocks, or within split.gap_s of one; longer recordings, fewer "
        "split.blocks, or a smaller split.gap_s or model.window keep more"
    )

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Cut each recording into time blocks, draw their subsets, and return the subset (n,) of each sample.

        Windows across a border of two subsets, or nearer to one than `gap_s`, are dropped.
        """
        recordings, blocks, gap = samples.recordings, self._count_blocks(samples), self._gap(samples)
        drawn = self._draw(len(recordings.bounds), blocks, np.random.default_rng(seed))
        subset = np.empty(len(recordings.recording), np.int8)
        for (start, stop), of_blocks in zip(recordings.bounds.tolist(), drawn, strict=True):
            subset[start:stop] = of_blocks[np.arange(stop - start) * blocks // (stop - start)]
        border = np.flatnonzero((np.diff(subset) != 0) & (np.diff(recordings.recording) == 0)) + 1
        before = np.searchsorted(border, samples.starts - gap, "right")
        after = np.searchsorted(border, samples.last + gap, "right")
        return np.where(before == after, subset[samples.starts], DROPPED).astype(np.int8)

    def _draw(self, recordings: int, blocks: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """(recordings, blocks) the subset of each time block."""
        drawn = np.array([drawing.draw(blocks, self, rng, "time blocks") for _ in range(recordings)])
        if recordings == 1 and self.calibration_ratio and np.count_nonzero(drawn == VALIDATION) == 1:
            # 110 blocks spare 9: calibrating with k units reaches k / (k + 1).
            few = f"one recording with split.blocks={blocks} has no time block to spare for calibration"
            enough = "split.blocks=110 spares enough for evaluation.coverage=0.9, as do more recordings"
            log.warning("no radius: %s; by the default ratios, %s", few, enough)
        else:
            set_calibration_aside(drawn, self, rng)
        return drawn

    def units(self, samples: Samples) -> Units:
        """Return recordings; of a single one its time blocks: a calibration block might have been a test block."""
        if len(samples.recordings.bounds) > 1:
            return super().units(samples)
        block = samples.starts.astype(np.int64) * self._count_blocks(samples) // len(samples.recordings.recording)
        return Units(block.astype(np.int32), "time blocks of one recording")

    def parts(self, samples: Samples, train: Int32, count: int) -> list[tuple[Int32, Int32]]:
        """Hold out a stretch of each recording, and drop windows near to it; of short recordings, whole ones."""
        train = np.sort(train)
        _, sizes = np.unique(samples.recordings.recording[samples.starts[train]], return_counts=True)
        rank = np.arange(len(train)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        found = drawing.parts_of(train, rank * count // np.repeat(sizes, sizes))
        apart = samples.window + self._gap(samples)
        found = [(inside[~drawing.near(samples, inside, outside, apart)], outside) for inside, outside in found]
        short = min((len(inside) for inside, _ in found), default=0) < len(train) / 3
        return super().parts(samples, train, count) if short else found

    def _count_blocks(self, samples: Samples) -> int:
        """Return the time blocks of a recording; `auto`: 3 to 5, as leave a window in those of a median one."""
        if isinstance(self.blocks, int):
            return self.blocks
        rows = int(np.median(np.diff(samples.recordings.bounds, axis=1)))
        return int(np.clip(rows // (samples.window + 2 * self._gap(samples)), 3, 5))

    def _gap(self, samples: Samples) -> int:
        return samples.recordings.rows_in(self.gap_s, "split.gap_s")


class WholeUnits(Split):
    """Divides units as a whole; windows that span two of them are dropped."""

    causes = "windows that span two of its units; reduce model.window, or enlarge points and sessions"
    unit: str  # point, recording or session
    folds: int = 2  # of two sessions, one of which is tested
    fold: int | None = 1

    def units(self, samples: Samples) -> Units:
        """Return what is drawn."""
        return Units(self._numbers(samples.recordings)[samples.starts], f"{self.unit}s")

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Draw the subset of each unit; of two sessions one is tested, and recordings of the other validate."""
        number, rng = self._numbers(samples.recordings), np.random.default_rng(seed)
        run = np.cumsum(np.diff(number, prepend=number[:1]) != 0, dtype=np.int32)
        inside = np.flatnonzero(run[samples.starts] == run[samples.last])
        if not len(inside):
            hint = f"reduce model.window, or enlarge the {self.unit}s"
            raise InputError(f"no window of {samples.window} rows lies within one {self.unit}: {hint}")
        starts = samples.starts[inside]
        numbers, place = np.unique(number[starts], return_inverse=True)
        if self.unit == "session" and len(numbers) == self.folds == 2:
            tested = self.deal(2, rng)[place] == TEST
            recording = np.where(tested, -1, samples.recordings.recording[starts])
            numbers, place = np.unique(recording, return_inverse=True)
            drawn = np.where(numbers < 0, TEST, TRAIN).astype(np.int8)
            if not self.validate(drawn, rng):
                only = "the session that trains has one recording, which leaves none to validate"
                raise InputError(f"split={self.name}: {only}; record more, or a third session")
        else:
            drawn = self.draw(_classes(samples.take(inside), place), rng)
        set_calibration_aside(drawn, self, rng)
        subset = np.full(len(samples.starts), DROPPED, np.int8)
        subset[inside] = drawn[place]
        return subset

    def draw(self, classes: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.int8]:
        """Return the subset (units,) of each unit: one fold is tested, and a share of the others validates."""
        drawn = self.deal(len(classes), rng)
        if not self.validate(drawn, rng) or len(drawn) < self.folds:
            fewer = f": set split.folds={len(drawn)}" * (self.unit == "session" and len(drawn) > 1)
            raise InputError(f"split.folds={self.folds}: {len(drawn)} {self.unit}s are too few{fewer}")
        return drawn

    def validate(self, subset: NDArray[np.int8], rng: np.random.Generator) -> bool:
        """Move a share of the units that train (units,) to validation; return whether any are left."""
        rest = rng.permutation(np.flatnonzero(subset == TRAIN))
        moved = rest[: max(1, round(self.validation_ratio * len(rest)))]
        subset[moved] = VALIDATION
        return len(moved) < len(rest)

    def deal(self, units: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """Deal units into folds, the same for every `fold`, which is tested; the others train (units,)."""
        dealt = 1 + rng.permutation(np.arange(units) % self.folds)
        return np.where(dealt == self.fold, TEST, TRAIN).astype(np.int8)

    def _numbers(self, recordings: Recordings) -> Int32:
        """Return the unit (rows,) of each row."""
        number: Int32 | None = getattr(recordings, self.unit)
        if number is None:
            hint = "name their column in data.session, or their part of a file's path in data.session_from"
            raise InputError(f"split={self.name} needs sessions: {hint}")
        return number


def _classes(samples: Samples, place: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the class (units,) that most samples of a unit have, given its number (n,); 0 without any."""
    labels = samples.recordings.labels
    label = np.zeros(len(place), np.intp) if labels is None else labels[samples.last].astype(np.intp)
    counts = np.zeros((place.max() + 1, label.max() + 1), np.intp)
    np.add.at(counts, (place, label), 1)
    return np.asarray(counts.argmax(axis=1))


@dataclass
class CrossValidation(schema.CrossValidationConfig, WholeUnits):
    """Answer how well the model does on each point, recording or session when it is held out."""


class Drawn(schema.DrawnSplitConfig, WholeUnits):
    """Draws each unit once, by the ratios of the config."""

    def draw(self, classes: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.int8]:
        """Return the subset (units,) of each unit, drawn within each class (units,) that has at least three.

        Of two units one is tested, one trains. Without classes, six units spare two each for validation and test.
        """
        sizes, units = np.bincount(classes), f"{self.unit}s"
        if np.count_nonzero(sizes) == 1 or sizes.max() < 3:
            return drawing.draw(len(classes), self, rng, units, least=1 + (len(classes) > 5))
        subset = np.full(len(classes), TRAIN, np.int8)
        for number, size in enumerate(sizes.tolist()):
            if size > 2:
                subset[classes == number] = drawing.draw(size, self, rng, units)
            elif size == 2:
                subset[rng.choice(np.flatnonzero(classes == number))] = TEST
        return subset


@dataclass
class HeldOutRecordings(Drawn):
    """Answer how well the model does in a new visit to known points."""

    unit = "recording"


@dataclass
class HeldOutPoints(Drawn):
    """Answer how well the model does where the arm has never touched."""

    unit = "point"


@dataclass
class HeldOutSessions(Drawn):
    """Answer how well the model does in a session that it has never seen: trained on Monday, tested on Tuesday."""

    unit = "session"


def harder_split(split: schema.SplitConfig, name: str) -> Split | None:
    """Return the split of this name, with the ratios of `split`; None if it is that, or tests every unit."""
    if name == split.name or not isinstance(split, schema.DrawnSplitConfig):
        return None
    ratios = {key: value for key, value in vars(split).items() if key.endswith(("_ratio", "_share"))}
    kinds = (HeldOutPoints, HeldOutRecordings, HeldOutSessions)
    kind = next(kind for kind in kinds if name == f"held_out_{kind.unit}s")
    return kind(name=name, plugin=schema.OWN_PLUGINS[f"split/{name}"], **ratios)
