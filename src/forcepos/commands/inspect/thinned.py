"""A bounded sample of endlessly many rows: every one at first, every second once there are too many, and so on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class StridedSample:
    """Rows at equal distances."""

    def __init__(self, limit: int) -> None:
        self._limit, self._stride, self._seen = limit, 1, 0
        self._kept: list[NDArray[np.float64]] = []
        self._count = 0

    def add(self, rows: NDArray[np.float64]) -> None:
        """More rows, the first axis."""
        kept = rows[-self._seen % self._stride :: self._stride]
        self._seen += len(rows)
        self._kept.append(np.array(kept))
        self._count += len(kept)
        while self._count > self._limit:
            thinner = np.concatenate(self._kept)[::2]
            self._kept, self._stride, self._count = [thinner], 2 * self._stride, len(thinner)

    @property
    def rows(self) -> NDArray[np.float64]:
        """What was kept."""
        return np.concatenate(self._kept) if self._kept else np.empty(0)
