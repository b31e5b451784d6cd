"""Finds the touched points, where no column names them: clusters of the positions at which recordings rest."""

import logging
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64, Int32

log = logging.getLogger(__name__)
_ROWS_AT_ONCE = 65_536
_CELL_MM = 10  # of the grid where nothing rests
_LAGS = (1024, 256, 64, 16, 4)  # rows over which a position may stand still
_AT_ONCE = 2000  # resting positions of which all distances are looked at
_SCATTER_MM, _ONE_MM, _WIDE_MM, _FAR_MM = 0.6, 8, 20, 30  # heights: of visits; of one point; doubtful; of several
_APART = 3  # clusters touch that are nearer than this many times their spread


@dataclass(frozen=True)
class Points:
    """The touched points that were found.

    Attributes:
        number: (rows,) number of the point of each row, in order of first appearance.
        count: of points.
        rests: number of resting positions that were clustered.
        spread_mm: root mean square distance from their point of the rests that share one; 0 without such.
        nearest_mm: distance of the two nearest points; infinite if there is only one.
    """

    number: Int32
    count: int
    rests: int
    spread_mm: float
    nearest_mm: float

    @property
    def touching(self) -> bool:
        """Whether points are hardly farther apart than the rests of one."""
        return self.nearest_mm < _APART * self.spread_mm


def number_points(positions: Float32, recording: Int32, grid_mm: float | None) -> Int32:
    """Return the number (rows,) of the point of each row, from the positions (rows, 3) in mm; log how many."""
    points = find_points(positions, recording) if grid_mm is None else None
    if points is None:
        if grid_mm is None:
            log.info(
                "most recordings never rest: cells of a grid of %d mm count as points, unless data.point or "
                "data.point_grid_mm is set", _CELL_MM,
            )  # fmt: skip
        return _cells(positions, grid_mm or _CELL_MM)
    found = f"{points.count} points found by clustering {points.rests} resting positions"
    sizes = f"spread {points.spread_mm:.2g} mm, nearest neighbours {points.nearest_mm:.3g} mm apart"
    if points.touching:
        hint = "name their column in data.point, or set data.point_grid_mm"
        log.warning("%s touch, and may not be those that were touched: %s; %s", found, sizes, hint)
    elif points.count > 1:
        log.info("%s: %s", found, sizes)
    return points.number


def find_points(positions: Float32, recording: Int32) -> Points | None:
    """Cluster the positions (rows, 3) in mm at which recordings rest; None if most recordings never rest.

    The rows of a recording are contiguous; those between two of its rests count with the nearer one in time. A
    recording that never rests, among others that do, counts as one at rest at its median.
    """
    spots = positions[:: max(1, len(positions) // 20_000)].astype(np.float64)
    spots = spots[np.isfinite(spots).all(axis=1)]
    extent = float(np.linalg.norm(np.subtract(*np.percentile(spots, [99, 1], axis=0)))) if len(spots) else 0.0
    first = np.flatnonzero(np.diff(recording, prepend=-1))
    bounds = list(pairwise([*first.tolist(), len(recording)]))
    places, ends, moving = [], [], 0
    for start, stop in bounds:
        rows = np.flatnonzero(np.isfinite(positions[start:stop]).all(axis=1))
        track = positions[start:stop][rows]
        rests = _rests(track, extent)
        moving += not rests
        for begin, end in rests or [(0, len(track))]:
            places.append(np.median(track[begin:end], axis=0) if end else np.full(3, np.nan))
        ends += [start + int(rows[(end + begin) // 2]) for (_, end), (begin, _) in pairwise(rests)] + [stop]
    if 2 * moving > len(bounds):
        return None
    return _points(np.array(places, np.float64).reshape(-1, 3), np.diff(ends, prepend=0))


def _rests(track: Float32, extent: float) -> list[tuple[int, int]]:
    """Return first row and one past the last of each stretch in which a track (rows, 3) stands still.

    `extent` is that of all recordings, in mm.
    """
    width = min(extent / 200, 1.0)
    if not len(track) or (np.ptp(track, axis=0) <= width).all():
        return [(0, len(track))]
    if len(track) > 2:
        width = max(width, 5 * float(np.median(np.abs(np.diff(track, 2, axis=0)), axis=0).max()))  # eight sigma
    found = [_standstills(track, lag, width) for lag in _LAGS if lag <= len(track)]
    best = max(found, key=lambda stretches: sum(end - begin for begin, end in stretches), default=[])
    if sum(end - begin for begin, end in best) >= len(track) / 4:
        return best
    away = np.abs(track - np.median(track, axis=0)).max(axis=1)
    return [(0, len(track))] if np.median(away) <= extent / 20 else []


def _standstills(track: Float32, lag: int, width: float) -> list[tuple[int, int]]:
    """Return stretches within which a track stays within `width` for `lag` rows; none where it is always slow."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d  # noqa: PLC0415  # scipy takes a second

    windows, origin = len(track) - lag + 1, -(lag // 2)
    high, low = (
        each(track, lag, axis=0, origin=origin)[:windows] for each in (maximum_filter1d, minimum_filter1d)
    )
    moved = (high - low).max(axis=1)
    still = moved <= width
    if not still.all() and np.median(moved[~still]) < 5 * width:
        return []
    edges = np.flatnonzero(np.diff(still, prepend=False, append=False)).reshape(-1, 2).tolist()
    stretches = [(begin, end + lag - 1) for begin, end in edges]
    return [(begin, end) for begin, end in stretches if (np.ptp(track[begin:end], axis=0) <= 3 * width).all()]


def _points(places: Float64, rows: NDArray[np.intp]) -> Points:
    """Cluster resting positions (rests, 3), each of which counts for this many rows (rests,)."""
    from scipy.spatial import cKDTree  # noqa: PLC0415  # scipy takes a second

    usable = np.isfinite(places).all(axis=1)
    rests, found = places[usable], np.zeros(len(places), np.intp)
    if len(rests):
        _, first, member = np.unique(_cluster(rests), return_index=True, return_inverse=True)
        found[usable] = np.argsort(np.argsort(first))[member]
    member, count = found[usable], int(found.max(initial=0)) + 1
    size = np.bincount(member, minlength=count)
    centres = (
        np.column_stack([np.bincount(member, axis, count) for axis in rests.T]) / np.maximum(size, 1)[:, None]
    )
    shared = size[member] > 1
    away = np.linalg.norm(rests - centres[member], axis=1)[shared]
    return Points(
        number=np.repeat(found, rows).astype(np.int32),
        count=count,
        rests=len(rests),
        spread_mm=float(np.sqrt(np.mean(away**2))) if len(away) else 0.0,
        nearest_mm=float(cKDTree(centres).query(centres, 2)[0][:, 1].min()),
    )


def _cluster(rests: Float64) -> NDArray[np.intp]:
    """Return the number (rests,) of the nearest centre of clusters; how wide these are the data tell.

    Ward's method merges visits of a point at small heights and neighbouring points at large ones: clusters are cut
    at the widest gap between heights, as a ratio and as far as the scatter and the distance of points allow.
    """
    from scipy.cluster.hierarchy import fcluster, ward  # noqa: PLC0415  # scipy takes a second
    from scipy.spatial import cKDTree  # noqa: PLC0415

    centres, left, cut, reach = np.empty((0, 3)), rests, 0.0, 0.0
    while len(left):
        sample = left[:: -(-len(left) // _AT_ONCE)]
        merges = ward(sample) if len(sample) > 1 else np.zeros((0, 4))
        if not len(centres):
            heights = np.append(0, merges[:, 2])
            higher = np.append(heights[1:], max(_ONE_MM, heights[-1]))
            ratio = (np.minimum(higher, _FAR_MM) + _SCATTER_MM) / (heights + _SCATTER_MM)
            gap = int(np.argmax(ratio / (1 + heights / _WIDE_MM)))
            cut = (heights[gap] + higher[gap]) / 2
        group = fcluster(merges, cut, "distance") - 1 if len(merges) else np.zeros(1, int)
        sums = np.column_stack([np.bincount(group, axis) for axis in sample.T])
        centres = np.concatenate([centres, sums / np.bincount(group)[:, None]])
        reach = reach or float(cKDTree(centres).query(centres, 2)[0][:, 1].min()) / 2
        left = left[cKDTree(centres).query(left)[0] > reach]
    return np.asarray(cKDTree(centres).query(rests)[1])


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
