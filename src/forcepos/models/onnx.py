"""Exports a model to ONNX in float32, with its preprocessing inside, for one sample at a time."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from forcepos.runtime.errors import InputError


def to_onnx(model: keras.Model, path: Path) -> None:
    """Write a model of standard layers to an ONNX file; an InputError: the extra [export] is not installed.

    The file takes a batch of one sample: known shapes are computed once, when it is loaded.
    """
    try:
        import tf2onnx.convert  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise InputError(
            "an export needs tf2onnx, onnx and onnxruntime: pip install 'forcepos[export]'"
        ) from error
    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    copy = keras.models.clone_model(model, clone_function=_for_onnx, recursive=True)
    copy.set_weights(model.get_weights())
    answer = tf.function(partial(copy, training=False))
    signals = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="signals")
    tf2onnx.convert.from_function(
        answer, [signals], custom_op_handlers={"SelectV2": (_choose, [])}, output_path=str(path)
    )


def _choose(context: Any, node: Any, name: str, arguments: Any) -> None:  # noqa: ARG001  # tf2onnx's
    """Choose by a condition, where tf2onnx would multiply by 0 and 1: NaN would spread to all answers."""
    node.type = "Where"


def _for_onnx(layer: layers.Layer) -> layers.Layer:
    """Return a copy of a layer, without its weights, that onnxruntime computes well on a CPU.

    A CPU multiplies in full float32, and standardised signals differ from one another by so much that little is
    lost: the model itself whitens in float64 for GPUs, whose products are shortened (TF32).
    """
    kind, config = type(layer), layer.get_config()
    if layer.name == "whiten":
        config["dtype"] = "float32"
    return (_RowConv if kind is layers.Conv1D else kind).from_config(config)


class _RowConv(layers.Conv1D):  # type: ignore[misc]  # keras is untyped
    """A Conv1D that computes on an image of one row up to its activation.

    onnxruntime fuses convolution, bias and activation of images only, and Keras' own layer adds the bias after it
    has taken the image apart.
    """

    def call(self, inputs: Any) -> Any:
        """Return (batch, rows, filters) for signals (batch, rows, channels)."""
        if self.padding == "causal" or self.data_format != "channels_last":
            return super().call(inputs)
        image, kernel, strides = tf.expand_dims(inputs, 1), tf.expand_dims(self.kernel, 0), (1, *self.strides)
        dilations, padding = (1, *self.dilation_rate), self.padding.upper()
        found = tf.nn.conv2d(image, kernel, strides, padding, dilations=dilations)
        found = found + self.bias if self.use_bias else found
        return tf.squeeze(self.activation(found), 1)
