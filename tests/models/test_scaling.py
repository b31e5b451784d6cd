"""Scaling is fitted to training rows and part of the model; whitened signals are uncorrelated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from forcepos.data.recordings import Float32, Float64, Samples, all_samples
from forcepos.data.splits.split import Subsets
from forcepos.models.problem import Problem, Regression
from forcepos.models.scaling import Scaling, fit_scaling
from forcepos.models.training.trainer import NetworkTrainer
from tests.conftest import checked_config
from tests.data.test_splits import plate

ROWS = 4000


def samples_of(signals: Float64) -> Samples:
    names = tuple(f"s{number}" for number in range(signals.shape[1]))
    return all_samples(replace(plate([len(signals)]), signals=signals.astype(np.float32), channels=names), 1)


def whitening_of(signals: Float64) -> Scaling:
    everything = np.arange(len(signals), dtype=np.int32)
    return fit_scaling(samples_of(signals), everything, np.zeros((len(signals), 1), np.float32), "whiten")


def scaled(scaling: Scaling, signals: Float64) -> Float32:
    model = keras.Sequential([keras.Input((signals.shape[1],)), *scaling.input_layers(1, True, signals.shape[1])])
    return np.array(model(signals.astype(np.float32)))


def nearly_identical() -> Float64:
    """Draw two signals of 50 Nm that differ by a hundredth of their common variation."""
    common, difference = np.random.default_rng(1).normal(size=(2, ROWS))
    return np.column_stack([50 + common, 50 + common + 1e-2 * difference])


def test_scaling_is_fitted_to_rows_of_training_windows_only() -> None:
    samples = all_samples(plate([20, 20]), 10)
    scaling = fit_scaling(samples, np.array([0, 1], np.int32), np.zeros((2, 1), np.float32), "standardize")
    assert scaling.signals is not None
    mean, deviation = scaling.signals
    assert mean[0] == np.arange(11).mean()
    assert deviation[0] == np.arange(11).std()


def test_a_constant_channel_is_not_rescaled() -> None:
    recordings = plate([20])
    recordings.signals[:] = 0.1
    samples = Samples(recordings, np.arange(10, dtype=np.int32), 1)
    scaling = fit_scaling(samples, np.arange(10, dtype=np.int32), np.ones((10, 2), np.float32), "standardize")
    assert scaling.signals is not None
    assert scaling.targets is not None
    assert scaling.signals[1].tolist() == [1.0]
    assert scaling.targets[1].tolist() == [1.0, 1.0]


def test_whitened_signals_are_uncorrelated_and_all_vary_by_one() -> None:
    signals = nearly_identical()
    white = scaled(whitening_of(signals), signals)
    assert np.corrcoef(signals[:, 0], signals[:, 1]).item(1) > 0.9999
    assert np.cov(white.T) == pytest.approx(np.eye(2), abs=2e-3)


def test_whitening_only_standardises_uncorrelated_signals() -> None:
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], np.float64)
    assert scaled(whitening_of(5 + 3 * signs), 5 + 3 * signs) == pytest.approx(signs, abs=1e-5)


def test_whitening_does_not_amplify_a_constant_channel_or_a_copy() -> None:
    rng = np.random.default_rng(1).normal(size=ROWS)
    signals = np.column_stack([rng, rng, np.full(ROWS, 7.0)])
    scaling = whitening_of(signals)
    moved = signals + [0, 0, 1]  # where it is not constant, after training, it counts in its own unit
    assert scaled(scaling, moved)[:, 2] == pytest.approx(np.ones(ROWS), abs=1e-5)
    assert scaling.whitening is not None
    assert np.abs(scaling.whitening).max() <= 1 + 1e-9


@pytest.mark.parametrize(("scaling", "learns"), [("standardize", False), ("whiten", True)])
def test_whitening_lets_a_network_learn_from_a_small_difference(
    scaling: str, learns: bool, tmp_path: Path
) -> None:
    signals = nearly_identical()
    everything = np.arange(ROWS, dtype=np.int32)
    targets = (signals[:, 1:] - signals[:, :1]).astype(np.float32) * 100
    split = Subsets(everything[:3000], everything[3000:], everything[3000:])
    config = checked_config("model=ffnn_regression", f"model.scaling={scaling}")
    trainer = NetworkTrainer(Problem(config, Regression(("x",)), samples_of(signals), targets, split), tmp_path)
    chosen = {"num_layers": 1, "units_0": 32, "activation": "relu", "dropout": False, "lr": 1e-2, "batch_size": 64}
    history = trainer.trial(chosen, 1, 5, lambda *_: None)
    assert bool(history[-1]["val_mae"] < 0.1 * np.abs(targets).mean()) is learns


def test_training_does_not_change_the_whitening(tmp_path: Path) -> None:
    signals = nearly_identical()
    everything = np.arange(ROWS, dtype=np.int32)
    targets, split = signals[:, :1].astype(np.float32), Subsets(*3 * [everything])
    config = checked_config("model=ffnn_regression", "model.scaling=whiten", "training.final_epochs=1")
    trainer = NetworkTrainer(Problem(config, Regression(("x",)), samples_of(signals), targets, split), tmp_path)
    chosen = {"num_layers": 1, "units_0": 32, "activation": "relu", "dropout": False, "lr": 1e-2, "batch_size": 64}
    model, _ = trainer.final(chosen, 1, lambda *_: None)
    expected = whitening_of(signals).whitening
    assert expected is not None
    assert model.get_layer("whiten").kernel.numpy() == pytest.approx(expected, rel=1e-6)
