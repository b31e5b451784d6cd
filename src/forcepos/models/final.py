"""The final model: networks trained from scratch with the best hyperparameters, and calibrated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Int32
from forcepos.data.splits.split import split_of
from forcepos.models.calibration import Calibration, calibrate
from forcepos.models.problem import Classification, Problem, Regression, Task
from forcepos.models.training.compiled import Logs
from forcepos.models.training.device import DeviceDataset
from forcepos.models.training.trainer import NetworkTrainer, Values

_BATCH = 1024
_LARGEST = 1e19  # the root of the largest float32: what is larger overflows in a network's products
Predictions = dict[str, NDArray[Any]]  # by the names of the model's outputs, (samples, …) each


@dataclass(frozen=True)
class TrainedModel:
    model: keras.Model  # with named outputs; see `inference_model`
    histories: list[list[Logs]]  # for each member of the ensemble, the logs of each epoch
    calibration: Calibration | None  # of its radius or sets of sectors; None if it was not calibrated


def train_final(trainer: NetworkTrainer, best: Values, report: Callable[[int, int, Logs], None]) -> TrainedModel:
    """Train and calibrate an ensemble; report member, epoch and logs; a TrialFailure tells that one diverges."""
    problem, config = trainer.problem, trainer.problem.config
    members = range(1, config.training.ensemble + 1)
    trained = [trainer.final(best, member, partial(report, member)) for member in members]
    networks = [network for network, _ in trained]
    calibration, subset = None, problem.split.calibration
    if len(subset):
        outputs = np.array([network_outputs(network, problem, subset) for network in networks])
        groups = split_of(config.split).units(problem.samples.take(subset))
        calibration = calibrate(problem.task, problem.targets[subset], outputs, groups, config.evaluation.coverage)
    model = inference_model(problem.task, networks, calibration, config.model.name)
    return TrainedModel(model, [history for _, history in trained], calibration)


def inference_model(
    task: Task, members: Sequence[keras.Model], calibration: Calibration | None, name: str
) -> keras.Model:
    """Build a model of standard layers with named outputs.

    A regression gives `position` (n, outputs) in mm and, if calibrated, `radius` (n,) in mm around it. A
    classification gives `probabilities` (n, classes) and, if calibrated, `sectors` (n, classes), or `classes`
    where the data has labels: the set that should contain the true one, and always contains the most probable one.

    If a sample holds NaN, infinity or a value that overflows, all numbers are NaN and the set holds all classes:
    some kernels turn NaN into 0 behind a relu, so that a network alone would answer as if nothing had happened.
    """
    signals = keras.Input(members[0].input_shape[1:], name="signals")
    predictions = [member(signals) for member in members]
    mean = layers.Average(name="ensemble")(predictions) if len(predictions) > 1 else predictions[0]
    first, scaled = members[0].layers[0], signals
    if isinstance(first, layers.Rescaling):
        scaled = layers.Rescaling(first.scale, first.offset)(signals)
    # Comparisons are false for NaN, and unlike a product with 0 no optimiser of graphs removes them.
    small = [ops.all(ops.abs(each) <= _LARGEST, axis=tuple(range(1, each.ndim))) for each in (scaled, mean)]
    usable = ops.expand_dims(ops.logical_and(*small), -1)
    unknown = ops.sqrt(ops.full_like(mean, -1.0))  # NaN, which the JSON inside a .keras file cannot hold
    answer = ops.where(usable, mean, unknown)
    outputs = {"position" if isinstance(task, Regression) else "probabilities": answer}
    if calibration and isinstance(task, Regression):
        outputs["radius"] = ops.where(usable[:, 0], _radius(predictions, mean, calibration), unknown[:, 0])
    elif calibration and isinstance(task, Classification):
        most = ops.max(mean, axis=-1, keepdims=True)
        likely = ops.greater_equal(mean, ops.minimum(most, 1 - calibration.bound))
        outputs[task.kinds] = ops.logical_or(likely, ops.logical_not(usable))
    return keras.Model(signals, outputs, name=name)


def _radius(predictions: Sequence[Any], mean: Any, calibration: Calibration) -> Any:
    if len(predictions) == 1:
        return ops.full_like(mean[:, 0], calibration.bound)
    squared = [ops.sum(ops.square(member - mean), axis=-1) for member in predictions]
    return calibration.bound * ops.sqrt(calibration.floor_mm**2 + ops.mean(ops.stack(squared), axis=0))


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
