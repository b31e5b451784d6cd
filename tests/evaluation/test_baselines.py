"""The baselines learn what they can from the same windows that a network gets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forcepos.data.recordings import Float32, Int32, Samples, all_samples
from forcepos.data.sectors import make_sectors
from forcepos.data.splits.split import Subsets
from forcepos.evaluation import baselines
from forcepos.evaluation.baselines import reference_predictions
from forcepos.models.problem import Classification, Problem, Regression, Task
from tests.conftest import checked_config
from tests.data.test_splits import plate

POSITION = Regression(("x", "y"))
SECTORS = Classification(make_sectors(checked_config().sectors))
ROWS = 3000


def noisy_samples(window: int, channels: int = 2) -> Samples:
    """Draw one recording of standard normal signals."""
    signals = np.random.default_rng(1).normal(0, 1, (ROWS, channels)).astype(np.float32)
    return all_samples(replace(plate([ROWS]), signals=signals), window)


def in_thirds(
    samples: Samples, targets: Float32, train: Int32 | None = None, at_most: int = ROWS, task: Task = POSITION
) -> Problem:
    """Use every third sample for validation, every third for testing, the rest or `train` for training."""
    number = np.arange(len(samples.starts), dtype=np.int32)
    split = Subsets(
        train=number[number % 3 == 0] if train is None else train,
        validation=number[number % 3 == 1],
        test=number[number % 3 == 2],
    )
    return Problem(checked_config(f"evaluation.baseline_samples={at_most}"), task, samples, targets, split)


def errors(problem: Problem) -> dict[str, float]:
    """Return the root mean square error of each baseline."""
    predictions = reference_predictions(problem)
    return {
        name: float(np.sqrt(((predicted - problem.test_targets) ** 2).mean()))
        for name, predicted in predictions.items()
    }


def one_hot(labels: np.ndarray) -> Float32:
    return np.asarray(np.eye(len(SECTORS.outputs))[labels], np.float32)


def test_the_linear_model_learns_a_linear_relation() -> None:
    samples = noisy_samples(1)
    signals = samples.recordings.signals
    targets = signals @ np.array([[3, -1], [2, 5]], np.float32) + np.array([10, -20], np.float32)
    rmse = errors(in_thirds(samples, targets))
    assert rmse["linear"] < 0.01
    assert rmse["linear"] < 0.1 * rmse["boosted_trees"] < 0.1


def test_boosted_trees_learn_a_step() -> None:
    samples = noisy_samples(1)
    targets = np.where(np.abs(samples.recordings.signals) < 0.5, 10, -10).astype(np.float32)
    rmse = errors(in_thirds(samples, targets))
    assert rmse["linear"] > 9
    assert rmse["boosted_trees"] < 0.1 * rmse["linear"]


def test_a_window_keeps_the_order_of_rows_and_channels() -> None:
    """The targets are channel 1 three rows before the last and channel 0 in the first row."""
    samples = noisy_samples(10)
    signals = samples.recordings.signals
    targets = np.column_stack([signals[samples.last - 3, 1], signals[samples.starts, 0]])
    assert errors(in_thirds(samples, targets))["linear"] < 0.01
    first = baselines._windows(samples, np.array([5], np.int32))
    assert first.tolist() == [signals[5:15].ravel().tolist()]


def test_nearly_identical_rows_do_no_harm() -> None:
    """Neighbouring rows differ in the seventh digit, like channels that are computed from each other."""
    samples = noisy_samples(1, channels=1)
    signal = samples.recordings.signals
    alike = replace(samples.recordings, signals=np.hstack([signal, signal * np.float32(1 + 1e-6), signal]))
    data = in_thirds(Samples(alike, samples.starts, 1), np.hstack([2 * signal, -signal]))
    assert errors(data)["linear"] < 0.01


def test_predictions_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = noisy_samples(3)
    data = in_thirds(samples, samples.recordings.signals[samples.last])
    whole = reference_predictions(data)
    monkeypatch.setattr(baselines, "_WINDOWS_AT_ONCE", 7)
    chunks = reference_predictions(data)
    assert {name: predicted.shape for name, predicted in whole.items()} == {
        "linear": (999, 2), "boosted_trees": (999, 2),
    }  # fmt: skip
    for name, predicted in whole.items():
        assert predicted.dtype == np.float32
        assert np.allclose(predicted, chunks[name], atol=1e-5)


def test_no_more_samples_are_trained_on_than_allowed(caplog: pytest.LogCaptureFixture) -> None:
    samples = noisy_samples(1)
    data = in_thirds(samples, samples.recordings.signals, at_most=200)
    with caplog.at_level("INFO"):
        errors(data)
    assert "baseline linear: training on 200 samples" in caplog.messages
    drawn = baselines._draw(data.split.train, 200, 1)
    assert len(set(drawn.tolist()) & set(data.split.train.tolist())) == 200
    assert drawn.mean() == pytest.approx(ROWS / 2, rel=0.15)  # from all over, not the first ones
    assert drawn.tolist() == baselines._draw(data.split.train, 200, 1).tolist()
    assert drawn.tolist() != baselines._draw(data.split.train, 200, 2).tolist()
    assert baselines._draw(data.split.train, ROWS, 1).tolist() == data.split.train.tolist()


def test_classes_are_in_the_tasks_order_when_one_is_missing() -> None:
    samples = noisy_samples(1)
    signals = samples.recordings.signals
    labels = np.where(signals[:, 0] > 0, 6, np.where(signals[:, 1] > 0, 4, 1))
    data = in_thirds(samples, one_hot(labels), task=SECTORS)
    for predicted in reference_predictions(data).values():
        assert predicted.shape == (1000, 8)
        assert np.allclose(predicted.sum(axis=1), 1, atol=1e-5)
        assert (predicted[:, [0, 2, 3, 5, 7]] == 0).all()
        assert (predicted.argmax(axis=1) == labels[data.split.test]).mean() > 0.9


def test_a_single_class_is_always_predicted() -> None:
    samples = noisy_samples(1)
    data = in_thirds(samples, one_hot(np.full(ROWS, 3)), task=SECTORS)
    for predicted in reference_predictions(data).values():
        assert predicted.tolist() == one_hot(np.full(1000, 3)).tolist()


def test_linearly_separable_classes_raise_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    samples = noisy_samples(1)
    labels = (samples.recordings.signals[:, 0] > 0).astype(int)
    reference_predictions(in_thirds(samples, one_hot(labels), task=SECTORS))
    assert not [warning for warning in recwarn if "onverge" in str(warning.message)]
