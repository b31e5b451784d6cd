"""Splits that draw whole units: time blocks, recordings, points or sessions, once or into folds."""

import logging
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from forcepos.config import schema
from forcepos.data.recordings import Samples
from forcepos.data.splits.split import DROPPED, VALIDATION, Split, Units, draw, set_calibration_aside, validate
from forcepos.data.splits.whole_units import WholeUnits
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

        Adjacent blocks of the same subset are joined. A window must lie within one such run of rows, `gap_s` away
        from its borders with other subsets; others are dropped.
        """
        recordings, blocks, gap = samples.recordings, self.count_blocks(samples), self._gap(samples)
        drawn = self._draw(len(recordings.bounds), blocks, np.random.default_rng(seed))
        subset = np.empty(len(recordings.recording), np.int8)
        for (start, stop), of_blocks in zip(recordings.bounds, drawn, strict=True):
            subset[start:stop] = of_blocks[time_blocks(stop - start, blocks)]
        border = np.flatnonzero((np.diff(subset) != 0) & (np.diff(recordings.recording) == 0)) + 1
        before, after = (
            np.searchsorted(border, rows, "right") for rows in (samples.starts - gap, samples.last + gap)
        )
        return np.where(before == after, subset[samples.starts], DROPPED).astype(np.int8)

    def _draw(self, recordings: int, blocks: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """(recordings, blocks) the subset of each time block."""
        drawn = np.array([draw(blocks, self, rng, "time blocks") for _ in range(recordings)])
        if recordings == 1 and self.calibration_ratio and np.count_nonzero(drawn == VALIDATION) == 1:
            # 110 blocks spare 9: calibrating with k units reaches k / (k + 1).
            log.warning(
                "no radius: one recording with split.blocks=%d has no time block to spare for calibration; "
                "by the default ratios, split.blocks=110 spares enough for evaluation.coverage=0.9, as do more "
                "recordings", blocks,
            )  # fmt: skip
        else:
            set_calibration_aside(drawn, self, rng)
        return drawn

    def units(self, samples: Samples) -> Units:
        """Return recordings; of a single one its time blocks: a calibration block might have been a test block."""
        recordings = samples.recordings
        if len(recordings.bounds) > 1:
            return super().units(samples)
        block = time_blocks(len(recordings.recording), self.count_blocks(samples))[samples.starts]
        return Units(block.astype(np.int32), "time blocks of one recording")

    def count_blocks(self, samples: Samples) -> int:
        """Return the number of time blocks of each recording.

        With `auto` five, or as many, three at least, as leave a window in a block of a recording of median length,
        between two others of different subsets.
        """
        if isinstance(self.blocks, int):
            return self.blocks
        rows = int(np.median(np.diff(samples.recordings.bounds, axis=1)))
        return int(np.clip(rows // (samples.window + 2 * self._gap(samples)), 3, 5))

    def _gap(self, samples: Samples) -> int:
        return samples.recordings.rows_in(self.gap_s, "split.gap_s")


def time_blocks(rows: int, blocks: int) -> NDArray[np.intp]:
    """Return the time block (rows,) of each row of a recording."""
    return np.arange(rows) * blocks // rows


@dataclass
class HeldOutRecordings(schema.DrawnSplitConfig, WholeUnits):
    """Answer how well the model does in a new visit to known points."""

    unit = "recording"


@dataclass
class HeldOutPoints(schema.DrawnSplitConfig, WholeUnits):
    """Answer how well the model does where the arm has never touched."""

    unit = "point"


@dataclass
class HeldOutSessions(schema.DrawnSplitConfig, WholeUnits):
    """Answer how well the model does in a session that it has never seen: trained on Monday, tested on Tuesday."""

    unit = "session"


@dataclass
class CrossValidation(schema.CrossValidationConfig, WholeUnits):
    """Answer how well the model does on each point, recording or session when it is held out."""

    def draw(self, classes: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.int8]:
        """Return the subset (units,) of each unit: one fold is tested, and a share of the others validates."""
        drawn = self.deal(len(classes), rng)
        if not validate(drawn, self, rng) or len(drawn) < self.folds:
            fewer = f": set split.folds={len(drawn)}" * (self.unit == "session" and len(drawn) > 1)
            raise InputError(f"split.folds={self.folds}: {len(drawn)} {self.unit}s are too few{fewer}")
        return drawn


def harder_split(split: schema.SplitConfig, name: str) -> Split | None:
    """Return the split of this name, with the ratios of `split`; None if it is that, or tests every unit."""
    if name == split.name or not isinstance(split, schema.DrawnSplitConfig):
        return None
    ratios = {key: value for key, value in vars(split).items() if key.endswith("_ratio")}
    plugin = schema.OWN_PLUGINS[f"split/{name}"]
    kinds = (HeldOutPoints, HeldOutRecordings, HeldOutSessions)
    return next(kind(name=name, plugin=plugin, **ratios) for kind in kinds if name == f"held_out_{kind.unit}s")
