"""Scores over a whole data set, exact: never a mean of batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, r2_score

from forcepos.data.recordings import Float32

Scores = dict[str, float]


def regression_scores(true: Float32, predicted: Float32, axes: Sequence[str]) -> Scores:
    """Errors of positions (n, axes) in mm: per axis, over all axes, and as a distance.

    `r2` over all axes is the mean of the axes' own. With one sample r2 is not defined and left out.
    """
    truth, error = true.astype(np.float64), predicted.astype(np.float64) - true
    distance = np.linalg.norm(error, axis=1)
    scores = {
        "mae_mm": np.abs(error).mean(),
        "rmse_mm": np.sqrt((error**2).mean()),
        "euclidean_mean_mm": distance.mean(),
        "euclidean_median_mm": np.median(distance),
        "euclidean_p95_mm": np.percentile(distance, 95),
    }
    for column, axis in enumerate(axes):
        scores[f"mae_{axis}_mm"] = np.abs(error[:, column]).mean()
        scores[f"rmse_{axis}_mm"] = np.sqrt((error[:, column] ** 2).mean())
    if len(truth) > 1:
        each = r2_score(truth, truth + error, multioutput="raw_values")
        scores |= {"r2": each.mean(), **{f"r2_{axis}": value for axis, value in zip(axes, each, strict=True)}}
    return {name: float(value) for name, value in scores.items()}


def classification_scores(
    true: NDArray[np.integer], predicted: NDArray[np.integer], border: NDArray[np.bool_]
) -> Scores:
    """Scores of classes (n,): over all samples, and `_off_border` over those away from borders.

    Precision, recall and F1 are macro averages over the classes that occur; a class that is never
    predicted has precision 0.
    """
    scores = _classes(true, predicted, "")
    if (~border).any():
        scores |= _classes(true[~border], predicted[~border], "_off_border")
    return scores | {"border_share": float(border.mean())}


def _classes(true: NDArray[np.integer], predicted: NDArray[np.integer], suffix: str) -> Scores:
    precision, recall, f1, _ = precision_recall_fscore_support(true, predicted, average="macro", zero_division=0)
    return {
        f"accuracy{suffix}": float(accuracy_score(true, predicted)),
        f"precision_macro{suffix}": float(precision),
        f"recall_macro{suffix}": float(recall),
        f"f1_macro{suffix}": float(f1),
    }
