"""Splits that draw whole units: time blocks, recordings or points, once or into folds."""

import logging
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from forcepos.config import schema
from forcepos.data.recordings import Int32, Recordings, Samples
from forcepos.data.splits.split import DROPPED, VALIDATION, Split, Units, draw, set_calibration_aside
from forcepos.data.splits.whole_units import Whole, deal, hold_out, sessions

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
        rows = _subset_of_rows(samples.recordings, self, self.count_blocks(samples), np.random.default_rng(seed))
        gap = self._gap(samples)
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
        needed = samples.window + 2 * self._gap(samples)
        return next((blocks for blocks in (5, 4) if rows // blocks >= needed), 3)

    def _gap(self, samples: Samples) -> int:
        return samples.recordings.rows_in(self.gap_s, "split.gap_s")


def _subset_of_rows(
    recordings: Recordings, config: schema.BlockedSplitConfig, blocks: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    drawn = np.array([draw(blocks, config, rng, "time blocks") for _ in recordings.bounds])
    if len(drawn) == 1 and config.calibration_ratio and np.count_nonzero(drawn == VALIDATION) == 1:
        # 110 blocks spare 9: calibrating with k units reaches k / (k + 1).
        log.warning(
            "no radius: one recording with split.blocks=%d has no time block to spare for calibration; by the "
            "default ratios, split.blocks=110 spares enough for evaluation.coverage=0.9, as do more recordings",
            blocks,
        )
    else:
        set_calibration_aside(drawn, config, rng)
    subset = np.empty(len(recordings.recording), np.int8)
    for (start, stop), of_blocks in zip(recordings.bounds, drawn, strict=True):
        subset[start:stop] = of_blocks[time_blocks(stop - start, blocks)]
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
        return hold_out(self, samples, Whole(samples.recordings.recording, "recording"), seed)


@dataclass
class HeldOutPoints(schema.DrawnSplitConfig, Split):
    """Answer how well the model does where the arm has never touched."""

    causes: ClassVar[str] = "windows that span two points; reduce model.window, or enlarge the points"

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Draw the subset of each point."""
        return hold_out(self, samples, Whole(samples.recordings.point, "point"), seed)

    def units(self, samples: Samples) -> Units:
        """Return the points."""
        return Units(samples.recordings.point[samples.starts], "points")


@dataclass
class HeldOutSessions(schema.DrawnSplitConfig, Split):
    """Answer how well the model does in a session that it has never seen: trained on Monday, tested on Tuesday."""

    causes: ClassVar[str] = "windows that span two sessions"

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Draw the subset of each session; of two, one is tested, and recordings of the other validate."""
        return hold_out(self, samples, Whole(sessions(samples.recordings, self.name), "session"), seed)

    def units(self, samples: Samples) -> Units:
        """Return the sessions."""
        return Units(sessions(samples.recordings, self.name)[samples.starts], "sessions")


@dataclass
class CrossValidation(schema.CrossValidationConfig, Split):
    """Answer how well the model does on each point, recording or session when it is held out."""

    causes: ClassVar[str] = "windows that span two points or two sessions"

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Deal points, recordings or sessions into folds, and test one of them."""
        return deal(self, samples, Whole(self._numbers(samples.recordings), self.unit), seed)

    def units(self, samples: Samples) -> Units:
        """Return what is dealt into folds."""
        return Units(self._numbers(samples.recordings)[samples.starts], f"{self.unit}s")

    def _numbers(self, recordings: Recordings) -> Int32:
        if self.unit == "session":
            return sessions(recordings, self.name)
        return recordings.point if self.unit == "point" else recordings.recording


_HARDER: dict[str, type[HeldOutPoints | HeldOutRecordings | HeldOutSessions]] = {
    "held_out_points": HeldOutPoints,
    "held_out_recordings": HeldOutRecordings,
    "held_out_sessions": HeldOutSessions,
}


def harder_split(split: schema.SplitConfig, name: str) -> Split | None:
    """Return the split of this name, with the ratios of `split`; None if it is that, or tests every unit."""
    if name == split.name or not isinstance(split, schema.DrawnSplitConfig):
        return None
    ratios = {key: value for key, value in vars(split).items() if key.endswith("_ratio")}
    return _HARDER[name](name=name, plugin=schema.OWN_PLUGINS[f"split/{name}"], **ratios)
