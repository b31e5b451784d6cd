"""The final model: networks trained from scratch with the best hyperparameters, and calibrated."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from forcepos.data.recordings import Float32, Float64, Int32
from forcepos.data.splits.split import FOLDS, split_of
from forcepos.models.calibration import Calibration, calibrate
from forcepos.models.problem import Classification, Problem, Regression, Task
from forcepos.models.training.compiled import Logs
from forcepos.models.training.device import DeviceDataset, rows_of
from forcepos.models.training.trainer import NetworkTrainer, Values

log = logging.getLogger(__name__)
_BATCH = 1024
_LARGEST = 3e38  # of float32: a sum of squares above it tells of values that overflow in a network's products
Box = tuple[Float64, Float64]
Report = Callable[[int, int, Logs], None]
Predictions = dict[str, NDArray[Any]]  # by the names of the model's outputs, (samples, …) each


@dataclass(frozen=True)
class TrainedModel:
    model: keras.Model  # with named outputs; see `inference_model`
    histories: list[list[Logs]]  # for each member of the ensemble, the logs of each epoch
    calibration: Calibration | None  # of its radius or sets of sectors; None if it was not calibrated


def train_final(
    trainer: NetworkTrainer, best: Values, report: Report, report_fold: Report | None = None
) -> TrainedModel:
    """Train and calibrate an ensemble; report member, epoch and logs; a TrialFailure tells that one diverges.

    The networks of folds that calibrate follow the members, with the next numbers.
    """
    problem, config = trainer.problem, trainer.problem.config
    members = range(1, config.training.ensemble + 1)
    trained = [trainer.final(best, member, partial(report, member)) for member in members]
    by_folds = config.evaluation.calibration == "folds"
    errors = _errors_of_folds(trainer, best, report_fold or report) if by_folds else None
    return assemble(problem, [network for network, _ in trained], [history for _, history in trained], errors)


def assemble(
    problem: Problem, networks: Sequence[keras.Sequential], histories: Sequence[list[Logs]],
    errors: "_Errors | None" = None,
) -> TrainedModel:  # fmt: skip
    """Make one calibrated model of trained networks; one that is there twice has twice the weight."""
    bare, box = {network: _bare(network) for network in networks}, target_box(problem)
    members = [bare[network] for network in networks]
    if len(problem.split.calibration) and problem.config.evaluation.calibration != "folds":
        errors = _Errors.of(members, problem, problem.split.calibration, box)
    calibration = errors.calibration(problem) if errors else None
    model = inference_model(problem.task, members, calibration, problem.config.model.name, box)
    return TrainedModel(model, list(histories), calibration)


def _bare(network: keras.Sequential) -> keras.Sequential:
    """Return the same network without its optimizer, of which a saved model would warn whoever loads it."""
    return keras.Sequential([keras.Input(network.input_shape[1:]), *network.layers], name=network.name)


@dataclass(frozen=True)
class _Errors:
    """What calibrates: predictions (networks, n, outputs) of samples that neither trained nor chose a network."""

    samples: Int32  # (n,)
    outputs: Float32

    @classmethod
    def of(cls, networks: Sequence[keras.Model], problem: Problem, samples: Int32, box: Box | None) -> Self:
        outputs = outputs_of(networks, problem, samples)
        if box:  # as the model does, whose members still show by their spread how far they are from agreeing
            mean = outputs.mean(axis=0, dtype=np.float64)
            outputs = (outputs + (np.clip(mean, *box) - mean)).astype(np.float32)
        return cls(samples, outputs)

    def calibration(self, problem: Problem) -> Calibration | None:
        groups = split_of(problem.config.split).units(problem.samples.take(self.samples))
        true, coverage = problem.targets[self.samples], problem.config.evaluation.coverage
        return calibrate(problem.task, true, self.outputs, groups, coverage)


def _errors_of_folds(trainer: NetworkTrainer, best: Values, report: Report) -> _Errors | None:
    """Train networks without each fold of the training subset, and let them predict it.

    The final model, of all folds, errs about as they do or less: their errors calibrate it, as in Vovk's
    "Cross-conformal predictors" (Annals of Mathematics and Artificial Intelligence 74, 2015).
    """
    problem, ensemble, found = trainer.problem, trainer.problem.config.training.ensemble, []
    division = split_of(problem.config.split)
    for number, (inside, outside) in enumerate(division.parts(problem.samples, problem.split.train, FOLDS), 1):
        part = problem.holding_out(inside, outside)
        without, first = trainer.on(part), number * ensemble
        members = range(1, ensemble + 1)
        networks = [without.final(best, member, partial(report, first + member))[0] for member in members]
        found.append(_Errors.of(networks, part, outside, target_box(part)))
    if not found:
        log.warning("evaluation.calibration=folds: no radius, since only one of what is left out trains")
        return None
    samples = np.concatenate([errors.samples for errors in found])
    return _Errors(samples, np.concatenate([errors.outputs for errors in found], axis=1))


def target_box(problem: Problem) -> Box | None:
    """Return what the positions of a regression are kept within, where model.clip says so.

    That is the box of the training targets, its least and its greatest corner (outputs,) in mm, widened by half
    its width on each side.
    """
    if not (problem.config.model.clip and isinstance(problem.task, Regression)):
        return None
    targets = problem.targets[problem.split.train].astype(np.float64)
    low, high = targets.min(axis=0), targets.max(axis=0)
    return low - (high - low) / 2, high + (high - low) / 2


def inference_model(
    task: Task, members: Sequence[keras.Model], calibration: Calibration | None, name: str, box: Box | None = None
) -> keras.Model:
    """Build a model of standard layers with named outputs, whose positions lie within `box`.

    A regression gives `position` (n, outputs) in mm and, if calibrated, `radius` (n,) in mm around it. A
    classification gives `probabilities` (n, classes) and, if calibrated, `sectors` (n, classes), or `classes`
    where the data has labels: the set that should contain the true one, and always contains the most probable one.

    If a sample holds NaN, infinity or a value that overflows, all numbers are NaN and the set holds all classes:
    some kernels turn NaN into 0 behind a relu, so that a network alone would answer as if nothing had happened.
    """
    signals = keras.Input(max(members, key=rows_of).input_shape[1:], name="signals")
    answers = {member: member(_last_rows(signals, member)) for member in members}
    predictions = [answers[member] for member in members]
    several = ops.stack(predictions) if len(members) > 1 else None  # (members, n, outputs)
    mean = predictions[0] if several is None else ops.mean(several, axis=0)
    firsts, scaled = [member.layers[0] for member in members], signals
    if first := next((layer for layer in firsts if isinstance(layer, layers.Rescaling)), None):
        scaled = layers.Rescaling(first.scale, first.offset)(signals)
    # Comparisons are false for NaN, and unlike a product with 0 no optimiser of graphs removes them.
    squares = [ops.sum(ops.square(each), axis=tuple(range(1, each.ndim))) for each in (scaled, mean)]
    usable = ops.logical_and(*(each <= _LARGEST for each in squares))  # (n,)
    each_usable = ops.expand_dims(usable, -1)
    unknown = ops.sqrt(ops.full_like(mean, -1.0))  # NaN, which the JSON inside a .keras file cannot hold
    answer = ops.where(each_usable, ops.clip(mean, *(end.tolist() for end in box)) if box else mean, unknown)
    outputs = {"position" if isinstance(task, Regression) else "probabilities": answer}
    if calibration and isinstance(task, Regression):
        outputs["radius"] = ops.where(usable, _radius(several, mean, calibration), unknown[:, 0])
    elif calibration and isinstance(task, Classification):
        most = ops.max(mean, axis=-1, keepdims=True)
        likely = ops.greater_equal(mean, ops.minimum(most, 1 - calibration.bound))
        outputs[task.kinds] = ops.logical_or(likely, ops.logical_not(each_usable))
    return keras.Model(signals, outputs, name=name)


def _last_rows(signals: Any, network: keras.Sequential) -> Any:
    """Return what a network sees of samples (n, rows, channels) that another one of its ensemble needs more of."""
    shape = network.input_shape[1:]
    if len(shape) == 1:
        return signals[:, -1] if len(signals.shape) > 2 else signals
    return signals[:, -shape[0] :] if shape[0] < signals.shape[1] else signals


def _radius(several: Any, mean: Any, calibration: Calibration) -> Any:
    if several is None:
        return ops.full_like(mean[:, 0], calibration.bound)
    squared = ops.sum(ops.square(several - mean), axis=-1)
    return calibration.bound * ops.sqrt(calibration.floor_mm**2 + ops.mean(squared, axis=0))


def batches(problem: Problem, members: Int32, size: int, rows: int = 1) -> tf.data.Dataset:
    """Yield batches of (signals, targets) of these samples, in their order, for a model that sees so many rows."""
    dataset = DeviceDataset.of(problem).seeing(rows)
    return tf.data.Dataset.from_tensor_slices(members).batch(size).map(dataset.gather).prefetch(2)


def network_outputs(network: keras.Model, problem: Problem, members: Int32, rows: int = 0) -> Float32:
    """Return (members, outputs) of a single network for these samples, if need be the last of so many rows."""
    seen = batches(problem, members, _BATCH, max(rows, rows_of(network)))
    seen = seen.map(lambda signals, _: _last_rows(signals, network))
    return np.asarray(network.predict(seen, verbose=0), np.float32)


def outputs_of(networks: Sequence[keras.Model], problem: Problem, members: Int32) -> Float32:
    """Return (networks, members, outputs), as an ensemble of these networks has them."""
    rows = max(map(rows_of, networks))
    outputs = {network: network_outputs(network, problem, members, rows) for network in dict.fromkeys(networks)}
    return np.array([outputs[network] for network in networks])


def predict(model: keras.Model, problem: Problem, members: Int32) -> Predictions:
    """Return the named outputs of an inference model for these samples."""
    return dict(model.predict(batches(problem, members, _BATCH, rows_of(model)), verbose=0))
