"""Networks in ONNX answer as they do in Keras, one sample at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

from forcepos.data.sectors import make_sectors
from forcepos.models.calibration import Calibration
from forcepos.models.final import inference_model
from forcepos.models.onnx import to_onnx
from forcepos.models.problem import Classification, Regression, Task
from tests.conftest import checked_config

Make = Callable[[int], list[layers.Layer]]  # the hidden layers of a network, by its number


def convolutions(*first: layers.Layer) -> keras.Model:
    """A network that begins with these layers, for ten rows of six channels."""
    keras.utils.set_random_seed(1)
    inner = keras.Sequential([keras.Input((10, 6)), *first, layers.Flatten(), layers.Dense(2)], name="network_1")
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


def ensemble(make: Make, shape: tuple[int, ...] = (10, 6), task: Task | None = None) -> keras.Model:
    """Three calibrated networks with weights of their own behind one whitening, as a run makes a model of them."""
    task, rng = task or Regression(("x", "y")), np.random.default_rng(1)
    matrix = keras.initializers.Constant(rng.normal(size=(6, 6)).tolist())
    last = [layers.Rescaling(30.0, 5.0, name="to_mm")] if isinstance(task, Regression) else []
    networks = [
        keras.Sequential(
            [
                keras.Input(shape),
                layers.Rescaling(2.0, 0.1, name="standardize"),
                layers.Dense(6, use_bias=False, trainable=False, kernel_initializer=matrix, name="whiten"),
                *make(number),
                layers.Dense(len(task.outputs), None if last else "softmax"),
                *last,
            ],
            name=f"network_{number}",
        )
        for number in (1, 2, 3)
    ]
    for network in networks:
        for weight in network.trainable_weights:
            weight.assign(rng.normal(size=weight.shape) * 0.3)
    return inference_model(task, networks, Calibration(0.9, 0.5, 10.0, 9, "recordings"), "plate")


def assert_answers_as_keras(model: keras.Model, folder: Path) -> Counter[str]:
    """Compare all outputs, and return how many nodes of each kind the exported network has."""
    signals = np.random.default_rng(2).normal(size=(1, *model.input_shape[1:])).astype(np.float32)
    running = session(model, folder)
    for name, expected in model(signals).items():
        (found,) = running.run([name], {"signals": signals})
        assert found == pytest.approx(np.asarray(expected), rel=1e-4, abs=1e-4), name
    return Counter(node.op_type for node in onnx.load(folder / "model.onnx").graph.node)


def conv(**settings: Any) -> layers.Layer:
    return layers.Conv1D(8, 3, **({"padding": "same", "activation": "tanh"} | settings))


def pooled(*first: layers.Layer) -> list[layers.Layer]:
    return [*first, layers.Dropout(0.5), layers.GlobalAveragePooling1D()]


SECTORS = Classification(make_sectors(checked_config().sectors))


@pytest.mark.parametrize("task", [Regression(("x", "y")), SECTORS], ids=["regression", "classification"])
def test_networks_of_an_ensemble_that_are_alike_are_one_with_groups_of_channels(
    task: Task, tmp_path: Path
) -> None:
    nodes = assert_answers_as_keras(ensemble(lambda _: pooled(conv(), conv()), task=task), tmp_path)
    assert (nodes["Conv"], nodes["GlobalAveragePool"]) == (2, 1)


def test_dense_networks_that_are_alike_are_one_with_a_stack_of_products(tmp_path: Path) -> None:
    model = ensemble(lambda _: [layers.Dense(16, "relu"), layers.Dense(8, "relu")], shape=(6,))
    nodes = assert_answers_as_keras(model, tmp_path)
    assert nodes["MatMul"] + nodes["Gemm"] == 4  # whitening, two hidden layers, the last one


@pytest.mark.parametrize(
    "make",
    [
        lambda number: pooled(layers.Conv1D(4 * number, 3, padding="same", activation="relu")),
        lambda number: pooled(*(conv() for _ in range(number))),
        lambda number: pooled(conv(activation="relu" if number == 2 else "tanh")),
        lambda _: pooled(conv(padding="causal")),
        lambda _: pooled(conv(), conv(groups=2)),
        lambda _: pooled(conv(activation="softmax")),
        lambda _: pooled(conv(activation="log_softmax")),
        lambda _: pooled(conv(use_bias=False)),
        lambda _: pooled(layers.Dense(8, "tanh"), conv()),
        lambda _: pooled(conv(), layers.BatchNormalization()),
        lambda _: pooled(conv(), layers.Rescaling(0.5)),
        lambda _: [conv(), layers.Flatten()],
    ],
    ids=[
        "other widths", "other depths", "other activations", "causal", "groups", "softmax over channels",
        "log of it", "no bias", "dense over rows", "batch normalization", "rescaling of channels", "flatten",
    ],
)  # fmt: skip
def test_networks_that_are_not_alike_or_mix_channels_stay_apart(make: Make, tmp_path: Path) -> None:
    nodes = assert_answers_as_keras(ensemble(make), tmp_path)
    assert nodes["Gemm"] == 3  # a last layer each


def test_a_network_that_counts_twice_does_so_in_onnx(tmp_path: Path) -> None:
    model = ensemble(lambda _: pooled(conv()))
    networks = [model.get_layer(f"network_{number}") for number in (1, 2)]
    weighted = inference_model(Regression(("x", "y")), [*networks, networks[0]], None, "plate")
    assert_answers_as_keras(weighted, tmp_path)
