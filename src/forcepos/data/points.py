"""Finds the touched points, where no column names them: clusters of the positions at which recordings rest."""

import logging
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from forcepos.data.readers.times import ROWS_AT_ONCE, begins
from forcepos.data.recordings import Float32, Float64, Int32

log = logging.getLogger(__name__)
_HUGE = 1e9  # mm; distances of larger positions overflow
_CELL_MM = 10  # of the grid where nothing rests
_LAGS = (1024, 256, 64, 16, 4)  # rows over which a position may stand still
_ROWS, _SPOTS, _MOST = 200_000, 20_000, 5000  # looked at: rows, of a recording too, and resting positions
_SCATTER_MM, _ONE_MM, _WIDE_MM, _FAR_MM = 0.6, 8, 20, 30  # heights: of visits; of one point; doubtful; of several
_APART = 3  # clusters touch that are nearer than this many times their spread


@dataclass(frozen=True)
class Points:
    """The points found, in order of first appearance."""

    number: Int32  # (rows,)
    count: int
    rests: int  # resting positions that the points join
    spread_mm: float  # root mean square distance of these from their point
    nearest_mm: float  # distance of the two nearest points


def number_points(positions: Float32, recording: Int32, grid_mm: float | None) -> Int32:
    """Return the number (rows,) of the point of each row, from the positions (rows, 3) in mm; log how many."""
    if grid_mm is not None:
        return _cells(positions, grid_mm)
    points = find_points(positions, recording)
    if points is None:
        cells = f"cells of a grid of {_CELL_MM} mm count as points"
        log.info("most recordings never rest: %s; set data.point, or data.point_grid_mm for other cells", cells)
        return _cells(positions, _CELL_MM)
    found = f"{points.count} points found by clustering {points.rests} resting positions"
    sizes = f"spread {points.spread_mm:.2g} mm, nearest neighbours {points.nearest_mm:.3g} mm apart"
    if points.nearest_mm < max(_SCATTER_MM, _APART * points.spread_mm):
        hint = "some may be one, or several: name their column in data.point, or set data.point_grid_mm"
        log.warning("%s touch: %s; %s", found, sizes, hint)
    elif points.count > 1:
        log.info("%s: %s", found, sizes)
    return points.number


@np.errstate(over="ignore", invalid="ignore")  # of the differences of huge values
def find_points(positions: Float32, recording: Int32) -> Points | None:
    """Cluster the positions (rows, 3) in mm at which recordings rest; None if most recordings never rest.

    The rows of a recording are contiguous; those between two of its rests count with the nearer one in time. A
    recording that never rests, among others that do, counts as one at rest at its median.
    """
    spots = positions[:: len(positions) // _SPOTS + 1].astype(np.float64)
    spots = spots[np.isfinite(spots).all(axis=1)]
    extent = float(np.linalg.norm(np.subtract(*np.percentile(spots, [99, 1], axis=0)))) if len(spots) else 0.0
    bounds = [*np.flatnonzero(begins(recording)).tolist(), len(recording)]
    places, ends, moving = [], [0], 0
    for start, stop in pairwise(bounds):
        step = 1 + min(max(len(positions) // _ROWS, (stop - start) // _SPOTS), (stop - start) // 16)
        rows = np.arange(start, stop, step)  # some tell enough
        rows = rows[np.isfinite(positions[rows]).all(axis=1)]
        track = positions[rows] if len(rows) else np.zeros((1, 3), np.float32)
        rests = _rests(track, extent)
        moving += not rests
        rests = rests or [(0, len(track))]
        places += [np.median(np.clip(track[begin:end], -_HUGE, _HUGE), axis=0) for begin, end in rests]
        ends += [*(int(rows[(end + begin) // 2]) for (_, end), (begin, _) in pairwise(rests)), stop]
    rest = places and 2 * moving < len(bounds)
    return _points(np.array(places, np.float64), np.diff(ends)) if rest else None


def _rests(track: Float32, extent: float) -> list[tuple[int, int]]:
    """Return the stretches, first row and end, in which a track (rows, 3) rests; `extent`: of all, in mm."""
    noise = np.median(np.abs(np.diff(track, 2, axis=0)), axis=0).max() if len(track) > 2 else 0
    width = max(min(extent / 200, 1.0), 5 * float(noise))  # eight sigma
    if np.ptp(track, axis=0).max() <= width:
        return [(0, len(track))]
    found = [_standstills(track, lag, width) for lag in _LAGS if lag <= len(track)]
    best = max(found, key=lambda stretches: float(np.diff(stretches).sum()), default=[])
    if np.diff(best).sum() >= len(track) / 4:
        return best
    away = np.abs(track - np.median(track, axis=0)).max(axis=1)
    return [(0, len(track))] if np.median(away) <= extent / 20 else []


def _standstills(track: Float32, lag: int, width: float) -> list[tuple[int, int]]:
    """Return stretches within which a track stays within `width` for `lag` rows; none where it is always slow."""
    windows, origin = len(track) - lag + 1, -(lag // 2)
    high, low = (each(track, lag, axis=0, origin=origin) for each in (maximum_filter1d, minimum_filter1d))
    moved = (high - low)[:windows].max(axis=1)
    still = moved <= width
    if not still.all() and np.median(moved[~still]) < 5 * width:
        return []
    edges = np.flatnonzero(np.diff(still, prepend=False, append=False)).reshape(-1, 2) + np.array([0, lag - 1])
    return [(one, end) for one, end in edges.tolist() if (np.ptp(track[one:end], axis=0) <= 3 * width).all()]


def _points(rests: Float64, rows: NDArray[np.intp]) -> Points:
    """Cluster resting positions (rests, 3), each of which counts for this many rows (rests,).

    Ward's method merges visits of a point at small heights and neighbouring points at large ones: clusters are cut
    at the widest gap between heights, as a ratio and as far as the scatter and the distance of points allow.
    """
    import pandas as pd  # noqa: PLC0415  # takes long to import, as scipy does
    from scipy.cluster.hierarchy import fcluster, ward  # noqa: PLC0415
    from scipy.spatial import cKDTree  # noqa: PLC0415
    from scipy.spatial.distance import pdist  # noqa: PLC0415

    sample, group = rests[:: -(-len(rests) // _MOST)], np.zeros(1, np.intp)
    if len(sample) > 1:
        merges = ward(pdist(sample))
        heights = np.append(0, merges[:, 2])
        higher = np.append(merges[:, 2], max(_ONE_MM, heights[-1]))
        ratio = (np.minimum(higher, _FAR_MM) + _SCATTER_MM) / (heights + _SCATTER_MM)
        gap = int(np.argmax(ratio / (1 + heights / _WIDE_MM)))
        group = fcluster(merges, (heights[gap] + higher[gap]) / 2, "distance") - 1
    centres = np.column_stack([np.bincount(group, axis) for axis in sample.T]) / np.bincount(group)[:, None]
    away, cluster = cKDTree(centres).query(rests)
    number, used = pd.factorize(cluster)
    shared = np.count_nonzero(np.bincount(cluster)[cluster] > 1)
    spread_mm = float(np.sqrt(np.square(away).sum() / max(1, shared)))
    nearest_mm = float(cKDTree(centres[used]).query(centres[used], 2)[0][:, 1].min())
    return Points(np.repeat(number.astype(np.int32), rows), len(used), len(rests), spread_mm, nearest_mm)


def _cells(positions: Float32, grid_mm: float) -> Int32:
    """Return the number (rows,) of the grid cell of each position (rows, 3), in order of first appearance."""
    import pandas as pd  # noqa: PLC0415  # takes long to import

    packed = []
    for rows in np.array_split(positions, 1 + len(positions) // ROWS_AT_ONCE):
        cells = np.round(np.nan_to_num(rows.astype(np.float64) / grid_mm, posinf=0, neginf=0))
        packed.append(np.clip(cells, -(2**20), 2**20 - 1).astype(np.int64) @ np.array([1, 2**21, 2**42]))
    return pd.factorize(np.concatenate(packed))[0].astype(np.int32)
