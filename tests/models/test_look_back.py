"""Statistics over a longer look back, piecewise-linear encoding, and what a network sees of either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from forcepos.data.recordings import Float32, Samples, all_samples
from forcepos.data.splits.split import Subsets, split_of
from forcepos.models.final import batches
from forcepos.models.problem import Problem, Regression
from forcepos.models.scaling import Pieces, Scaling, fit_statistics
from forcepos.models.training.trainer import NetworkTrainer
from tests.conftest import checked_config
from tests.data.test_splits import config, plate
from tests.models.test_networks import CNN, FFNN

NOBODY = np.empty(0, np.int32)


def seen(samples: Samples, sample: int, rows: int) -> list[int]:
    """Return the numbers of the rows that a network of so many rows sees of a sample."""
    targets = np.zeros((len(samples.starts), 1), np.float32)
    problem = Problem(checked_config(), Regression(("x",)), samples, targets, Subsets(NOBODY, NOBODY, NOBODY))
    signals, _ = next(iter(batches(problem, np.array([sample], np.int32), 1, rows)))
    return [int(row) for row in signals.numpy()[0, :, 0]]


def test_a_look_back_goes_on_before_the_window() -> None:
    samples = all_samples(plate([30, 30]), 4).looking_back([])
    assert seen(samples, 26, 10) == list(range(20, 30))


def test_near_the_beginning_of_a_recording_its_rows_are_spread_over_the_look_back() -> None:
    samples = all_samples(plate([30, 30]), 4).looking_back([])
    assert samples.starts[27] == 30  # the first sample of the second recording: it has four rows only
    assert seen(samples, 27, 12) == [30, 30, 31, 31, 32, 32, 33, 33, 30, 31, 32, 33]
    assert seen(samples, 29, 12) == [30, 30, 31, 32, 33, 33, 34, 35, 32, 33, 34, 35]
    assert seen(samples, 35, 12) == list(range(30, 42))


@pytest.mark.parametrize("name", ["blocked", "held_out_recordings", "held_out_points"])
def test_no_look_back_takes_a_row_of_another_subset(name: str) -> None:
    samples = all_samples(plate([100] * 12), 10)
    subsets = split_of(config(name)).subsets(samples, 1)
    looking = samples.looking_back(vars(subsets).values())
    assert looking.earliest is not None
    covered = {key: samples.covered(members) for key, members in vars(subsets).items()}
    for key, members in vars(subsets).items():
        others = np.logical_or.reduce([rows for other, rows in covered.items() if other != key])
        for first, start in zip(looking.earliest[members], samples.starts[members], strict=True):
            assert not others[first : start + 10].any()
            assert samples.recordings.recording[first] == samples.recordings.recording[start]


def windows(rows: int = 20) -> Float32:
    return np.random.default_rng(1).normal([1, -3], [1, 5], (400, rows, 2)).astype(np.float32)


def test_statistics_are_the_mean_the_slope_and_the_spread_standardised() -> None:
    raw, place = windows(), np.arange(20) - 9.5
    scaling = fit_statistics(Scaling(), 20, [raw[:200], raw[200:]])
    signals = keras.Input((20, 2))
    found = np.asarray(keras.Model(signals, scaling._statistics(signals))(raw))
    slope = (raw * place[None, :, None]).sum(axis=1) / np.abs(place).sum()
    expected = np.concatenate(
        [np.stack([raw.mean(axis=1), slope], axis=2).reshape(-1, 4), raw.std(axis=1)], axis=1
    )
    expected = (expected - expected.mean(axis=0)) / expected.std(axis=0)
    assert found == pytest.approx(expected, abs=1e-4)


def test_an_encoding_grows_from_quantile_to_quantile_and_no_farther() -> None:
    values = np.linspace(0, 16, 1601)[:, None]
    pieces, signals = Pieces.of(values), keras.Input((1,))
    encode = keras.Model(signals, pieces.encode(signals))
    found = np.asarray(encode(np.array([[-100.0], [0.5], [8.0], [100.0]], np.float32)))
    assert found == pytest.approx(
        np.array([[0] * 16, [0.5] + [0] * 15, [1] * 8 + [0] * 8, [1] * 16], np.float32), abs=1e-4
    )


def test_a_value_that_many_samples_share_makes_no_piece() -> None:
    values = np.concatenate([np.zeros(500), np.linspace(1, 2, 500)])[:, None]
    pieces = Pieces.of(values)
    assert np.isfinite(pieces.slope).all()
    assert np.count_nonzero(pieces.slope) == 9


@pytest.mark.parametrize(
    ("model", "chosen", "scaling"),
    [("ffnn_regression", FFNN, "none"), ("ffnn_regression", FFNN, "encode"), ("cnn_regression", CNN, "whiten")],
)
def test_a_network_with_statistics_trains_and_is_loaded_as_it_was_saved(
    model: str, chosen: dict[str, object], scaling: str, tmp_path: Path
) -> None:
    settings = checked_config(f"model={model}", "training.final_epochs=1", "training.patience=null")
    samples = all_samples(plate([60] * 6), settings.model.window).looking_back([])
    noise = np.random.default_rng(1).normal(size=(360, 3)).astype(np.float32)
    recordings = replace(samples.recordings, signals=noise, channels=("a", "b", "c"))
    everything = np.arange(len(samples.starts), dtype=np.int32)
    targets = np.zeros((len(everything), 1), np.float32)
    samples = replace(samples, recordings=recordings)
    problem = Problem(settings, Regression(("x",)), samples, targets, Subsets(*3 * [everything]))
    values = chosen | {"scaling": scaling, "statistics_s": 0.3, "batch_size": 64}
    network, _ = NetworkTrainer(problem, tmp_path).final(values, 1, lambda *_: None)
    assert network.input_shape == (None, 30, 3)
    network.save(tmp_path / "network.keras")
    raw = np.random.default_rng(2).normal(size=(5, 30, 3)).astype(np.float32)
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert np.asarray(loaded(raw)).tolist() == np.asarray(network(raw)).tolist()
    assert np.isfinite(np.asarray(network(raw))).all()
