"""Which networks an ensemble takes, as computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.models.selection import choose_networks, error_on_validation
from tests.models.test_training import prepared


def chosen(*outputs: list[float], true: float = 0.0) -> list[int]:
    """The places that are chosen among networks with these outputs, by their mean distance from the truth."""
    return choose_networks(
        np.array(outputs, np.float32)[..., None], lambda predicted: float(np.abs(predicted - true).mean())
    )


def test_a_network_that_balances_the_others_is_added_and_one_that_helps_again_counts_twice() -> None:
    """Together the first two err by 0.5; with the first one once more, by 0."""
    assert chosen([1], [-2], [4]) == [0, 0, 1]


def test_a_network_that_no_other_one_helps_stays_alone() -> None:
    assert chosen([1], [2], [4]) == [0]
    assert chosen([1]) == [0]


def test_an_ensemble_begins_with_as_many_of_the_best_as_are_best_together() -> None:
    """The first two err by 1, alone and together, all three by 5/9, and with the third once more by 1/3."""
    assert chosen([1, 1, 1, -1, -1, -1], [1, 1, 1, -1, -1, -1], [-1, 1, -1, 1, -1, 1]) == [0, 1, 2, 2]
    assert chosen([3, 0, 0], [0, 3, 0], [0, 0, 3], true=1) == [0, 1, 2]


def test_equally_good_networks_are_not_added_for_nothing() -> None:
    assert chosen([1], [1], [1]) == [0]


def test_an_ensemble_stays_small() -> None:
    """Ever more of the second network would come ever nearer to the truth."""
    places = chosen([-1.0], [1000.001], true=1000)
    assert len(places) <= 20


@pytest.mark.parametrize(
    ("model", "objective", "direction", "error"),
    [
        ("ffnn_regression", "val_mae", "min", 5.0), ("ffnn_regression", "val_loss", "min", 31.0),
        ("ffnn_regression", "rmse", "min", 31.0**0.5), ("ffnn_classification", "val_accuracy", "max", -1.0),
    ],
)  # fmt: skip
def test_the_error_is_what_the_objective_measures_on_the_validation_subset(
    model: str, objective: str, direction: str, error: float
) -> None:
    problem = prepared(f"model={model}", f"tuner.objective={objective}", f"tuner.direction={direction}")
    true = problem.targets[problem.split.validation].astype(np.float64)
    off = np.array([2.0, 5.0, 8.0]) if "regression" in model else np.zeros(true.shape[1])
    measured = error_on_validation(problem)
    assert measured(true + off) == pytest.approx(error, rel=1e-4)
    assert measured(true + off) == measured(true + off), "it begins anew each time"
    assert measured(np.roll(true, 1, axis=1) + 9) > measured(true + off)
