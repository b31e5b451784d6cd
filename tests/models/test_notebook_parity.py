"""What the notebook hands to training, number for number and in its order."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.data.loading import load_recordings
from forcepos.data.recordings import Float32
from forcepos.models.prediction import batches
from forcepos.models.problem import Problem
from tests.conftest import DATA, PLATE, checked_config

PARTS = {"train": "train", "valid": "validation", "test": "test"}


def prepared(model: str) -> Problem:
    config = checked_config(f"experiment=notebook_{model}", "data=versuch", f"data.path={PLATE}")
    return Problem.of(config, load_recordings(config.data).recordings)


def arrays(data: Problem, part: str) -> tuple[Float32, Float32]:
    members = getattr(data.split, part)
    signals, targets = next(iter(batches(data, members, len(members))))
    return signals.numpy(), targets.numpy()


@pytest.mark.parametrize(
    "model", ["ffnn_regression", "ffnn_classification", "cnn_regression", "cnn_classification"]
)
@pytest.mark.parametrize("part", PARTS)
def test_inputs_and_targets_equal_the_notebooks_exactly_and_in_order(model: str, part: str) -> None:
    expected = np.load(DATA / f"{model}.npz", allow_pickle=False)
    signals, targets = arrays(prepared(model), PARTS[part])
    assert signals.dtype == targets.dtype == np.float32
    assert np.array_equal(signals, expected[f"x_{part}"])
    assert np.array_equal(targets, expected[f"y_{part}"])
