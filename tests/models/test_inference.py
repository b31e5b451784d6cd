"""The model that a run saves has named outputs and loads where forcepos is not installed."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from forcepos.data.sectors import make_sectors
from forcepos.models.calibration import Calibration, spread_mm
from forcepos.models.final import inference_model
from forcepos.models.tasks import Classification, Regression, Task
from tests.conftest import checked_config

REGRESSION: Task = Regression(("x", "y"))
CLASSIFICATION: Task = Classification(make_sectors(checked_config().sectors))
SIGNALS = np.random.default_rng(1).normal(size=(6, 10, 20)).astype(np.float32)


def calibration(bound: float, floor_mm: float) -> Calibration:
    return Calibration(0.9, bound, floor_mm, 9, "recordings")


def networks(task: Task, count: int) -> list[keras.Sequential]:
    keras.utils.set_random_seed(1)
    activation = None if isinstance(task, Regression) else "softmax"
    return [
        keras.Sequential(
            [keras.Input((10, 20)), keras.layers.Flatten(), keras.layers.Dense(len(task.outputs), activation)],
            name=f"network_{number}",
        )
        for number in range(1, count + 1)
    ]


def outputs_of(
    task: Task, members: list[keras.Sequential], calibrated: Calibration | None, folder: Path
) -> dict[str, np.ndarray]:
    """Return the model's outputs after saving and loading it."""
    inference_model(task, members, calibrated, "plate").save(folder / "model.keras")
    return dict(keras.models.load_model(folder / "model.keras").predict(SIGNALS, verbose=0))


@pytest.mark.parametrize(("task", "name"), [(REGRESSION, "position"), (CLASSIFICATION, "probabilities")])
@pytest.mark.parametrize("count", [1, 3])
def test_without_calibration_the_only_output_is_the_ensembles_mean(
    task: Task, name: str, count: int, tmp_path: Path
) -> None:
    members = networks(task, count)
    outputs = outputs_of(task, members, None, tmp_path)
    assert list(outputs) == [name]
    mean = np.mean([member.predict(SIGNALS, verbose=0) for member in members], axis=0)
    assert outputs[name] == pytest.approx(mean, abs=1e-6)


def test_a_single_network_has_one_radius(tmp_path: Path) -> None:
    outputs = outputs_of(REGRESSION, networks(REGRESSION, 1), calibration(2.5, 0.0), tmp_path)
    assert outputs["radius"].tolist() == [2.5] * 6


def test_an_ensembles_radius_grows_with_the_spread_of_its_members(tmp_path: Path) -> None:
    members = networks(REGRESSION, 3)
    outputs = outputs_of(REGRESSION, members, calibration(2.0, 0.3), tmp_path)
    each = np.array([member.predict(SIGNALS, verbose=0) for member in members])
    assert outputs["radius"] == pytest.approx(2.0 * spread_mm(each, 0.3), rel=1e-5)


def test_sectors_are_those_that_are_probable_enough_and_always_the_most_probable_one(tmp_path: Path) -> None:
    outputs = outputs_of(CLASSIFICATION, networks(CLASSIFICATION, 1), calibration(0.85, 0), tmp_path)
    probabilities, sectors = outputs["probabilities"], outputs["sectors"]
    assert sectors.dtype == bool
    assert np.array_equal(sectors, probabilities >= np.minimum(0.15, probabilities.max(axis=1, keepdims=True)))
    certain = outputs_of(CLASSIFICATION, networks(CLASSIFICATION, 1), calibration(0.0, 0), tmp_path)
    assert certain["sectors"].sum(axis=1).tolist() == [1] * 6
