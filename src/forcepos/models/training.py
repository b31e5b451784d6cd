"""Training: samples to batches, batches to a fitted model, on the device that the config asks for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from forcepos.config import TrainingConfig
from forcepos.data.recordings import Float32, Int32
from forcepos.errors import InputError
from forcepos.interruption import stop_if_asked
from forcepos.models.preparation import TrainingData

Logs = dict[str, float]

# Every trial traces a network of its own, which TensorFlow takes for a mistake.
tf.get_logger().setLevel("ERROR")


def use_device(config: TrainingConfig) -> str:
    """Prepare the device that training runs on and say which it is.

    Raises:
        InputError: a GPU is asked for and there is none.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if config.device == "gpu" and not gpus:
        raise InputError("training.device=gpu but TensorFlow sees no GPU: use training.device=auto or cpu")
    if config.device == "cpu" or not gpus:
        tf.config.set_visible_devices([], "GPU")
        return f"CPU, {os.cpu_count()} cores"
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return f"GPU, {name}"


def batches(data: TrainingData, members: Int32, batch_size: int, shuffle: bool) -> tf.data.Dataset:
    """Batches of (signals, targets), gathered from the rows as they are needed.

    Signals are (batch, window, channels), or (batch, channels) where a window is one row.
    """
    signals = tf.constant(data.samples.recordings.signals)
    starts = tf.constant(data.samples.starts[members])
    targets = tf.constant(data.targets[members])
    window = data.samples.window
    steps = tf.range(window, dtype=tf.int32)

    def gather(chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        first = tf.gather(starts, chosen)
        rows = first if window == 1 else first[:, None] + steps
        return tf.gather(signals, rows), tf.gather(targets, chosen)

    order = tf.data.Dataset.range(len(members))
    if shuffle:
        order = order.shuffle(len(members), reshuffle_each_iteration=True)
    return order.batch(batch_size).map(gather).prefetch(2)


class _EpochHook(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    def __init__(self, after_epoch: Callable[[int, Logs], None]) -> None:
        super().__init__()
        self._after_epoch = after_epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        stop_if_asked()
        self._after_epoch(epoch + 1, {name: float(value) for name, value in (logs or {}).items()})


def fit(
    model: keras.Model,
    data: TrainingData,
    batch_size: int,
    epochs: int,
    after_epoch: Callable[[int, Logs], None],
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> list[Logs]:
    """Train on the training part, look at the validation part after each epoch; one entry per epoch."""
    history = model.fit(
        batches(data, data.split.train, batch_size, shuffle=True),
        validation_data=batches(data, data.split.validation, 1024, shuffle=False),
        epochs=epochs,
        verbose=0,
        shuffle=False,  # the batches already are
        callbacks=[_EpochHook(after_epoch), *callbacks],
    ).history
    return [dict(zip(history, values, strict=True)) for values in zip(*history.values(), strict=True)]


def predict(model: keras.Model, data: TrainingData, members: Int32) -> Float32:
    """(members, outputs) what the model gives for these samples."""
    return np.asarray(model.predict(batches(data, members, 1024, shuffle=False), verbose=0), np.float32)
