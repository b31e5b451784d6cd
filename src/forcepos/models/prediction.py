"""Predictions of trained models."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Int32
from forcepos.models.problem import Problem
from forcepos.models.training.resident import DeviceDataset

Predictions = dict[str, NDArray[Any]]  # by the names of the model's outputs, (samples, …) each

_BATCH = 1024


def batches(problem: Problem, members: Int32, size: int) -> tf.data.Dataset:
    """Yield batches of (signals, targets) of these samples, in their order."""
    dataset = DeviceDataset.of(problem)
    return tf.data.Dataset.from_tensor_slices(members).batch(size).map(dataset.gather).prefetch(2)


def network_outputs(network: keras.Model, problem: Problem, members: Int32) -> Float32:
    """Return (members, outputs), the outputs of a single network for these samples."""
    return np.asarray(network.predict(batches(problem, members, _BATCH), verbose=0), np.float32)


def predict(model: keras.Model, problem: Problem, members: Int32) -> Predictions:
    """Return the named outputs of an inference model for these samples."""
    return dict(model.predict(batches(problem, members, _BATCH), verbose=0))
