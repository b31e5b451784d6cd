"""Sectors of the plate: classes by direction from its centre."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import SectorsConfig
from forcepos.data.recordings import Float64

NO_SECTOR = -1


@dataclass(frozen=True)
class Sectors:
    """Directions that divide the plate: class k reaches counterclockwise from `starts[k]` to the next one."""

    starts: Float64  # (classes, 2) direction of each class' first border
    ends: Float64  # (classes, 2) direction of the border at its end
    border_mm: float  # distance from a border within which a position counts as a border sample

    @property
    def names(self) -> list[str]:
        return [f"class {number + 1}" for number in range(len(self.starts))]

    def label(self, positions: NDArray[np.floating]) -> NDArray[np.int32]:
        """Return the class (n,) of each position (n, 2 or 3), counted from 0; NO_SECTOR at the exact origin."""
        points = np.asarray(positions, np.float64)
        # A border belongs to the class that begins there, as in the notebook's `add_classes`.
        inside = (_cross(self.starts, points) >= 0) & (_cross(self.ends, points) < 0)
        return np.where(inside.any(axis=1), inside.argmax(axis=1), NO_SECTOR).astype(np.int32)

    def near_border(self, positions: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return whether each position (n, 2 or 3) lies within `border_mm` of a border, (n,)."""
        points = np.asarray(positions, np.float64)
        unit = self.starts / np.linalg.norm(self.starts, axis=1, keepdims=True)
        ahead = points[:, :2] @ unit.T >= 0
        away = np.where(ahead, np.abs(_cross(unit, points)), np.hypot(points[:, 0], points[:, 1])[:, None])
        return np.asarray(away.min(axis=1) <= self.border_mm)


def make_sectors(config: SectorsConfig) -> Sectors:
    """Make the sectors that the config describes."""
    angles = np.radians(config.starts_deg)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    # Rounded, a slope that an angle gives inexactly (2, 1/2) is exact again, and positions on the line are found.
    starts = np.round(directions / np.abs(directions).max(axis=1, keepdims=True), 12)
    round_the_plate = np.argsort(config.starts_deg)
    return Sectors(starts, starts[np.roll(round_the_plate, -1)][np.argsort(round_the_plate)], config.border_mm)


def _cross(directions: Float64, points: Float64) -> Float64:
    """(n, directions) positive where a point lies counterclockwise of a direction, 0 on its line."""
    return points[:, 1:2] * directions[..., 0] - points[:, :1] * directions[..., 1]
