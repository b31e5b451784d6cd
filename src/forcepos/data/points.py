"""Numbers the touched points, where no column names them."""

import numpy as np

from forcepos.data.recordings import Float32, Int32

_ROWS_AT_ONCE = 65_536


def number_points(positions: Float32, recording: Int32, grid_mm: float | None) -> Int32:  # noqa: ARG001
    """Return the number (rows,) of the point of each row, from the positions (rows, 3) in mm."""
    return _cells(positions, grid_mm or 10)


def _cells(positions: Float32, grid_mm: float) -> Int32:
    """Return the number (rows,) of the grid cell of each position (rows, 3), in order of first appearance."""
    numbers: dict[int, int] = {}
    point = np.empty(len(positions), np.int32)
    for first in range(0, len(positions), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        cells = np.round(np.nan_to_num(positions[rows].astype(np.float64) / grid_mm, posinf=0, neginf=0))
        packed = (np.clip(cells, -(2**20), 2**20 - 1).astype(np.int64) + 2**20) @ np.array([1, 2**21, 2**42])
        found, begins, place = np.unique(packed, return_index=True, return_inverse=True)
        for cell in found[np.argsort(begins)].tolist():
            numbers.setdefault(cell, len(numbers))
        point[rows] = np.array([numbers[cell] for cell in found.tolist()], np.int32)[place]
    return point
