"""Sampling of the time: rate, gaps, and steps backwards."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float64

GAP_STEPS = 5  # in median steps: a longer one is a gap
_CUT_STEPS, _CUT_S = 20, 1.0  # a step longer than both starts a new recording, where no column does
_KEPT = 100_000


class StridedSample:
    """A bounded sample of any number of rows: all at first, every second once there are too many, and so on."""

    def __init__(self, limit: int) -> None:
        self._limit, self._stride, self._seen = limit, 1, 0
        self.rows: Float64 = np.empty(0)

    def add(self, rows: Float64) -> None:
        """Add rows, along the first axis."""
        kept = rows[-self._seen % self._stride :: self._stride]
        self.rows = np.concatenate([self.rows, kept]) if self._seen else kept
        self._seen += len(rows)
        while len(self.rows) > self._limit:
            self.rows, self._stride = self.rows[::2], 2 * self._stride


@dataclass
class Times:
    """Statistics of the steps from row to row within a recording.

    Attributes:
        median_s: median step of the first rows, in multiples of which gaps are measured; 0 where there is no time.
        back, same: steps backwards, and steps of zero.
    """

    median_s: float
    gaps: int = 0
    longest_s: float = 0.0
    longest_row: int = 0
    back: int = 0
    same: int = 0
    _steps: StridedSample = field(default_factory=lambda: StridedSample(_KEPT))

    @property
    def cut_s(self) -> float:
        """Return the step above which a new recording starts."""
        return max(_CUT_STEPS * self.median_s, _CUT_S)

    @property
    def steps_s(self) -> Float64:
        """Return a sample of all steps."""
        return self._steps.rows

    @property
    def rate_hz(self) -> float | None:
        """Return rows per second, from the median step."""
        step = median_step(self.steps_s)
        return round(1 / step, 6) if step else None

    def add(self, steps: Float64, rows: NDArray[np.intp]) -> None:
        """Add steps, with the row at which each ends."""
        self._steps.add(steps)
        self.back += int((steps < 0).sum())
        self.same += int((steps == 0).sum())
        self.gaps += int((steps > GAP_STEPS * self.median_s).sum())
        if len(steps) and steps.max() > self.longest_s:
            self.longest_s, self.longest_row = float(steps.max()), int(rows[steps.argmax()])


def median_step(steps: Float64) -> float:
    """Return the median of the steps forward; 0 where there is none."""
    forward = steps[steps > 0]
    return float(np.median(forward)) if len(forward) else 0.0
