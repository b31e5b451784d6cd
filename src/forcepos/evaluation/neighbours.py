"""How many test samples have a training sample beside them in time: why a random split flatters."""

from __future__ import annotations

import numpy as np

from forcepos.data.recordings import Int32
from forcepos.data.samples import Samples


def leaked_share(samples: Samples, train: Int32, test: Int32) -> float:
    """Share of the test samples with a training sample of the same recording less than a window's length away.

    Such two share rows, or are next to each other where a window is one row.
    """
    starts, recording = samples.starts[train].astype(np.int64), samples.recordings.recording
    ordered = np.sort(starts)
    wanted = samples.starts[test].astype(np.int64)
    place = np.searchsorted(ordered, wanted)
    near = np.zeros(len(test), bool)
    for neighbour in (np.clip(place - 1, 0, None), np.clip(place, None, len(ordered) - 1)):
        found = ordered[neighbour]
        near |= (np.abs(found - wanted) <= samples.window) & (recording[found] == recording[wanted])
    return float(near.mean())
