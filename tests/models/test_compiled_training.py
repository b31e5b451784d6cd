"""Training in blocks gives the numbers of plain `fit`, weight by weight and metric by metric."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any

import keras
import numpy as np
import pytest

from forcepos.data.recordings import Float32, Int32
from forcepos.models.networks import build_network
from forcepos.models.problem import Problem
from forcepos.models.scaling import fit_scaling
from forcepos.models.training.compiled import HashDropout, Logs, MatrixConv1D, Program, Training, fast_copy
from forcepos.models.training.device import Blocks, DeviceDataset
from tests.models.test_networks import CNN, FFNN, network
from tests.models.test_training import prepared

EPOCHS, SEED = 3, 5
CHOSEN = {"ffnn": FFNN, "cnn": CNN}


def built(model: str, whiten: bool = False, **changes: Any) -> tuple[keras.Sequential, Problem]:
    data = prepared(f"model={model}")
    train = data.split.train
    scaling = fit_scaling(data.samples, train, data.targets[train], "whiten" if whiten else "standardize")
    keras.utils.set_random_seed(1)
    chosen = CHOSEN[model.partition("_")[0]] | {"dropout": False, **changes}
    return build_network(data.config.model, chosen, data.task, 20, scaling), data


def windows(data: Problem, members: Int32) -> tuple[Float32, Float32]:
    rows = data.samples.starts[members][:, None] + np.arange(data.samples.window)
    signals = data.samples.recordings.signals[rows]
    return (signals[:, 0] if data.samples.window == 1 else signals), data.targets[members]


@cache
def plainly_fitted(name: str, batch_size: int, epochs: int) -> tuple[list[Logs], list[Float32]]:
    """Return logs and weights of Keras' own `fit` on the same batches: the training samples in the same order."""
    model, data = built(name)
    rng = np.random.default_rng(SEED)
    history = []
    for _ in range(epochs):
        signals, targets = windows(data, rng.permutation(data.split.train))
        logs = model.fit(
            signals, targets, batch_size=batch_size, shuffle=False, epochs=1, verbose=0,
            validation_data=windows(data, data.split.validation),
        ).history  # fmt: skip
        history.append({name: values[0] for name, values in logs.items()})
    return history, model.get_weights()


@pytest.mark.parametrize(
    ("model", "xla"),
    [
        ("ffnn_regression", False), ("ffnn_regression", True), ("cnn_classification", False),
        pytest.param("cnn_classification", True, marks=pytest.mark.system),
    ],
)  # fmt: skip
def test_numbers_are_those_of_plain_fit(model: str, xla: bool) -> None:
    """The training subset fills neither its last batch nor its last block of 100 batches."""
    ours, data = built(model)
    batch_size = 7
    assert len(data.split.train) % batch_size
    assert len(data.split.train) // batch_size % 100
    training = Training(ours, data.task, DeviceDataset.of(data), data.split, Program(batch_size, xla))
    history = training.run(ours, SEED, EPOCHS, lambda *_: None)
    expected, weights = plainly_fitted(model, batch_size, EPOCHS)
    assert [logs.keys() for logs in history] == [logs.keys() for logs in expected]
    for logs, same in zip(history, expected, strict=True):
        assert logs == pytest.approx(same, rel=1e-4, abs=1e-5)
    for ours_weight, weight in zip(ours.get_weights(), weights, strict=True):
        assert np.abs(ours_weight - weight).max() < 1e-5


@pytest.mark.parametrize(
    ("batch_size", "xla"), [pytest.param(7, True, marks=pytest.mark.system), (16, False), (64, True)]
)
def test_the_loss_of_classes_is_finite_however_much_of_the_last_block_is_empty(batch_size: int, xla: bool) -> None:
    """Rows that no step filled hold zeros, which are not probabilities; their loss must not count."""
    model, data = built("ffnn_classification")
    training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(batch_size, xla))
    (logs,) = training.run(model, SEED, 1, lambda *_: None)
    (expected,), _ = plainly_fitted("ffnn_classification", batch_size, 1)
    assert logs == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows whenever TensorFlow traces a training step."""
    traced: list[Any] = []
    step = Training.train_step

    def counted(model: Any, number: Any) -> Any:
        traced.append(number)
        return step(model, number)

    monkeypatch.setattr(Training, "train_step", counted)
    return traced


def test_a_training_is_traced_once_however_often_it_runs(traces: list[Any]) -> None:
    model, data = built("ffnn_regression")
    training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(7, xla=False))
    for _ in range(2):
        training.run(model, SEED, 2, lambda *_: None)
    assert len(traces) == 1


def test_nothing_is_compiled_where_the_same_seed_has_to_give_the_same_result_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """XLA keeps no such promise: Keras leaves it out, with a warning, once TensorFlow is deterministic."""
    model, data = built("ffnn_regression")
    monkeypatch.setattr("keras.src.trainers.trainer.model_supports_jit", lambda _: False)
    with pytest.warns(UserWarning, match="jit_compile"):
        training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(7, xla=True))
    assert training._train_block._jit_compile is False


def test_a_training_leaves_no_state_behind_for_the_next() -> None:
    """Neither weights nor the optimizer's moments, metrics or dropout's random numbers."""
    histories = []
    training = None
    for _ in range(2):
        data = prepared()
        keras.utils.set_random_seed(1)
        model = network("ffnn_regression", FFNN)
        training = training or Training(
            model, data.task, DeviceDataset.of(data), data.split, Program(16, xla=False)
        )
        histories.append(training.run(model, SEED, 2, lambda *_: None))
    assert histories[0] == histories[1]


class Stop(keras.callbacks.Callback):  # type: ignore[misc]
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = True


def test_a_keras_callback_stops_one_run_and_not_the_next() -> None:
    model, data = built("ffnn_regression")
    training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(16, xla=False))
    epochs: list[int] = []
    history = training.run(model, SEED, 5, lambda epoch, _: epochs.append(epoch), [Stop()])
    assert (len(history), epochs) == (1, [1])
    assert len(training.run(model, SEED, 2, lambda *_: None)) == 2


class Noting(keras.callbacks.Callback):  # type: ignore[misc]
    """What Keras' callbacks are told, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.told.append(("training", self.params))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.told.append(("epoch", epoch))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.told.append(("block", batch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.told.append(("end of block", batch))

    def on_test_begin(self, logs: Any = None) -> None:
        self.told.append(("validation",))

    def on_test_end(self, logs: Any = None) -> None:
        self.told.append(("end of validation", logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.told.append(("end of epoch", epoch, logs))

    def on_train_end(self, logs: Any = None) -> None:
        self.told.append(("end of training",))


def test_keras_callbacks_are_told_of_blocks_validations_and_epochs() -> None:
    model, data = built("ffnn_regression")
    training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(7, xla=False))
    assert len(data.split.train) // 700 == 1
    noting, after_epochs = Noting(), []
    history = training.run(model, SEED, 2, lambda *told: after_epochs.append(told), [noting])
    assert after_epochs == [(1, history[0]), (2, history[1])]
    assert noting.told == [
        ("training", {"epochs": 2, "steps": 2, "verbose": 0}),
        *chain(
            *(
                [
                    ("epoch", epoch), ("block", 0), ("end of block", 0), ("block", 1), ("end of block", 1),
                    ("validation",),
                    ("end of validation", {name: logs[f"val_{name}"] for name in ("loss", "mae", "r2", "rmse")}),
                    ("end of epoch", epoch, logs),
                ]
                for epoch, logs in enumerate(history)
            )
        ),
        ("end of training",),
    ]  # fmt: skip


def test_a_training_that_an_exception_ends_runs_again_as_if_it_had_not_run() -> None:
    """As a trial that is stopped early leaves it, in whatever epoch; its network keeps its weights."""
    model, data = built("ffnn_regression", dropout=True)
    training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(16, xla=False))
    before = model.get_weights()

    def stop(epoch: int, _logs: Logs) -> None:
        if epoch == 2:
            raise ZeroDivisionError

    best = keras.callbacks.EarlyStopping("val_mae", patience=5, restore_best_weights=True)
    with pytest.raises(ZeroDivisionError):
        training.run(model, SEED, 3, stop, [best])
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    again = training.run(model, SEED, 2, lambda *_: None)
    fresh = Training(model, data.task, DeviceDataset.of(data), data.split, Program(16, xla=False))
    model, _ = built("ffnn_regression", dropout=True)
    assert again == fresh.run(model, SEED, 2, lambda *_: None)


class Stopwatch(keras.callbacks.Callback):  # type: ignore[misc]
    """Seconds of each block."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self._began)


def test_all_blocks_share_one_compilation() -> None:
    """XLA would recompile for seconds if the program depended on the block's number."""
    model, data = built("ffnn_regression")
    training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(2, xla=True))
    watch = Stopwatch()
    training.run(model, SEED, 1, lambda *_: None, [watch])
    assert len(watch.seconds) == -(-len(data.split.train) // 200)
    assert max(watch.seconds[1:]) < watch.seconds[0] / 4


def test_a_subset_smaller_than_a_batch_is_trained_on() -> None:
    model, data = built("ffnn_regression")
    training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(4096, xla=False))
    before = model.get_weights()
    training.run(model, SEED, 1, lambda *_: None)
    assert any(np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True))


def every_sample(blocks: Blocks) -> Iterator[list[int]]:
    for number in blocks.numbers:
        chosen, count = blocks.block(number)
        assert chosen.shape == (blocks.steps, blocks.size)
        yield chosen.numpy().reshape(-1)[: int(count)].tolist()


def test_blocks_hold_every_sample_once_an_epoch_in_another_order() -> None:
    blocks = Blocks(np.arange(10, 50, dtype=np.int32), size=3, steps=4)
    rng = np.random.default_rng(1)
    epochs = []
    for _ in range(2):
        blocks.shuffle(rng)
        epochs.append(list(every_sample(blocks)))
    assert [[len(block) for block in epoch] for epoch in epochs] == [[12, 12, 12, 4]] * 2
    first, second = ([*chain(*epoch)] for epoch in epochs)
    assert sorted(first) == sorted(second) == list(range(10, 50))
    assert first != second


@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_a_convolution_by_matrix_products_equals_that_of_keras(kernel: int) -> None:
    settings = {"filters": 4, "kernel_size": kernel, "activation": "tanh", "padding": "same"}
    signals = np.random.default_rng(1).normal(size=(2, 10, 3)).astype(np.float32)
    standard, ours = keras.layers.Conv1D(**settings), MatrixConv1D(**settings)
    standard.build(signals.shape)
    ours.build(signals.shape)
    ours.set_weights(standard.get_weights())
    assert np.allclose(standard(signals), ours(signals), atol=1e-6)


def test_dropout_by_hashing_drops_its_share_anew_each_step_and_keeps_the_mean() -> None:
    layer = HashDropout(0.25, seed=1)
    ones = np.ones((64, 10, 32), np.float32)
    first, second = (np.array(layer(ones, training=True)) for _ in range(2))
    assert set(np.unique(first)) == {np.float32(0), np.float32(1 / 0.75)}
    for drawn in (first, second):
        assert (drawn == 0).mean() == pytest.approx(0.25, abs=0.01)  # 3 standard deviations of 20 480 draws
    assert ((first == 0) & (second == 0)).mean() == pytest.approx(0.25**2, abs=0.006)
    neighbours = (first[:, :, 1:] == 0) & (first[:, :, :-1] == 0)
    assert neighbours.mean() == pytest.approx(0.25**2, abs=0.006)
    assert np.array_equal(layer(ones, training=False), ones)


def test_dropout_by_hashing_with_a_rate_of_zero_drops_nothing() -> None:
    ones = np.ones((8, 16), np.float32)
    assert np.array_equal(HashDropout(0.0)(ones, training=True), ones)


def test_dropout_by_hashing_repeats_itself_with_the_same_seed() -> None:
    ones = np.ones((8, 16), np.float32)
    draws = [np.array(HashDropout(0.5, seed=seed)(ones, training=True)) for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.system
def test_compiled_dropout_costs_less_than_a_step_does() -> None:
    """Keras' own takes fifteen times as long as the rest of a step, once XLA compiles it for a CPU."""
    medians = []
    for dropout in (False, True):
        model, data = built("ffnn_regression", dropout=dropout, units_1=512)
        training = Training(model, data.task, DeviceDataset.of(data), data.split, Program(64, xla=True))
        watch = Stopwatch()
        training.run(model, SEED, 8, lambda *_: None, [watch])
        medians.append(np.median(watch.seconds))
    assert medians[1] < 3 * medians[0]


def test_mixed_precision_keeps_scaling_weights_and_outputs_in_float32() -> None:
    model, _ = built("cnn_classification", whiten=True)
    copy = fast_copy(model, for_cpu=True, mixed=True)
    assert [(type(layer).__name__, layer.compute_dtype) for layer in copy.layers] == [
        ("Rescaling", "float32"), ("Dense", "float64"), ("MatrixConv1D", "float16"), ("MatrixConv1D", "float16"),
        ("GlobalAveragePooling1D", "float16"), ("Dense", "float32"),
    ]  # fmt: skip
    assert {variable.dtype for variable in copy.trainable_variables} == {"float32"}


@pytest.mark.system
def test_mixed_precision_learns_as_full_precision_does() -> None:
    scores = []
    for mixed in (False, True):
        model, data = built("ffnn_regression")
        training = Training(
            model, data.task, DeviceDataset.of(data), data.split, Program(16, xla=True, mixed=mixed)
        )
        scores.append(training.run(model, SEED, EPOCHS, lambda *_: None)[-1]["val_mae"])
    assert scores[1] == pytest.approx(scores[0], rel=0.05)


def test_indices_on_a_gpu_are_int64_and_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow would keep int32 in the host's memory; the indices of a GPU can be tested on a CPU."""
    histories = []
    for gpu in (False, True):
        monkeypatch.setattr("forcepos.models.training.device.has_gpu", lambda gpu=gpu: gpu)
        model, data = built("cnn_classification")
        samples = DeviceDataset.of(data)
        assert samples.starts.dtype.name == ("int64" if gpu else "int32")
        histories.append(
            Training(model, data.task, samples, data.split, Program(16, xla=False)).run(
                model, SEED, 1, lambda *_: None
            )
        )
    assert histories[0] == histories[1]
