"""The share of test samples with a training sample beside them in time."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.data.recordings import all_samples
from forcepos.data.splits.random import leaked_share
from forcepos.data.splits.split import split_of
from tests.data.test_splits import config, plate


def members(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def test_a_neighbour_is_a_training_sample_at_most_a_window_away() -> None:
    samples = all_samples(plate([100]), 10)
    assert leaked_share(samples, members(50), members(40, 60, 39, 61)) == 0.5
    assert leaked_share(samples, members(80, 20), members(0, 30, 50, 90)) == 0.5


def test_a_sample_of_another_recording_is_no_neighbour() -> None:
    samples = all_samples(plate([20, 20]), 5)
    last_of_first, first_of_second = 15, 16
    assert leaked_share(samples, members(last_of_first), members(first_of_second)) == 0.0


@pytest.mark.parametrize(("split", "share"), [("random", 1.0), ("held_out_recordings", 0.0)])
def test_the_random_split_leaves_no_test_sample_alone(split: str, share: float) -> None:
    samples = all_samples(plate([200] * 10), 10)
    drawn = split_of(config(split)).subsets(samples, 1)
    assert leaked_share(samples, drawn.train, drawn.test) == pytest.approx(share, abs=0.01)
