"""The notebook's loop, Keras with several steps per call, and forcepos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from benchmarks.cases import CHANNELS, LEARNING_RATE, Case, arrays, windows
from forcepos.data.splits.split import Subsets
from forcepos.models.problem import Regression
from forcepos.models.training.compiled import Program, Training
from forcepos.models.training.device import DeviceDataset, has_gpu

Run = Callable[[], None]
Epochs = Callable[[int, Callable[..., None]], None]  # number of epochs, and what is called after each
BLOCK = 100  # steps


def network(case: Case) -> keras.Sequential:
    """The case's network, as the notebook builds it."""
    keras.utils.set_random_seed(1)
    if case.window == 1:
        hidden = [layers.Dense(CHANNELS, activation="relu")]
        hidden += [layers.Dense(units, activation=activation) for units, activation in case.layers]
        return keras.Sequential([keras.Input((CHANNELS,)), *hidden, layers.Dense(case.outputs)])
    hidden = [
        layers.Conv1D(filters, kernel, activation=activation, padding="same")
        for filters, kernel, activation in case.layers
    ]
    last = [layers.GlobalAveragePooling1D(), layers.Dense(case.outputs)]
    return keras.Sequential([keras.Input((case.window, CHANNELS)), *hidden, *last])


def _rmse(true: Any, predicted: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(predicted - true), axis=-1))


def _rsquared(true: Any, predicted: Any) -> Any:
    return 1 - ops.sum(ops.square(true - predicted)) / ops.sum(ops.square(true - ops.mean(true)))


def notebook_metrics() -> list[Any]:
    """The notebook's own two."""
    return [_rmse, _rsquared]


def notebook(case: Case, steps: int) -> Run:
    """model.fit(x, y) with the notebook's metrics."""
    model = network(case)
    metrics = ["mae", *notebook_metrics()]
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="mse", metrics=metrics)
    return _fit(model, case, steps)


def keras_steps_per_execution(case: Case, steps: int) -> Run:
    """The same with 32 steps per call and Keras' own metrics."""
    model = network(case)
    metrics = Regression(("x",)).metrics()
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="mse", metrics=metrics, steps_per_execution=32
    )
    return _fit(model, case, steps)


def _fit(model: keras.Model, case: Case, steps: int) -> Run:
    data, count = arrays(case), steps * case.batch_size
    signals, targets = windows(case, data, count), data.targets[:count]

    def run() -> None:
        model.fit(signals, targets, batch_size=case.batch_size, epochs=1, verbose=0)

    return run


def samples(case: Case) -> DeviceDataset:
    """The case's samples on the device."""
    data = arrays(case)
    index = tf.int64 if has_gpu() else tf.int32
    starts = tf.constant(data.starts, index)
    return DeviceDataset(tf.constant(data.signals), starts, starts, tf.constant(data.targets), case.window)


def training(case: Case, model: keras.Sequential, steps: int, xla: bool, mixed: bool = False) -> Training:
    """Forcepos' own training of a compiled network, `steps` steps an epoch; one sample to validate."""
    resident = samples(case)
    members = np.random.default_rng(1).integers(0, len(resident.starts), steps * case.batch_size, np.int32)
    split = Subsets(members, members[:1], members[:1])
    task = Regression(("x", "y", "z")[: case.outputs])
    return Training(model, task, resident, split, Program(case.batch_size, xla, mixed))


def forcepos(case: Case, steps: int) -> Run:
    """forcepos.models.training.compiled, compiled."""
    model, ours = _ours(case, steps)

    def run() -> None:
        ours.run(model, 1, 1, lambda *_: None)

    return run


def _ours(case: Case, steps: int) -> tuple[keras.Sequential, Training]:
    model = network(case)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="mse")
    return model, training(case, model, steps, xla=True)


def forcepos_epochs(case: Case, steps: int) -> Epochs:
    """forcepos.models.training.compiled, compiled, with what else it does in an epoch."""
    model, ours = _ours(case, steps)

    def run(epochs: int, after_epoch: Callable[..., None]) -> None:
        ours.run(model, 1, epochs, after_epoch)

    return run


def fit_epochs(case: Case, steps: int) -> Epochs:
    """The same compiled blocks, but Keras' fit iterates over their numbers."""
    _, ours = _ours(case, steps)
    ours.jit_compile = True
    numbers = tf.data.Dataset.range(-(-steps // BLOCK))

    def run(epochs: int, after_epoch: Callable[..., None]) -> None:
        hook = keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)
        ours.fit(numbers, epochs=epochs, callbacks=[hook], shuffle=False, verbose=0)

    return run


def matrix_product(case: Case, steps: int) -> Run:  # noqa: ARG001
    """What the machine can do: `steps` products of two square matrices of 2048 rows."""
    product = tf.function(tf.matmul)
    square = tf.random.normal((2048, 2048))

    def run() -> None:
        for _ in range(steps):
            product(square, square).numpy()

    return run


LOOPS: dict[str, Callable[[Case, int], Run]] = {
    "notebook": notebook,
    "keras, steps_per_execution=32": keras_steps_per_execution,
    "forcepos": forcepos,
    "matrix product": matrix_product,
}
