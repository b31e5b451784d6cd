"""The blocked split: each recording is cut into time blocks, and each block belongs to one subset."""

import logging
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import BlockedSplitConfig
from forcepos.data.recordings import Recordings
from forcepos.data.samples import Samples
from forcepos.data.splits.split import Split, Units
from forcepos.data.splits.subsets import DROPPED, VALIDATION, draw, set_calibration_aside

log = logging.getLogger(__name__)

_NINE_TENTHS = 9  # units that calibrating for a coverage of 0.9 takes: k of them reach k / (k + 1)


@dataclass
class Blocked(BlockedSplitConfig, Split):
    """Answer how well the model does later in the same visit."""

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Cut each recording into time blocks, draw their subsets, and return the subset (n,) of each sample.

        Adjacent blocks of the same subset are joined. A window must lie within one such run of rows, `gap_s` away
        from its borders with other subsets; others are dropped.
        """
        rows = _subset_of_rows(samples.recordings, self, np.random.default_rng(seed))
        gap = int(np.ceil(self.gap_s * samples.recordings.rate_hz))
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
    recordings: Recordings, config: BlockedSplitConfig, rng: np.random.Generator
) -> NDArray[np.int8]:
    drawn = np.array([draw(config.blocks, config, rng, "time blocks") for _ in recordings.bounds])
    if len(drawn) == 1 and config.calibration_ratio and np.count_nonzero(drawn == VALIDATION) == 1:
        log.warning(
            "no radius: one recording with split.blocks=%d has no time block to spare for calibration; "
            "split.blocks=%d spares %d, enough for evaluation.coverage=0.9, as do more recordings",
            config.blocks, _blocks_to_calibrate(config), _NINE_TENTHS,
        )  # fmt: skip
    else:
        set_calibration_aside(drawn, config, rng)
    subset = np.empty(len(recordings.recording), np.int8)
    for (start, stop), of_blocks in zip(recordings.bounds, drawn, strict=True):
        subset[start:stop] = of_blocks[time_blocks(stop - start, config.blocks)]
    return subset


def time_blocks(rows: int, blocks: int) -> NDArray[np.intp]:
    """Return the time block (rows,) of each row of a recording."""
    return np.arange(rows) * blocks // rows


def _blocks_to_calibrate(config: BlockedSplitConfig) -> int:
    """Find the smallest split.blocks that spares enough time blocks of one recording for calibration."""
    for blocks in count(config.blocks):
        rest = blocks - max(1, round(config.test_ratio * blocks))
        spared = min(round(config.calibration_ratio * rest), round(config.validation_ratio * rest) - 1)
        if spared >= _NINE_TENTHS:
            break
    return blocks


def _away_from_borders(recordings: Recordings, subset: NDArray[np.int8], gap: int) -> NDArray[np.bool_]:
    """(rows,) False within `gap` rows of a border between two subsets of one recording."""
    border = np.flatnonzero((np.diff(subset) != 0) & (np.diff(recordings.recording) == 0)) + 1
    usable = np.ones(len(subset), bool)
    for step in range(gap):
        usable[np.clip(border + step, 0, len(subset) - 1)] = False
        usable[np.clip(border - 1 - step, 0, len(subset) - 1)] = False
    return usable
