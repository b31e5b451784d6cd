"""Exports a model to ONNX in float32, with its preprocessing inside."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from forcepos.runtime.errors import InputError


def to_onnx(model: keras.Model, path: Path) -> None:
    """Write a model of standard layers to an ONNX file; an InputError: the extra [export] is not installed."""
    try:
        import tf2onnx.convert  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise InputError(
            "an export needs tf2onnx, onnx and onnxruntime: pip install 'forcepos[export]'"
        ) from error
    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    answer = tf.function(partial(in_float32(model), training=False))
    signals = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="signals")
    tf2onnx.convert.from_function(
        answer, [signals], custom_op_handlers={"SelectV2": (_choose, [])}, output_path=str(path)
    )


def _choose(context: Any, node: Any, name: str, arguments: Any) -> None:  # noqa: ARG001  # tf2onnx's
    """Choose by a condition, where tf2onnx would multiply by 0 and 1: NaN would spread to all answers."""
    node.type = "Where"


def in_float32(model: keras.Model) -> keras.Model:
    """Return a copy of a model that whitens in float32.

    A CPU multiplies in full float32, and standardised signals differ from one another by so much that little is
    lost: the model itself uses float64 for GPUs, whose products are shortened (TF32).
    """
    copy = keras.Model.from_config(_whitening_in_float32(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _whitening_in_float32(config: Any) -> Any:
    """Return a config of layers, lists and objects in one another, in which each layer `whiten` has float32."""
    if isinstance(config, list | tuple):
        return type(config)(_whitening_in_float32(each) for each in config)
    if not isinstance(config, dict):
        return config
    changed = {key: _whitening_in_float32(value) for key, value in config.items()}
    return changed | {"dtype": "float32"} if changed.get("name") == "whiten" else changed
