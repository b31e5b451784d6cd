"""What a trained model says of samples."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from forcepos.data.recordings import Float32, Int32
from forcepos.models.preparation import TrainingData
from forcepos.models.resident import ResidentSamples

_BATCH = 1024


def batches(data: TrainingData, members: Int32, size: int) -> tf.data.Dataset:
    """Batches of (signals, targets) of these samples, in their order."""
    samples = ResidentSamples.of(data)
    return tf.data.Dataset.from_tensor_slices(members).batch(size).map(samples.gather).prefetch(2)


def predict(model: keras.Model, data: TrainingData, members: Int32) -> Float32:
    """(members, outputs) what the model gives for these samples."""
    return np.asarray(model.predict(batches(data, members, _BATCH), verbose=0), np.float32)
