"""Networks in ONNX answer as they do in Keras, one sample at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

from forcepos.models.onnx import to_onnx


def convolutions(*first: layers.Layer) -> keras.Model:
    """A network that begins with these layers, for ten rows of six channels."""
    keras.utils.set_random_seed(1)
    inner = keras.Sequential([keras.Input((10, 6)), *first, layers.Flatten(), layers.Dense(2)])
    for each in inner.weights:
        each.assign(np.random.default_rng(1).normal(size=each.shape))
    signals = keras.Input((10, 6), name="signals")
    return keras.Model(signals, {"position": inner(signals)})


def session(model: keras.Model, folder: Path) -> onnxruntime.InferenceSession:
    to_onnx(model, folder / "model.onnx")
    return onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "settings",
    [
        {"padding": "same", "activation": "tanh"},
        {"padding": "valid", "strides": 2, "activation": "relu"},
        {"padding": "same", "dilation_rate": 2, "use_bias": False},
        {"padding": "causal", "activation": "tanh"},
        {"padding": "same", "groups": 2},
    ],
    ids=str,
)
def test_convolutions_of_all_kinds_answer_as_in_keras(settings: dict[str, Any], tmp_path: Path) -> None:
    model = convolutions(layers.Conv1D(8, 3, **settings), layers.Conv1D(4, 2, padding="same", activation="relu"))
    signals = np.random.default_rng(2).normal(size=(1, 10, 6)).astype(np.float32)
    (found,) = session(model, tmp_path).run(["position"], {"signals": signals})
    assert found == pytest.approx(np.asarray(model(signals)["position"]), rel=1e-4, abs=1e-4)


def test_the_network_takes_one_sample_and_adds_biases_inside_of_its_convolutions(tmp_path: Path) -> None:
    model = convolutions(*(layers.Conv1D(8, 3, padding="same", activation="tanh") for _ in range(3)))
    assert session(model, tmp_path).get_inputs()[0].shape == [1, 10, 6]
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    assert [node.op_type for node in nodes[2:8]] == ["Conv", "Tanh"] * 3  # after the window was made an image
    assert [len(node.input) for node in nodes[2:8:2]] == [3, 3, 3]
