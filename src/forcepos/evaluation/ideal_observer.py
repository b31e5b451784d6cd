"""The ideal observer: a lookup in a simulation's own noise-free torques, whose error is due to noise alone."""

from __future__ import annotations

import numpy as np

from forcepos.data.recordings import Float32, Float64, Int32, Recordings
from forcepos.data.simulation.simulation import JOINT_CHANNELS, Candidates


def locate(recordings: Recordings, starts: Int32, window: int, candidates: Candidates) -> Float32:
    """Return (n, 3) mm, the position of the candidate under which the mean of each window is most likely.

    Maximum likelihood among candidates with Gaussian noise: for each candidate with mean m and covariance C,
    log p(x) = -1/2 (x - m)^T C^-1 (x - m) - 1/2 log det C + const.

    Args:
        recordings: with all of JOINT_CHANNELS.
        starts: (n,) first rows of the windows.
        window: rows of a window.
        candidates: positions, expected signals, covariances.
    """
    means = _window_means(recordings.select(JOINT_CHANNELS).signals, starts, window)
    best = np.full(len(means), -np.inf)
    choice = np.zeros(len(means), np.int32)
    for number, (expected, covariance) in enumerate(zip(candidates.means, candidates.covariances, strict=True)):
        root = np.linalg.cholesky(covariance)
        whitened = np.linalg.solve(root, (means - expected).T)
        likelihood = -0.5 * (whitened**2).sum(axis=0) - np.log(np.diag(root)).sum()
        better = likelihood > best
        best[better], choice[better] = likelihood[better], number
    return candidates.positions[choice].astype(np.float32)


def _window_means(signals: Float32, starts: Int32, window: int) -> Float64:
    sums = np.cumsum(np.vstack([np.zeros((1, signals.shape[1])), signals]), axis=0, dtype=np.float64)
    return np.asarray((sums[starts + window] - sums[starts]) / window)
