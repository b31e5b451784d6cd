"""Training gets the notebook's inputs and targets, number for number and in order."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.data.loading import load_recordings
from forcepos.data.recordings import Float32
from forcepos.models.final import batches
from forcepos.models.problem import Problem
from tests.conftest import DATA, PLATE, checked_config

SUBSETS = {"train": "train", "valid": "validation", "test": "test"}


def prepared(model: str) -> Problem:
    config = checked_config(f"experiment=notebook_{model}", "data=versuch", f"data.path={PLATE}")
    return Problem.of(config, load_recordings(config.data).recordings)


def arrays(data: Problem, subset: str) -> tuple[Float32, Float32]:
    members = getattr(data.split, subset)
    signals, targets = next(iter(batches(data, members, len(members))))
    return signals.numpy(), targets.numpy()


@pytest.mark.parametrize(
    "model", ["ffnn_regression", "ffnn_classification", "cnn_regression", "cnn_classification"]
)
@pytest.mark.parametrize("subset", SUBSETS)
def test_inputs_and_targets_equal_the_notebooks_exactly_and_in_order(model: str, subset: str) -> None:
    expected = np.load(DATA / f"{model}.npz", allow_pickle=False)
    signals, targets = arrays(prepared(model), SUBSETS[subset])
    assert signals.dtype == targets.dtype == np.float32
    assert np.array_equal(signals, expected[f"x_{subset}"])
    assert np.array_equal(targets, expected[f"y_{subset}"])
