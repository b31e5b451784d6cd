"""Differences between runs, by the scores of the same samples."""

import numpy as np

from forcepos.data.recordings import Float64
from forcepos.evaluation.metrics import Draws


def paired_differences(values: Float64, draws: Draws, confidence: float) -> tuple[Float64, Float64]:
    """Compare the mean scores of runs by the scores (samples, runs) of their samples, all pairs at once.

    Each draw draws the same units for all runs. Of many pairs some differ by chance, and the best run is chosen by
    the same scores; so intervals are simultaneous: in a share `confidence` of the draws, no pair deviates by more
    standard errors than they are wide (single-step maxT: Westfall & Young, "Resampling-based multiple testing",
    1993).

    Returns:
        (runs, runs) the row's score minus the column's, and half the width of the interval around it.
    """
    scores = values.mean(axis=0)
    drawn = np.array([draws.totals(column) for column in values.T]) / draws.totals(np.ones(len(values)))
    deviation = drawn - scores[:, None]
    errors, largest = np.empty((len(scores), len(scores), 1)), np.zeros(drawn.shape[1])
    for error, of_run in zip(errors, deviation, strict=True):
        pairs = np.abs(of_run - deviation)
        error[:] = np.sqrt((pairs**2).mean(axis=1, keepdims=True))
        relative = np.divide(pairs, error, out=np.zeros_like(pairs), where=error > 0)
        largest = np.maximum(largest, relative.max(axis=0))
    return scores[:, None] - scores, np.quantile(largest, confidence) * errors[..., 0]
