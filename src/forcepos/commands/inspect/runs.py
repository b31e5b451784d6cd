"""Rows cut into recordings, and what holds for each: its rows, its place, the columns that never change in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float64


@dataclass(frozen=True)
class Recording:
    """Attributes: `place` is the mean position in the file's unit; `stuck` names columns with one value only."""

    name: str
    point: str
    rows: int
    place: tuple[float, ...]
    stuck: tuple[str, ...]


class Runs:
    """Takes parts in order; a recording may reach over several."""

    def __init__(self, numbers: tuple[str, ...], axes: int) -> None:
        self._numbers, self._axes = numbers, axes
        self.done: list[Recording] = []
        self._names: dict[str, int] = {}
        self._open("", "")

    def _open(self, name: str, point: str) -> None:
        self._name, self._point, self._rows = name, point, 0
        self._low = np.full(len(self._numbers), np.inf)
        self._high = np.full(len(self._numbers), -np.inf)
        self._sums = np.zeros(self._axes)
        self._known = np.zeros(self._axes)

    def begin(self, name: str, point: str) -> None:
        """What comes now belongs to a new recording."""
        self.close()
        self._open(name, point)

    def close(self) -> None:
        """The recording that is open has ended."""
        if not self._rows:
            return
        stuck = self._low == self._high if self._rows > 1 else np.zeros(len(self._numbers), bool)
        names = tuple(name for name, one in zip(self._numbers, stuck, strict=True) if one)
        place = tuple((self._sums / np.maximum(self._known, 1)).tolist()) if self._known.all() else ()
        visit = self._names[self._name] = self._names.get(self._name, 0) + 1
        name = self._name + (f", part {visit}" if visit > 1 else "")
        self.done.append(Recording(name, self._point, self._rows, place, names))
        self._rows = 0

    def add(self, low: Float64, high: Float64, positions: Float64) -> None:
        """Rows of the open recording: extremes of each column, and positions (rows, axes)."""
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        known: NDArray[np.bool_] = np.isfinite(positions)
        self._sums += np.where(known, positions, 0).sum(axis=0)
        self._known += known.sum(axis=0)
        self._rows += len(positions)
