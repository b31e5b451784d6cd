"""Exact scores over a whole data set, never a mean over batches, and their bootstrap intervals.

Every measure is computed from sums over units of samples, so that a bootstrap can draw units a thousand times and
process the samples only once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from forcepos.data.recordings import Float32, Float64

Scores = dict[str, float | None]  # None where a score is undefined
Measures = dict[str, Float64]  # (draws,) each
Interval = tuple[float, float]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]
RECORDINGS, BLOCKS = "recordings", "time blocks of the only recording"
_CELLS, N_BLOCKS = 100, 10  # a single recording is cut into cells, and a block is a tenth of them
_ROUNDING = 1e-12  # a variance below this share of the squared values is rounding


@dataclass(frozen=True)
class Draws:
    """Samples in units that are drawn together."""

    unit: Ints  # (n,) of each sample: 0, 1, 2, …
    weights: Ints  # (draws, units) how often each draw contains each unit

    def totals(self, values: NDArray[np.floating] | Bools) -> Float64:
        """Return (draws,) sums over each draw's samples."""
        each = np.bincount(self.unit, values, minlength=self.weights.shape[1])
        return np.asarray(self.weights @ each)


def every_sample_once(count: int) -> Draws:
    return Draws(np.zeros(count, np.int64), np.ones((1, 1), np.int64))


def scores_of(measures: Measures) -> Scores:
    """Return the scores of a single draw."""
    return {name: float(values[0]) if np.isfinite(values[0]) else None for name, values in measures.items()}


def regression_measures(true: Float32, predicted: Float32, axes: Sequence[str], draws: Draws) -> Measures:
    """Measure positions (n, axes) in mm for each draw: per axis, over all axes, and by distance.

    `r2` is the mean of the axes' r2; that of an axis on which the truth does not vary is nan and left out.
    """
    truth, error = true.astype(np.float64), predicted.astype(np.float64) - true
    distance = np.linalg.norm(error, axis=1)
    count = draws.totals(np.ones(len(true)))
    absolute = np.array([draws.totals(np.abs(column)) for column in error.T])
    square = np.array([draws.totals(column**2) for column in error.T])
    median, p95 = _quantiles(distance, (0.5, 0.95), draws)
    measures = {
        "mae_mm": absolute.mean(axis=0) / count,
        "rmse_mm": np.sqrt(square.mean(axis=0) / count),
        "euclidean_mean_mm": draws.totals(distance) / count,
        "euclidean_median_mm": median,
        "euclidean_p95_mm": p95,
        "euclidean_rms_mm": np.sqrt(square.sum(axis=0) / count),
    }
    for axis, mae, mse in zip(axes, absolute / count, square / count, strict=True):
        measures |= {f"mae_{axis}_mm": mae, f"rmse_{axis}_mm": np.sqrt(mse)}
    each = [_r2(values, left, draws) for values, left in zip(truth.T, square, strict=True)]
    measures["r2"] = _share(np.nansum(each, axis=0), np.isfinite(each).sum(axis=0).astype(np.float64), np.nan)
    return measures | {f"r2_{axis}": r2 for axis, r2 in zip(axes, each, strict=True)}


def _r2(true: Float64, square: Float64, draws: Draws) -> Float64:
    """Return (draws,) 1 - square / variation; nan if the truth never varies, 1 or 0 where a draw does not."""
    centred = true - true.mean()
    if (centred**2).mean() <= _ROUNDING * (true**2).max():
        return np.full_like(square, np.nan)
    count = draws.totals(np.ones(len(true)))
    variation = draws.totals(centred**2) - draws.totals(centred) ** 2 / count
    varies = variation > _ROUNDING * count * (true**2).max()
    share = np.divide(square, variation, out=np.ones_like(square), where=varies)
    return np.where(varies | (square > 0), 1 - share, 1.0)


def _quantiles(values: Float64, shares: Sequence[float], draws: Draws) -> list[Float64]:
    """Return for each share (draws,) quantiles of the draws' samples, interpolated as by numpy.percentile."""
    order = np.argsort(values, kind="stable")
    ordered, unit = values[order], draws.unit[order]
    quantiles = np.empty((len(shares), len(draws.weights)))
    for draw, weights in enumerate(draws.weights):
        upto = np.cumsum(weights[unit])
        place = np.array(shares) * (upto[-1] - 1)
        below = ordered[np.searchsorted(upto, np.floor(place), side="right")]
        above = ordered[np.searchsorted(upto, np.ceil(place), side="right")]
        quantiles[:, draw] = below + (place - np.floor(place)) * (above - below)
    return list(quantiles)


def classification_measures(true: Ints, predicted: Ints, border: Bools | None, draws: Draws) -> Measures:
    """Measure classes (n,) for each draw: over all samples, and `_off_border` over those away from borders.

    Precision, recall and F1 are macro averages over the classes that occur; a class that is never predicted has
    precision 0. Without a sample off the border those measures are nan; classes without borders (None) have none.
    """
    measures = _classes(true, predicted, "", draws)
    if border is None:
        return measures
    if (~border).any():
        off_border = Draws(draws.unit[~border], draws.weights)
        measures |= _classes(true[~border], predicted[~border], "_off_border", off_border)
    return measures | {"border_share": draws.totals(border) / draws.totals(np.ones(len(border)))}


def _classes(true: Ints, predicted: Ints, suffix: str, draws: Draws) -> Measures:
    classes = int(max(true.max(), predicted.max())) + 1
    pair = (draws.unit * classes + true) * classes + predicted
    units = draws.weights.shape[1]
    counts = np.bincount(pair, minlength=units * classes**2).reshape(units, classes**2)
    confusion = (draws.weights @ counts).reshape(-1, classes, classes).astype(np.float64)
    correct = np.diagonal(confusion, axis1=1, axis2=2)
    n_true, n_predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    occurs = n_true + n_predicted > 0
    return {
        f"accuracy{suffix}": _share(correct.sum(axis=1), n_true.sum(axis=1), np.nan),
        f"precision_macro{suffix}": _mean_of(_share(correct, n_predicted, 0), occurs),
        f"recall_macro{suffix}": _mean_of(_share(correct, n_true, 0), occurs),
        f"f1_macro{suffix}": _mean_of(_share(2 * correct, n_true + n_predicted, 0), occurs),
    }


def _share(count: Float64, total: Float64, otherwise: float) -> Float64:
    return np.divide(count, total, out=np.full_like(count, otherwise), where=total > 0)


def _mean_of(values: Float64, occurs: Bools) -> Float64:
    """Return the (draws,) mean over the classes that occur; nan where none does."""
    return _share((values * occurs).sum(axis=1), occurs.sum(axis=1).astype(np.float64), np.nan)


def draw_units(recording: Ints, row: Ints, count: int, seed: int) -> tuple[Draws, str]:
    """Draw samples, given by their recordings and rows (n,); return draws and their unit: RECORDINGS or BLOCKS.

    Samples of one recording are not independent draws, since they share its posture, force and sensor offset; so
    recordings are drawn, with all their samples. A single recording is drawn in time blocks (moving-block
    bootstrap: Kuensch, "The jackknife and the bootstrap for general stationary observations", Ann. Statist. 1989).
    """
    rng = np.random.default_rng(seed)
    numbers, unit = np.unique(recording, return_inverse=True)
    if len(numbers) > 1:
        weights = rng.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), count)
        return Draws(unit, weights), RECORDINGS
    cells, place = min(_CELLS, len(row)), np.argsort(np.argsort(row, kind="stable"))
    length = -(-cells // N_BLOCKS)
    first = rng.integers(0, cells - length + 1, (count, -(-cells // length)))
    drawn = (first[..., None] + np.arange(length)).reshape(count, -1)
    weights = np.array([np.bincount(each, minlength=cells) for each in drawn])
    return Draws(place * cells // len(row), weights), BLOCKS


def intervals(measures: Measures, confidence: float) -> dict[str, Interval]:
    """Return percentile intervals over the draws in which a measure is defined."""
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    defined = {name: values[np.isfinite(values)] for name, values in measures.items()}
    ends = {name: np.percentile(values, tails) for name, values in defined.items() if len(values)}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def paired_differences(values: Float64, draws: Draws, units: int, confidence: float) -> tuple[Float64, Float64]:
    """Compare the mean scores of runs by the scores (samples, runs) of their samples, all pairs at once.

    Each draw draws the same units for all runs. Of many pairs some differ by chance, and the best run is chosen by
    the same scores; so intervals are simultaneous: in a share `confidence` of the draws, no pair deviates by more
    standard errors than they are wide (single-step maxT: Westfall & Young, "Resampling-based multiple testing",
    1993). A bootstrap over few `units` is too narrow; so they are widened as Student's t is against the normal
    distribution (Hesterberg, "What teachers should know about the bootstrap", Am. Statistician 2015).
    Returned are (runs, runs) the row's score minus the column's, and half the width of the interval around it.
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
    tail = (1 + confidence) / 2
    few = np.sqrt(units / (units - 1)) * stdtrit(units - 1, tail) / ndtri(tail)
    return scores[:, None] - scores, np.quantile(largest, confidence) * few * errors[..., 0]
