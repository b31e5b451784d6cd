"""What a trained model says of samples."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Int32
from forcepos.models.training.resident import DeviceDataset
from forcepos.models.training_data import TrainingData

Answers = dict[str, NDArray[Any]]  # by the model's own names of its outputs, (samples, …) each

_BATCH = 1024


def batches(data: TrainingData, members: Int32, size: int) -> tf.data.Dataset:
    """Batches of (signals, targets) of these samples, in their order."""
    samples = DeviceDataset.of(data)
    return tf.data.Dataset.from_tensor_slices(members).batch(size).map(samples.gather).prefetch(2)


def predict(network: keras.Model, data: TrainingData, members: Int32) -> Float32:
    """(members, outputs) what a network gives for these samples."""
    return np.asarray(network.predict(batches(data, members, _BATCH), verbose=0), np.float32)


def answer(model: keras.Model, data: TrainingData, members: Int32) -> Answers:
    """What a model that answers by name gives for these samples."""
    return dict(model.predict(batches(data, members, _BATCH), verbose=0))
