"""Training in blocks: many steps in one program, nothing crossing into Python between them.

What Keras' callbacks see as a batch is a block of batches: `train_step` iterates over them in a TensorFlow loop,
which XLA compiles as a whole. The results equal those of plain `fit` on the same batches; an incomplete last batch
is weighted as it is there. It trains a copy of a network: the same weights in layers that compile well.

Python iterates over the blocks: behind a tf.data iterator, as in `fit`, XLA often computes on a single core.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from forcepos.data.splits.split import Subsets
from forcepos.models.problem import Task
from forcepos.models.training.device import Blocks, DeviceDataset, has_gpu, rows_of
from forcepos.runtime.errors import TrialFailure
from forcepos.runtime.interruption import stop_if_asked

Logs = dict[str, float]
Array = NDArray[Any]
AfterEpoch = Callable[[int, Logs], None]  # receives the number and the logs of each epoch

_STEPS = 100  # of a block: an interruption waits for these at most
_VALIDATION_BATCH, _FEW_ROWS = 4096, 64  # samples of so many rows; fewer of more rows fit into memory

# Every network is traced once; TensorFlow counts the traces of all networks and warns of excessive retracing.
logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())


@dataclass
class Checkpoint:
    """Where a trial's training has got to; one that begins with it goes on from there, and leaves its own."""

    epochs: int = 0
    state: Sequence[Array] = ()  # values of all that `Training` changes
    best: Sequence[Array] = ()  # weights of the epoch with the best objective
    objective: float | None = None  # in that epoch


@dataclass(frozen=True)
class Program:
    batch_size: int  # samples of a step
    xla: bool  # compile with XLA, which takes seconds and then at least halves the time of a step
    mixed: bool = False  # compute in float16 where it is safe
    offsets: tuple[float, ...] = ()  # standard deviation of those that are added to each channel of a sample


def _real(count: tf.Tensor, size: int) -> tf.Tensor:
    """Return (size,) ones for the first `count` samples, zeros for the padding."""
    return tf.cast(tf.range(size) < count, tf.float32)


def _weights(count: tf.Tensor, size: int) -> tf.Tensor:
    """Return (size,) weights with which Keras' mean over `size` is the mean over the first `count` samples."""
    return _real(count, size) * (size / tf.cast(tf.clip_by_value(count, 1, size), tf.float32))


class MatrixConv1D(layers.Conv1D):  # type: ignore[misc]
    """A Conv1D of stride 1 and padding "same" as a matrix product per tap: up to ten times faster on a CPU."""

    def call(self, inputs: Any) -> Any:
        window, channels = inputs.shape[1:]
        taps = self.kernel_size[0]
        before = (taps - 1) // 2
        padded = ops.pad(inputs, [[0, 0], [before, taps - 1 - before], [0, 0]])
        summed = self.bias
        for tap in range(taps):
            rows = ops.reshape(padded[:, tap : tap + window], (-1, channels))
            summed = summed + ops.matmul(rows, self.kernel[tap])
        return ops.reshape(self.activation(summed), (-1, window, self.filters))


class HashDropout(layers.Dropout):  # type: ignore[misc]
    """A Dropout that draws by hashing each value's index with a new seed in each step.

    On a CPU, XLA's random numbers take more than ten times as long as a whole step.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Set values to zero where the draw falls below `rate`; scale up the others so that the mean stays."""
        if not training or self.rate == 0:  # Keras makes no seed_generator for a rate of 0
            return inputs
        first, second = tf.unstack(tf.cast(self.seed_generator.next(), tf.uint32))
        indices = tf.cast(tf.range(inputs.shape[0] * math.prod(inputs.shape[1:])), tf.uint32)
        drawn = _lowbias32(_lowbias32(indices + first) ^ second)
        kept = tf.reshape(drawn >= tf.constant(int(self.rate * 2**32), tf.uint32), inputs.shape)
        return tf.where(kept, inputs / (1 - self.rate), tf.zeros_like(inputs))


def _lowbias32(value: tf.Tensor) -> tf.Tensor:
    """Hash (n,) uint32 to (n,) uint32, as Chris Wellons' "Prospecting for Hash Functions" (2018) does best."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        value = (value ^ tf.bitwise.right_shift(value, shift)) * factor
    return value ^ tf.bitwise.right_shift(value, 16)


def fast_copy(network: keras.Sequential, for_cpu: bool, mixed: bool) -> keras.Sequential:
    """Return a network of the same layers and variables, for training.

    With `for_cpu` the layers that XLA is slow at on a CPU are replaced. With `mixed` all is computed in float16
    but the scaling at the input and the last layer with weights; all weights stay float32.
    """
    last = [layer for layer in network.layers if layer.weights][-1]
    replaced: dict[Any, Any] = {layers.Conv1D: MatrixConv1D, layers.Dropout: HashDropout} if for_cpu else {}

    def copy(layer: layers.Layer) -> layers.Layer:
        settings = layer.get_config()
        scales = isinstance(layer, layers.Rescaling | keras.Model) or not layer.trainable
        if mixed and layer is not last and not scales:
            settings["dtype"] = "mixed_float16"
        kind = type(layer)
        return replaced.get(kind, kind).from_config(settings)

    return keras.Sequential([keras.Input(network.input_shape[1:]), *map(copy, network.layers)])


class Training(keras.Model):  # type: ignore[misc]  # keras is untyped
    """The training of networks of one architecture: traced and compiled once, run any number of times."""

    def __init__(
        self, network: keras.Sequential, task: Task, dataset: DeviceDataset, split: Subsets, program: Program
    ) -> None:
        """Take architecture and optimizer from a compiled `network`, which stays as it is."""
        super().__init__(name="training")
        self._copy = fast_copy(network, for_cpu=program.xla and not has_gpu(), mixed=program.mixed)
        self._dataset, self._offsets = dataset, program.offsets
        self._seed = tf.Variable(0, trainable=False, dtype=tf.int64)
        self._train = Blocks(split.train, program.batch_size, _STEPS)
        batch = _VALIDATION_BATCH // -(-rows_of(network) // _FEW_ROWS)
        self._validation = Blocks(split.validation, min(batch, len(split.validation)), 1)
        optimizer = type(network.optimizer).from_config(network.optimizer.get_config())
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if program.mixed else optimizer
        # Samples have weight 1, padding has weight 0.
        self.compile(optimizer, task.loss, weighted_metrics=task.metrics(), jit_compile=program.xla)
        # Keras' own answer: not where the same seed is to give the same result on a GPU.
        self._train_block = tf.function(self.train_step, autograph=False, jit_compile=self.jit_compile)
        # The large batches of a validation gain too little to justify compiling.
        self._validate_block = tf.function(self.test_step, autograph=False)
        self.optimizer.build(self.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]
        # Creates the metrics' variables beforehand: TensorFlow traces a program that creates variables twice.
        self._measure(dataset.targets[:1], dataset.targets[:1], tf.constant(1))
        self.reset_metrics()

    def run(  # noqa: PLR0913  # what a training needs
        self, network: keras.Sequential, seed: int, epochs: int, after_epoch: AfterEpoch,
        callbacks: Sequence[keras.callbacks.Callback] = (), start: Checkpoint | None = None,
    ) -> list[Logs]:  # fmt: skip
        """Train `network` from its current weights and return the logs of each epoch.

        It learns from the training subset, in an order drawn with `seed`, and is validated after each epoch. From
        `start`, left by a training with the same seed, it goes on as if that had not ended.
        A TrialFailure tells that it diverges: a loss is not finite, which ends it in that epoch, or a weight.
        """
        start = start or Checkpoint()
        state = start.state or [*network.variables, *self._fresh_optimizer]
        for variable, value in zip(self.changed, state, strict=True):
            variable.assign(value)
        rng = np.random.default_rng(seed)
        for _ in range(start.epochs):  # draws what those drew
            self._train.shuffle(rng)
        self._seed.assign(seed)
        params = {"epochs": epochs, "steps": len(self._train.numbers), "verbose": 0}
        observers = keras.callbacks.CallbackList(callbacks, add_history=True, model=self, **params)
        self.stop_training = False  # callbacks set it
        observers.on_train_begin()
        for epoch in range(start.epochs, epochs):
            observers.on_epoch_begin(epoch)
            self._train.shuffle(rng)
            logs = self._epoch(observers)
            stop_if_asked()
            after_epoch(epoch + 1, logs)
            for name, what in (("loss", "loss"), ("val_loss", "validation loss")):
                if not math.isfinite(logs[name]):
                    raise TrialFailure(f"the {what} is not finite in epoch {epoch + 1}")
            observers.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        observers.on_train_end()
        history, weights = self.history.history, self.get_weights()
        if not all(np.isfinite(values).all() for values in weights):  # a relu can hide that from the loss
            raise TrialFailure("the weights are not finite")
        network.set_weights(weights)
        return [dict(zip(history, values, strict=True)) for values in zip(*history.values(), strict=True)]

    def _epoch(self, observers: keras.callbacks.CallbackList) -> Logs:
        """Train on each block, then validate; return the metrics of both, read from the device once an epoch."""
        self.reset_metrics()
        for block, number in enumerate(self._train.numbers):
            observers.on_train_batch_begin(block)
            self._train_block(number)
            observers.on_train_batch_end(block)  # without logs, which would have to be waited for
        trained = self._results()
        observers.on_test_begin()
        self.reset_metrics()
        for number in self._validation.numbers:
            self._validate_block(number)
        validated = self._results()
        observers.on_test_end(validated)
        return trained | {f"val_{name}": value for name, value in validated.items()}

    def _results(self) -> Logs:
        return {name: float(value) for name, value in sorted(self.get_metrics_result().items())}

    @property
    def changed(self) -> list[Any]:
        """Variables that training changes: weights, the state of dropout's random numbers, and the optimizer's."""
        return [*self._copy.variables, *self.optimizer.variables]

    def train_step(self, number: tf.Tensor) -> Logs:
        """Take a step for each batch of the training block `number`; return the metrics so far."""
        chosen, count = self._train.block(number)
        steps, size = chosen.shape

        def step(done: tf.Tensor, predictions: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            signals, targets = self._dataset.gather(chosen[done])
            predicted = self._learn(signals, targets, _weights(count - done * size, size))
            return done + 1, predictions.write(done, predicted)

        empty = tf.TensorArray(tf.float32, steps, element_shape=(size, self._dataset.targets.shape[1]))
        needed = (count + size - 1) // size
        _, predictions = tf.while_loop(lambda done, _: done < needed, step, (0, empty))
        targets = tf.gather(self._dataset.targets, tf.reshape(chosen, [-1]))
        return self._measure(targets, predictions.concat(), count)

    def _learn(self, signals: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Take one step of the optimizer; return (size, outputs) predictions from before it."""
        if self._offsets:
            shape = (signals.shape[0], *[1] * (len(signals.shape) - 2), len(self._offsets))
            seed = [self._seed, tf.cast(self.optimizer.iterations, tf.int64)]
            signals += tf.random.stateless_normal(shape, seed) * tf.constant(self._offsets, tf.float32)
        with tf.GradientTape() as tape:
            predicted = self._copy(signals, training=True)
            loss = self.compute_loss(signals, targets, predicted, weights, training=True)
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        return predicted

    def test_step(self, number: tf.Tensor) -> Logs:
        chosen, count = self._validation.block(number)
        signals, targets = self._dataset.gather(tf.reshape(chosen, [-1]))
        return self._measure(targets, self._copy(signals, training=False), count)

    def _measure(self, targets: tf.Tensor, predicted: tf.Tensor, count: tf.Tensor) -> Logs:
        """Update the metrics with a block's first `count` samples, all at once: they are sums over samples."""
        size = targets.shape[0]
        # Padding may not even be a probability: its loss would be NaN, and NaN times weight 0 is NaN.
        predicted = tf.where(_real(count, size)[:, tf.newaxis] > 0, predicted, targets)
        loss = self.compute_loss(None, targets, predicted, _weights(count, size), training=False)
        next(iter(self.metrics)).update_state(loss, sample_weight=tf.cast(count, tf.float32))  # Keras' own mean
        return dict(self.compute_metrics(None, targets, predicted, _real(count, size)))
