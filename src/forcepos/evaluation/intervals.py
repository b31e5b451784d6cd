"""Confidence intervals of scores: a bootstrap over whole recordings.

Samples of one recording are not independent draws, since they share its posture, force and sensor offset; so
recordings are drawn, with all their samples. A single recording is drawn in time blocks (moving-block
bootstrap: Kuensch, "The jackknife and the bootstrap for general stationary observations", Ann. Statist. 1989).
"""

from __future__ import annotations

import numpy as np

from forcepos.data.samples import Samples
from forcepos.evaluation.metrics import Draws, Measures

Interval = tuple[float, float]
RECORDINGS, BLOCKS = "recordings", "time blocks of the only recording"
_CELLS, _BLOCKS = 100, 10  # a single recording is cut into cells, and a block is a tenth of them


def resample(samples: Samples, count: int, seed: int) -> tuple[Draws, str]:
    """Draw these samples `count` times; return the draws and the unit that is drawn: RECORDINGS or BLOCKS."""
    rng = np.random.default_rng(seed)
    numbers, unit = np.unique(samples.recordings.recording[samples.starts], return_inverse=True)
    if len(numbers) > 1:
        weights = rng.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), count)
        return Draws(unit, weights), RECORDINGS
    return _blocks(samples, count, rng), BLOCKS


def _blocks(samples: Samples, count: int, rng: np.random.Generator) -> Draws:
    total = len(samples.starts)
    cells = min(_CELLS, total)
    place = np.empty(total, np.int64)
    place[np.argsort(samples.starts, kind="stable")] = np.arange(total)
    length = -(-cells // _BLOCKS)
    first = rng.integers(0, cells - length + 1, (count, -(-cells // length)))
    weights = np.zeros((count, cells), np.int64)
    for offset in range(length):
        np.add.at(weights, (np.arange(count)[:, None], first + offset), 1)
    return Draws(place * cells // total, weights)


def intervals(measures: Measures, confidence: float) -> dict[str, Interval]:
    """Return percentile intervals over the draws in which a measure is defined."""
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    defined = {name: values[np.isfinite(values)] for name, values in measures.items()}
    ends = {name: np.percentile(values, tails) for name, values in defined.items() if len(values)}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}
