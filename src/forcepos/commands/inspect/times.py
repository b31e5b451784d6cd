"""Steps of time: how many rows a second, where some are missing, where time goes back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float64

GAP_STEPS = 5  # a step of more than this many usual ones is a gap
_CUT_STEPS, _CUT_S = 20, 1.0  # one of more than both begins a new recording, where nothing else does
_KEPT = 100_000


class StridedSample:
    """A bounded sample of any number of rows: every row at first, every second one once there are too many, and so on."""

    def __init__(self, limit: int) -> None:
        self._limit, self._stride, self._seen = limit, 1, 0
        self._kept: list[Float64] = []
        self._count = 0

    def add(self, rows: Float64) -> None:
        """More rows, the first axis."""
        kept = rows[-self._seen % self._stride :: self._stride]
        self._seen += len(rows)
        self._kept.append(np.array(kept))
        self._count += len(kept)
        while self._count > self._limit:
            thinner = np.concatenate(self._kept)[::2]
            self._kept, self._stride, self._count = [thinner], 2 * self._stride, len(thinner)

    @property
    def rows(self) -> Float64:
        """What was kept."""
        return np.concatenate(self._kept) if self._kept else np.empty(0)


@dataclass
class Times:
    """Facts about the steps from row to row within a file and visit.

    Attributes:
        usual_s: median step of the first rows, by which gaps are told; 0 where there is no time.
        back: steps backwards; same: rows that have the time of the row before.
    """

    usual_s: float
    gaps: int = 0
    missing_s: float = 0.0
    longest_s: float = 0.0
    longest_row: int = 0
    back: int = 0
    same: int = 0
    _steps: StridedSample = field(default_factory=lambda: StridedSample(_KEPT))

    @property
    def cut_s(self) -> float:
        """A longer step begins a new recording."""
        return max(_CUT_STEPS * self.usual_s, _CUT_S)

    @property
    def steps_s(self) -> Float64:
        """A sample of all steps."""
        return self._steps.rows

    @property
    def rate_hz(self) -> float | None:
        """Rows per second, from the median step."""
        forward = self.steps_s[self.steps_s > 0]
        return round(1 / float(np.median(forward)), 6) if len(forward) else None

    def add(self, steps: Float64, rows: NDArray[np.intp]) -> None:
        """More steps, and the row at which each ends."""
        self._steps.add(steps)
        self.back += int((steps < 0).sum())
        self.same += int((steps == 0).sum())
        gap = steps > GAP_STEPS * self.usual_s
        self.gaps += int(gap.sum())
        self.missing_s += float(steps[gap].sum())
        if len(steps) and steps.max() > self.longest_s:
            self.longest_s, self.longest_row = float(steps.max()), int(rows[steps.argmax()])


def usual_step(seconds: Float64) -> float:
    """Median step forward; 0 where there is none."""
    steps = np.diff(seconds)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 0.0
