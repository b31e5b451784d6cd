"""Networks and search spaces are the notebook's."""

from __future__ import annotations

import random
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

from forcepos.data.sectors import make_sectors
from forcepos.models.architectures.architecture import search_space
from forcepos.models.networks import build_network
from forcepos.models.problem import make_task
from forcepos.models.scaling import Scaling
from tests.conftest import checked_config

FFNN = {"num_layers": 2, "units_0": 64, "units_1": 32, "activation": "tanh", "dropout": True, "lr": 1e-3}
CNN = {
    "conv_input_filter": 32, "conv_input_kernel": 5, "conv_input_activation": "relu", "num_layers": 1,
    "conv_0_filter": 16, "conv_0_kernel": 3, "conv_0_activation": "tanh", "dropout": True, "lr": 1e-3,
}  # fmt: skip


def network(model: str, chosen: dict[str, Any], channels: int = 20, scaling: Scaling | None = None) -> keras.Model:
    config = checked_config(f"model={model}")
    task = make_task(config.model, make_sectors(config.sectors))
    return build_network(config.model, chosen, task, channels, scaling or Scaling())


def described(model: keras.Model) -> list[str]:
    descriptions = []
    for layer in model.layers:
        kind = type(layer).__name__
        match layer:
            case keras.layers.Dense():
                descriptions.append(f"{kind} {layer.units} {layer.activation.__name__}")
            case keras.layers.Conv1D():
                width, how = layer.kernel_size[0], layer.activation.__name__
                descriptions.append(f"{kind} {layer.filters} {width} {how} {layer.padding}")
            case keras.layers.Dropout():
                descriptions.append(f"{kind} {layer.rate}")
            case _:
                descriptions.append(kind)
    return descriptions


def test_ffnn_regression_is_the_notebooks() -> None:
    model = network("ffnn_regression", FFNN)
    assert model.input_shape == (None, 20)
    assert described(model) == ["Dense 20 relu", "Dense 64 tanh", "Dense 32 tanh", "Dropout 0.2", "Dense 3 linear"]
    assert model.count_params() == (20 * 20 + 20) + (20 * 64 + 64) + (64 * 32 + 32) + (32 * 3 + 3)


def test_ffnn_classification_ends_in_eight_probabilities() -> None:
    assert described(network("ffnn_classification", FFNN))[-1] == "Dense 8 softmax"


def test_cnn_regression_is_the_notebooks() -> None:
    model = network("cnn_regression", CNN)
    assert model.input_shape == (None, 10, 20)
    assert described(model) == [
        "Conv1D 32 5 relu same", "Conv1D 16 3 tanh same", "Dropout 0.25", "GlobalAveragePooling1D",
        "Dense 2 linear",
    ]  # fmt: skip
    assert model.count_params() == (5 * 20 * 32 + 32) + (3 * 32 * 16 + 16) + (16 * 2 + 2)


def test_cnn_classification_ends_in_eight_probabilities() -> None:
    assert described(network("cnn_classification", CNN))[-1] == "Dense 8 softmax"


def test_the_first_dense_layer_is_as_wide_as_there_are_channels() -> None:
    assert described(network("ffnn_regression", FFNN, channels=6))[0] == "Dense 6 relu"


@pytest.mark.parametrize(("model", "chosen"), [("ffnn_regression", FFNN), ("cnn_regression", CNN)])
def test_layers_are_made_in_the_order_of_the_stack_since_each_draws_a_seed(
    model: str, chosen: dict[str, Any]
) -> None:
    keras.utils.set_random_seed(1)
    seeds = [random.randint(1, 10**9) for _ in range(100)]  # noqa: S311  # as Keras draws them
    keras.utils.set_random_seed(1)
    drawn = [
        seeds.index(seed)
        for layer in network(model, chosen).layers
        if (seed := getattr(getattr(layer, "kernel_initializer", None), "seed", None)) is not None
    ]
    assert len(drawn) >= 3
    assert drawn == sorted(drawn)


def test_without_dropout_there_is_no_dropout_layer() -> None:
    assert "Dropout 0.25" not in described(network("cnn_regression", CNN | {"dropout": False}))


def test_scaling_takes_raw_signals_and_gives_mm() -> None:
    scaling = Scaling(
        (np.full(20, 5.0), np.full(20, 2.0)), (np.array([1.0, 2.0, 3.0]), np.array([10.0, 10.0, 10.0]))
    )
    model = network("ffnn_regression", FFNN, scaling=scaling)
    plain = network("ffnn_regression", FFNN)
    plain.set_weights(model.get_weights())
    raw = np.random.default_rng(1).normal(5, 2, (4, 20)).astype(np.float32)
    assert np.allclose(model(raw), np.array(plain((raw - 5) / 2)) * 10 + [1, 2, 3], atol=1e-4)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (
            "ffnn_regression",
            ["num_layers", *[f"units_{i}" for i in range(5)], "activation", "dropout", "lr", "batch_size"],
        ),
        (
            "cnn_classification",
            [
                *[f"conv_input_{name}" for name in ("filter", "kernel", "activation")],
                "num_layers",
                *[f"conv_{i}_{name}" for i in range(6) for name in ("filter", "kernel", "activation")],
                "dropout", "lr", "batch_size",
            ],
        ),
    ],
)  # fmt: skip
def test_the_search_space_has_the_notebooks_names_and_ours(model: str, names: list[str]) -> None:
    hp, fixed = kt.HyperParameters(), kt.HyperParameters()
    search_space(checked_config(f"model={model}").model)(hp)
    search_space(checked_config(f"model={model}", "model.scaling=none", "model.statistics_s=0").model)(fixed)
    assert [entry.name for entry in fixed.space] == names
    assert [entry.name for entry in hp.space] == [*names, "scaling", "statistics_s"]


def test_the_search_space_has_the_configs_ranges() -> None:
    hp = kt.HyperParameters()
    search_space(checked_config("model=ffnn_regression", "model.space.units.max=64").model)(hp)
    entries = {entry.name: entry.get_config() for entry in hp.space}
    assert (entries["units_0"]["min_value"], entries["units_0"]["max_value"], entries["units_0"]["step"]) == (
        32,
        64,
        32,
    )
    assert (entries["lr"]["min_value"], entries["lr"]["max_value"], entries["lr"]["sampling"]) == (
        1e-4,
        1e-2,
        "log",
    )
    assert entries["batch_size"]["values"] == [16, 32, 64]


def test_only_layers_that_exist_have_hyperparameters() -> None:
    hp = kt.HyperParameters()
    search_space(checked_config("model=ffnn_regression").model)(hp)
    assert hp.values["num_layers"] == 1
    assert "units_0" in hp.values
    assert "units_1" not in hp.values


def test_dropout_can_be_fixed_in_the_config() -> None:
    hp = kt.HyperParameters()
    search_space(checked_config("model=ffnn_regression", "model.space.dropout=[true]").model)(hp)
    assert hp.values["dropout"] is True
