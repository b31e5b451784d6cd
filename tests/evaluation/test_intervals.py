"""Intervals come from a bootstrap over whole recordings."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.data.recordings import Samples, all_samples
from forcepos.evaluation.metrics import (
    BLOCKS,
    RECORDINGS,
    Draws,
    classification_measures,
    draw_units,
    intervals,
    regression_measures,
)
from tests.data.test_splits import plate
from tests.evaluation.test_metrics import classification_scores, regression_scores

RNG = np.random.default_rng(1)


def resample(samples: Samples, count: int, seed: int) -> tuple[Draws, str]:
    return draw_units(samples.recordings.recording[samples.starts], samples.starts, count, seed)


def repeated(draws: Draws, draw: int) -> np.ndarray:
    """Return the samples of one draw, each as often as it was drawn."""
    return np.repeat(np.arange(len(draws.unit)), draws.weights[draw][draws.unit])


def test_the_scores_of_a_draw_are_those_of_the_samples_that_it_repeats() -> None:
    true, predicted = RNG.normal(size=(2, 90, 2)).astype(np.float32)
    draws, _ = resample(all_samples(plate([10, 20, 30, 30]), 1), 20, seed=1)
    measures = regression_measures(true, predicted, "xy", draws)
    for draw in range(20):
        chosen = repeated(draws, draw)
        scores = regression_scores(true[chosen], predicted[chosen], "xy")
        assert {name: values[draw] for name, values in measures.items()} == pytest.approx(scores)


def test_the_class_scores_of_a_draw_are_those_of_the_samples_that_it_repeats() -> None:
    true, predicted = RNG.integers(0, 5, (2, 90))
    border = RNG.random(90) < 0.3
    draws, _ = resample(all_samples(plate([10, 20, 30, 30]), 1), 20, seed=1)
    measures = classification_measures(true, predicted, border, draws)
    for draw in range(20):
        chosen = repeated(draws, draw)
        scores = classification_scores(true[chosen], predicted[chosen], border[chosen])
        assert {name: values[draw] for name, values in measures.items()} == pytest.approx(scores)


def test_recordings_are_drawn_whole() -> None:
    samples = all_samples(plate([10, 20, 30]), 1)
    draws, resampled = resample(samples, 50, seed=1)
    assert resampled == RECORDINGS
    assert draws.unit.tolist() == samples.recordings.recording.tolist()
    assert set(draws.weights.sum(axis=1).tolist()) == {3}


def test_a_single_recording_is_drawn_in_blocks_of_a_tenth_of_its_time() -> None:
    samples = all_samples(plate([1000]), 1)
    draws, resampled = resample(samples, 50, seed=1)
    assert resampled == BLOCKS == "time blocks of the only recording"
    assert np.array_equal(draws.unit, np.arange(1000) // 10)
    assert set(draws.weights.sum(axis=1).tolist()) == {100}
    inner = draws.weights[:, 10:-10]
    assert (np.diff(inner, axis=1) != 0).sum(axis=1).max() <= 2 * 10  # ten blocks have twenty ends


def test_samples_in_any_order_are_put_in_time_order_first() -> None:
    samples = all_samples(plate([1000]), 1)
    order = RNG.permutation(1000)
    draws, _ = resample(samples.take(order), 5, seed=1)
    assert np.array_equal(draws.unit, order // 10)


def test_the_interval_of_a_mean_over_recordings_has_the_width_that_theory_gives() -> None:
    offsets = RNG.normal(0, 1, 200)
    true = np.zeros((200 * 50, 1), np.float32)
    predicted = (10 + np.repeat(offsets, 50))[:, None].astype(np.float32)
    draws, _ = resample(all_samples(plate([50] * 200), 1), 2000, seed=1)
    low, high = intervals(regression_measures(true, predicted, "x", draws), 0.95)["mae_mm"]
    assert low < np.abs(predicted).mean() < high
    assert high - low == pytest.approx(2 * 1.96 * offsets.std() / np.sqrt(200), rel=0.1)


def test_a_measure_that_no_draw_defines_has_no_interval() -> None:
    assert intervals({"r2": np.array([np.nan, np.nan])}, 0.95) == {}
