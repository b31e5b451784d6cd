"""Stretches of time: each recording trains, validates and tests at different times."""

from __future__ import annotations

import logging
from itertools import count

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import BlockedSplitConfig
from forcepos.data.recordings import Recordings
from forcepos.data.samples import Samples
from forcepos.data.splits.draws import calibration_units, draw, set_calibration_aside
from forcepos.data.splits.subsets import LEFT_OUT, TEST, VALIDATION

log = logging.getLogger(__name__)

_NINE_TENTHS = 9  # units that a calibration for a coverage of 0.9 takes: k of them reach k / (k + 1)


def blocked(samples: Samples, config: BlockedSplitConfig, rng: np.random.Generator) -> NDArray[np.int8]:
    """Each recording is cut into stretches, and neighbours of the same part are joined again.

    A window must lie within one such run of rows, `gap_s` away from its borders with other parts.
    """
    rows = _part_of_rows(samples.recordings, config, rng)
    gap = int(np.ceil(config.gap_s * samples.recordings.rate_hz))
    first, end = samples.starts, samples.last
    usable = _away_from_borders(samples.recordings, rows, gap)
    run = np.cumsum(np.diff(rows, prepend=rows[0]) != 0)
    inside = (run[first] == run[end]) & usable[first] & usable[end]
    return np.where(inside, rows[first], LEFT_OUT).astype(np.int8)


def _part_of_rows(
    recordings: Recordings, config: BlockedSplitConfig, rng: np.random.Generator
) -> NDArray[np.int8]:
    parts = np.array([draw(config.blocks, config, rng, "stretches of time") for _ in recordings.bounds])
    if len(parts) == 1 and config.calibration_ratio and np.count_nonzero(parts == VALIDATION) == 1:
        log.warning(
            "no radius: of one recording with split.blocks=%d, no stretch of time can be spared to calibrate it; "
            "split.blocks=%d spares %d, enough for evaluation.coverage=0.9, and so do more recordings",
            config.blocks, _blocks_to_calibrate(config), _NINE_TENTHS,
        )  # fmt: skip
    else:
        set_calibration_aside(parts, calibration_units(config, int((parts != TEST).sum())), rng)
    part = np.empty(len(recordings.recording), np.int8)
    for (start, stop), drawn in zip(recordings.bounds, parts, strict=True):
        part[start:stop] = drawn[time_blocks(stop - start, config.blocks)]
    return part


def time_blocks(rows: int, blocks: int) -> NDArray[np.intp]:
    """(rows,) the stretch of time that each row of a recording lies in."""
    return np.arange(rows) * blocks // rows


def _blocks_to_calibrate(config: BlockedSplitConfig) -> int:
    """The least split.blocks with which enough stretches of one recording calibrate."""
    for blocks in count(config.blocks):
        rest = blocks - max(1, round(config.test_ratio * blocks))
        spared = min(round(config.calibration_ratio * rest), round(config.validation_ratio * rest) - 1)
        if spared >= _NINE_TENTHS:
            break
    return blocks


def _away_from_borders(recordings: Recordings, part: NDArray[np.int8], gap: int) -> NDArray[np.bool_]:
    """(rows,) False within `gap` rows of a border between two parts of one recording."""
    border = np.flatnonzero((np.diff(part) != 0) & (np.diff(recordings.recording) == 0)) + 1
    usable = np.ones(len(part), bool)
    for step in range(gap):
        usable[np.clip(border + step, 0, len(part) - 1)] = False
        usable[np.clip(border - 1 - step, 0, len(part) - 1)] = False
    return usable
