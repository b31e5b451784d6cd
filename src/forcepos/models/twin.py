"""The network that is trained in place of the one that is saved: the same weights in faster layers."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

MIXED = "mixed_float16"


class MatrixConv1D(layers.Conv1D):  # type: ignore[misc]  # keras is untyped
    """A Conv1D of stride 1 and padding "same" as one matrix product per tap of its kernel.

    XLA's own convolution is up to ten times slower on a CPU than its matrix products.
    """

    def call(self, inputs: Any) -> Any:
        """(batch, window, channels) to (batch, window, filters)."""
        window, channels = inputs.shape[1:]
        taps = self.kernel_size[0]
        before = (taps - 1) // 2
        padded = ops.pad(inputs, [[0, 0], [before, taps - 1 - before], [0, 0]])
        summed = self.bias
        for tap in range(taps):
            rows = ops.reshape(padded[:, tap : tap + window], (-1, channels))
            summed = summed + ops.matmul(rows, self.kernel[tap])
        return ops.reshape(self.activation(summed), (-1, window, self.filters))


def training_twin(network: keras.Sequential, matrix_convolution: bool, mixed: bool) -> keras.Sequential:
    """A network of the same layers and variables, for training.

    Args:
        network: a stack of standard layers.
        matrix_convolution: make Conv1D a MatrixConv1D.
        mixed: compute in float16 between the scaling at the input and the last layer with weights, which stay
            float32 as all weights do.
    """
    last = [layer for layer in network.layers if layer.weights][-1]

    def copy(layer: layers.Layer) -> layers.Layer:
        settings = layer.get_config()
        if mixed and layer is not last and not isinstance(layer, layers.Rescaling):
            settings["dtype"] = MIXED
        kind = MatrixConv1D if matrix_convolution and isinstance(layer, layers.Conv1D) else type(layer)
        return kind.from_config(settings)

    return keras.Sequential([keras.Input(network.input_shape[1:]), *map(copy, network.layers)])
