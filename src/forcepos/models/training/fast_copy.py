"""A faster copy of a network for training: the same weights in layers that compile well."""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops


class MatrixConv1D(layers.Conv1D):  # type: ignore[misc]  # keras is untyped
    """A Conv1D of stride 1 and padding "same" as a matrix product per tap: up to ten times faster on a CPU."""

    def call(self, inputs: Any) -> Any:
        """Convolve (batch, window, channels) to (batch, window, filters)."""
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


_ON_A_CPU: dict[Any, Any] = {layers.Conv1D: MatrixConv1D, layers.Dropout: HashDropout}


def fast_copy(network: keras.Sequential, for_cpu: bool, mixed: bool) -> keras.Sequential:
    """Return a network of the same layers and variables, for training.

    With `for_cpu` the layers that XLA is slow at on a CPU are replaced. With `mixed` all is computed in float16
    but the scaling at the input and the last layer with weights; all weights stay float32.
    """
    last = [layer for layer in network.layers if layer.weights][-1]

    def copy(layer: layers.Layer) -> layers.Layer:
        settings = layer.get_config()
        scales = isinstance(layer, layers.Rescaling) or not layer.trainable
        if mixed and layer is not last and not scales:
            settings["dtype"] = "mixed_float16"
        kind = type(layer)
        return (_ON_A_CPU.get(kind, kind) if for_cpu else kind).from_config(settings)

    return keras.Sequential([keras.Input(network.input_shape[1:]), *map(copy, network.layers)])
