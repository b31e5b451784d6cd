"""The ideal observer: a lookup of the place under which torques are most likely, given a simulation's noise."""

import numpy as np

from forcepos.data.recordings import Float32, Int32, Recordings
from forcepos.data.simulation.simulation import JOINT_CHANNELS, Candidates


def locate(recordings: Recordings, starts: Int32, window: int, candidates: Candidates) -> Float32:
    """Return (n, 3) mm, the position of the candidate under which the mean of each window is most likely.

    Windows begin at rows `starts` (n,) of recordings that have all of JOINT_CHANNELS. Noise is Gaussian: for each
    candidate with mean m and covariance C, log p(x) = -1/2 (x - m)^T C^-1 (x - m) - 1/2 log det C + const.
    """
    signals = recordings.select(JOINT_CHANNELS).signals
    sums = np.pad(signals, ((1, 0), (0, 0))).cumsum(axis=0, dtype=np.float64)
    means = (sums[starts + window] - sums[starts]) / window
    best = np.full(len(means), -np.inf)
    choice = np.zeros(len(means), np.int32)
    for number, (expected, covariance) in enumerate(zip(candidates.means, candidates.covariances, strict=True)):
        root = np.linalg.cholesky(covariance)
        whitened = np.linalg.solve(root, (means - expected).T)
        likelihood = -0.5 * (whitened**2).sum(axis=0) - np.log(np.diag(root)).sum()
        better = likelihood > best
        best[better], choice[better] = likelihood[better], number
    return candidates.positions[choice].astype(np.float32)
