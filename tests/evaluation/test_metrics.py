"""Scores over the whole data set, checked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support, r2_score

from forcepos.evaluation.metrics import (
    Scores,
    classification_measures,
    every_sample_once,
    regression_measures,
    scores_of,
)


def regression_scores(true: np.ndarray, predicted: np.ndarray, axes: Sequence[str]) -> Scores:
    return scores_of(regression_measures(true, predicted, axes, every_sample_once(len(true))))


def classification_scores(true: np.ndarray, predicted: np.ndarray, border: np.ndarray | None) -> Scores:
    return scores_of(classification_measures(true, predicted, border, every_sample_once(len(true))))


def test_regression_scores_of_a_case_worked_out_by_hand() -> None:
    true = np.array([[0, 0], [2, 0], [4, 6]], np.float32)
    predicted = np.array([[3, 4], [2, 0], [4, 6]], np.float32)
    scores = regression_scores(true, predicted, ("x", "y"))
    assert scores == pytest.approx(
        {
            "mae_mm": 7 / 6,
            "rmse_mm": np.sqrt(25 / 6),
            "euclidean_mean_mm": 5 / 3,
            "euclidean_median_mm": 0,
            "euclidean_p95_mm": 4.5,
            "euclidean_rms_mm": np.sqrt(25 / 3),
            "mae_x_mm": 1,
            "rmse_x_mm": np.sqrt(3),
            "mae_y_mm": 4 / 3,
            "rmse_y_mm": np.sqrt(16 / 3),
            "r2": (1 - 9 / 8 + 1 - 16 / 24) / 2,
            "r2_x": 1 - 9 / 8,
            "r2_y": 1 - 16 / 24,
        }
    )


def test_one_sample_has_no_r2() -> None:
    scores = regression_scores(np.ones((1, 2), np.float32), np.ones((1, 2), np.float32), ("x", "y"))
    assert (scores["r2"], scores["r2_x"], scores["mae_mm"]) == (None, None, 0)


@pytest.mark.parametrize("error", [0, 1])
def test_an_axis_on_which_the_truth_is_constant_is_left_out_of_r2(error: float) -> None:
    true = np.array([[0, 0.1], [2, 0.1], [4, 0.1]], np.float32)
    predicted = true + np.array([[1, error], [0, 0], [0, 0]], np.float32)
    scores = regression_scores(true, predicted, ("x", "y"))
    assert (scores["r2"], scores["r2_x"], scores["r2_y"]) == (1 - 1 / 8, 1 - 1 / 8, None)


def test_without_an_axis_on_which_the_truth_varies_there_is_no_r2() -> None:
    scores = regression_scores(np.full((3, 2), 0.1, np.float32), np.zeros((3, 2), np.float32), ("x", "y"))
    assert (scores["r2"], scores["r2_x"], scores["r2_y"]) == (None, None, None)


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    true, predicted = rng.normal(size=(2, 500, 2)).astype(np.float32)
    scores = regression_scores(true, predicted, ("x", "y"))
    assert scores["r2"] == pytest.approx(r2_score(true, predicted))
    assert scores["euclidean_p95_mm"] == pytest.approx(
        np.percentile(np.linalg.norm(predicted - true, axis=1), 95), rel=1e-6
    )
    true_classes, predicted_classes = rng.integers(0, 6, 500), rng.integers(1, 8, 500)
    scores = classification_scores(true_classes, predicted_classes, np.zeros(500, bool))
    precision, recall, f1, _ = precision_recall_fscore_support(
        true_classes, predicted_classes, average="macro", zero_division=0
    )
    assert (scores["precision_macro"], scores["recall_macro"], scores["f1_macro"]) == pytest.approx(
        (precision, recall, f1)
    )


def test_rmse_is_of_the_data_set_not_a_mean_over_batches() -> None:
    rng = np.random.default_rng(1)
    true, predicted = rng.normal(size=(2, 1000, 3)).astype(np.float32)
    whole = regression_scores(true, predicted, ("x", "y", "z"))["rmse_mm"]
    batches: list[Any] = [
        regression_scores(true[i : i + 7], predicted[i : i + 7], "xyz")["rmse_mm"] for i in range(0, 1000, 7)
    ]
    assert whole == pytest.approx(np.sqrt(((predicted.astype(float) - true) ** 2).mean()))
    assert whole != pytest.approx(np.mean(batches), rel=1e-3)


def test_classification_scores_of_a_case_worked_out_by_hand() -> None:
    true = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 1, 1])
    border = np.array([False, False, True, False, False, True])
    scores = classification_scores(true, predicted, border)
    assert scores == pytest.approx(
        {
            "accuracy": 4 / 6,
            "precision_macro": (1 + 2 / 4 + 0) / 3,
            "recall_macro": (2 / 3 + 1 + 0) / 3,
            "f1_macro": (0.8 + 2 / 3 + 0) / 3,
            "accuracy_off_border": 1,
            "precision_macro_off_border": 1,
            "recall_macro_off_border": 1,
            "f1_macro_off_border": 1,
            "border_share": 2 / 6,
        }
    )


def test_with_border_samples_only_there_is_no_score_off_the_border() -> None:
    scores = classification_scores(np.array([0, 1]), np.array([0, 1]), np.array([True, True]))
    assert "accuracy_off_border" not in scores
