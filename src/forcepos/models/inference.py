"""The model that a run leaves: an ensemble's mean and its uncertainty, by name, in one Keras model."""

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
    """A model of standard layers that answers by name.

    A regression gives `position` (n, outputs) in mm and, if calibrated, `radius` (n,) in mm around it. A
    classification gives `probabilities` (n, classes) and, if calibrated, `sectors` (n, classes), or `classes`
    where the data has labels: which of them to reckon with, the most probable one always among them.
    """
    signals = keras.Input(members[0].input_shape[1:], name="signals")
    said = [member(signals) for member in members]
    mean = layers.Average(name="ensemble")(said) if len(said) > 1 else said[0]
    outputs = {"position" if isinstance(task, Regression) else "probabilities": mean}
    if calibration and isinstance(task, Regression):
        outputs["radius"] = _radius(said, mean, calibration)
    elif calibration and isinstance(task, Classification):
        most = ops.max(mean, axis=-1, keepdims=True)
        outputs[task.kinds] = ops.greater_equal(mean, ops.minimum(most, 1 - calibration.bound))
    return keras.Model(signals, outputs, name=name)


def _radius(said: Sequence[Any], mean: Any, calibration: Calibration) -> Any:
    if len(said) == 1:
        return ops.full_like(mean[:, 0], calibration.bound)
    away = [ops.sum(ops.square(member - mean), axis=-1) for member in said]
    variance = ops.mean(ops.stack(away), axis=0)
    return calibration.bound * ops.sqrt(calibration.floor_mm**2 + variance)
