"""The model that a run saves: an ensemble's mean and its uncertainty as named outputs of one Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from forcepos.models.calibration import Calibration
from forcepos.models.tasks import Classification, Regression, Task


def inference_model(
    task: Task, members: Sequence[keras.Model], calibration: Calibration | None, name: str
) -> keras.Model:
    """Build a model of standard layers with named outputs.

    A regression gives `position` (n, outputs) in mm and, if calibrated, `radius` (n,) in mm around it. A
    classification gives `probabilities` (n, classes) and, if calibrated, `sectors` (n, classes), or `classes`
    where the data has labels: the set that should contain the true one, and always contains the most probable one.
    """
    signals = keras.Input(members[0].input_shape[1:], name="signals")
    predictions = [member(signals) for member in members]
    mean = layers.Average(name="ensemble")(predictions) if len(predictions) > 1 else predictions[0]
    outputs = {"position" if isinstance(task, Regression) else "probabilities": mean}
    if calibration and isinstance(task, Regression):
        outputs["radius"] = _radius(predictions, mean, calibration)
    elif calibration and isinstance(task, Classification):
        most = ops.max(mean, axis=-1, keepdims=True)
        outputs[task.kinds] = ops.greater_equal(mean, ops.minimum(most, 1 - calibration.bound))
    return keras.Model(signals, outputs, name=name)


def _radius(predictions: Sequence[Any], mean: Any, calibration: Calibration) -> Any:
    if len(predictions) == 1:
        return ops.full_like(mean[:, 0], calibration.bound)
    squared = [ops.sum(ops.square(member - mean), axis=-1) for member in predictions]
    variance = ops.mean(ops.stack(squared), axis=0)
    return calibration.bound * ops.sqrt(calibration.floor_mm**2 + variance)
