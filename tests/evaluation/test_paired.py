"""Intervals of the differences between runs hold for all pairs at once."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.evaluation.metrics import Draws, draw_units, paired_differences


def draws(recordings: int, rows: int, count: int = 1000) -> tuple[np.ndarray, Draws]:
    recording = np.repeat(np.arange(recordings), rows)
    return recording, draw_units(recording, np.tile(np.arange(rows), recordings), count, seed=1)[0]


def test_of_two_runs_the_interval_is_that_of_a_mean_over_recordings() -> None:
    rng = np.random.default_rng(1)
    means = rng.normal(size=(100, 2))
    recording, drawn = draws(100, 4)
    difference, margin = paired_differences(means[recording], drawn, 100, 0.95)
    own = means[:, 0] - means[:, 1]
    assert difference == pytest.approx(np.array([[0, own.mean()], [-own.mean(), 0]]))
    assert margin[0, 1] == margin[1, 0] == pytest.approx(1.96 * own.std() / 10, rel=0.1)
    assert margin[0, 0] == margin[1, 1] == 0


def test_among_many_equal_runs_a_real_difference_is_found_by_chance_as_rarely_as_among_two() -> None:
    rng = np.random.default_rng(1)
    recording, drawn = draws(40, 1, 300)
    found = []
    for _ in range(300):
        values = rng.normal(size=(40, 1)) * 10 + rng.normal(size=(40, 8))
        difference, margin = paired_differences(values[recording], drawn, 40, 0.95)
        found.append(bool((np.abs(difference) > margin).any()))
    assert 0.02 < np.mean(found) < 0.1  # 28 pairs, each on its own at 95 %, would find one in half of the cases


def test_a_few_recordings_do_not_make_intervals_too_narrow() -> None:
    rng = np.random.default_rng(1)
    recording, drawn = draws(6, 1, 300)
    tried = (paired_differences(rng.normal(size=(6, 2))[recording], drawn, 6, 0.95) for _ in range(1000))
    assert np.mean([abs(difference[0, 1]) > margin[0, 1] for difference, margin in tried]) < 0.08


def test_runs_with_the_same_errors_do_not_differ() -> None:
    recording, drawn = draws(10, 3)
    same = np.random.default_rng(1).normal(size=(10, 1))[recording][:, [0, 0]]
    difference, margin = paired_differences(same, drawn, 10, 0.9)
    assert not difference.any()
    assert not margin.any()
