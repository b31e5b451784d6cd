"""Exports a model to ONNX in float32, with its preprocessing inside, for one sample at a time."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from forcepos.config.schema import ACTIVATIONS
from forcepos.runtime.errors import InputError

_FIXED = ("standardize", "whiten", "to_mm")  # layers of the scaling, which is that of all networks of an ensemble


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
    copy = keras.models.clone_model(
        model, clone_function=_for_onnx, call_function=partial(_call, model, {}), recursive=True
    )
    answer = tf.function(partial(copy, training=False))
    signals = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="signals")
    tf2onnx.convert.from_function(
        answer, [signals], custom_op_handlers={"SelectV2": (_choose, [])}, output_path=str(path)
    )


def _choose(context: Any, node: Any, name: str, arguments: Any) -> None:  # noqa: ARG001  # tf2onnx's
    """Choose by a condition, where tf2onnx would multiply by 0 and 1: NaN would spread to all answers."""
    node.type = "Where"


def _call(model: keras.Model, called: dict[int, tuple[Any, ...]], layer: Any, *given: Any, **named: Any) -> Any:
    """Call a copy of one of the model's layers; networks that are alike are computed together."""
    if type(layer).__name__ == "Stack":
        several = [called.get(id(answer), ()) for answer in given[0]]
        if all(several) and _alike(networks := [network for _, network, _ in several]):
            return _Together(networks)(several[0][2])
    found = layer(*given, **named)
    if layer.name.startswith("network_"):
        layer.set_weights(model.get_layer(layer.name).get_weights())
        called[id(found)] = found, layer, given[0]
    return found


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
        return self.with_weights(inputs, self.kernel, self.bias) if self.on_image else super().call(inputs)

    @property
    def on_image(self) -> bool:
        return bool(self.padding != "causal" and self.data_format == "channels_last")

    def with_weights(self, inputs: Any, kernel: Any, bias: Any) -> Any:
        """Convolve with a kernel (size, channels of a group, filters), in as many groups as the inputs hold."""
        image, strides, dilations = tf.expand_dims(inputs, 1), (1, *self.strides), (1, *self.dilation_rate)
        kernel, padding = tf.expand_dims(kernel, 0), self.padding.upper()
        found = tf.nn.conv2d(image, kernel, strides, padding, dilations=dilations)
        return tf.squeeze(self.activation(found if bias is None else found + bias), 1)


def _alike(networks: Sequence[keras.Sequential]) -> bool:
    """Return whether networks have the same layers, and only such as `_Together` computes."""
    drawn = {"name": "", "kernel_initializer": ""}  # what may differ
    settings = [
        [layer.get_config() | ({} if layer.name in _FIXED else drawn) for layer in network.layers]
        for network in networks
    ]
    return all(each == settings[0] for each in settings) and all(map(_apart, networks[0].layers))


def _apart(layer: layers.Layer) -> bool:
    """Return whether a layer keeps the channels of different networks apart where they lie side by side."""
    match layer:
        case _RowConv():
            elementwise = keras.activations.serialize(layer.activation) in ("linear", *ACTIVATIONS)
            return layer.on_image and layer.use_bias and layer.groups == 1 and elementwise
        case layers.Dense():
            return layer.name in _FIXED or (layer.use_bias and len(layer.input.shape) == 2)
        case layers.Rescaling():
            return layer.name in _FIXED
        case layers.GlobalAveragePooling1D():
            return bool(layer.data_format == "channels_last")
    return isinstance(layer, layers.Dropout)


class _Together(layers.Layer):  # type: ignore[misc]
    """Networks with the same layers as one: many small products wait more than they compute."""

    def __init__(self, networks: Sequence[keras.Sequential]) -> None:
        super().__init__()
        self.networks = list(networks)

    def compute_output_spec(self, signals: Any) -> keras.KerasTensor:
        return keras.KerasTensor((len(self.networks), signals.shape[0], self.networks[0].output_shape[-1]))

    def call(self, signals: Any) -> Any:
        """Return (networks, 1, outputs) for one sample, (1, channels) or (1, rows, channels)."""
        found, shared = signals, True
        for each in zip(*(network.layers for network in self.networks), strict=True):
            first = each[0]
            if not isinstance(first, (_RowConv, layers.Dense)) or first.name in _FIXED:
                found = first(found)
                continue
            kernels, biases = (
                [tf.convert_to_tensor(getattr(one, name)) for one in each] for name in ("kernel", "bias")
            )
            if isinstance(first, _RowConv):
                found = first.with_weights(found, tf.concat(kernels, -1), tf.concat(biases, -1))
            else:
                found = found[tf.newaxis] if shared else tf.reshape(found, (len(each), 1, -1))
                found = first.activation(tf.matmul(found, tf.stack(kernels)) + tf.stack(biases)[:, tf.newaxis])
            shared = False
        return found
