"""Samples: windows of consecutive rows of one recording, held as start indices, never as copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Int32, Recordings


@dataclass(frozen=True)
class Samples:
    """Windows into `recordings`: rows `starts[i]` to `starts[i] + window - 1`, target at the last one.

    Attributes:
        starts: (n,) first rows.
        window: rows of a window.
    """

    recordings: Recordings
    starts: Int32
    window: int

    @property
    def last(self) -> Int32:
        """(n,) the row that carries a sample's target."""
        return self.starts + np.int32(self.window - 1)

    @property
    def positions(self) -> Float32:
        """(n, 3) mm, plate frame, at the last row."""
        return self.recordings.positions.take(self.last, axis=0)

    def take(self, members: NDArray[np.integer] | NDArray[np.bool_]) -> Samples:
        """Return these samples only."""
        return Samples(self.recordings, self.starts[members], self.window)


def all_samples(recordings: Recordings, window: int) -> Samples:
    """Return every window of every recording; none crosses from one recording into the next."""
    last_starts = recordings.bounds[:, 1] - window
    starts = [
        np.arange(first, last + 1, dtype=np.int32)
        for first, last in zip(recordings.bounds[:, 0], last_starts, strict=True)
    ]
    return Samples(recordings, np.concatenate(starts), window)
