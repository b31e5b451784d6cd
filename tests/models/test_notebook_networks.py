"""The author's nine best networks, layer for layer as the notebook would build them."""

from __future__ import annotations

from functools import partial

import pytest

from forcepos.models.networks import declare_space
from forcepos.tuning.given import check_hyperparameters, read_hyperparameters
from tests.conftest import DATA, checked_config
from tests.models.test_networks import described, network

# Written out by hand from the notebook's rules: a Dense of 20, hidden layers, output; or convolutions that keep
# the window's length, the mean over it, output. Parameters: inputs times units plus units, per layer.
NETWORKS = {
    "ffnn_regression_1_1": (
        ["Dense 20 relu", "Dense 32 relu", "Dense 3 linear"],
        20 * 20 + 20 + 20 * 32 + 32 + 32 * 3 + 3,
    ),
    "ffnn_regression_1_2": (
        ["Dense 20 relu", "Dense 224 relu", "Dense 192 relu", "Dense 96 relu", "Dense 32 relu", "Dense 32 relu",
         "Dense 3 linear"],
        420 + 20 * 224 + 224 + 224 * 192 + 192 + 192 * 96 + 96 + 96 * 32 + 32 + 32 * 32 + 32 + 99,
    ),
    "ffnn_regression_1_3": (
        ["Dense 20 relu", "Dense 288 relu", "Dense 128 relu", "Dense 384 relu", "Dense 32 relu", "Dense 32 relu",
         "Dense 3 linear"],
        420 + 20 * 288 + 288 + 288 * 128 + 128 + 128 * 384 + 384 + 384 * 32 + 32 + 32 * 32 + 32 + 99,
    ),
    "ffnn_regression_1_4": (["Dense 20 relu", "Dense 32 relu", "Dense 3 linear"], 420 + 672 + 99),
    "ffnn_regression_1_5": (
        ["Dense 20 relu", "Dense 192 relu", "Dense 192 relu", "Dense 3 linear"],
        420 + 20 * 192 + 192 + 192 * 192 + 192 + 192 * 3 + 3,
    ),
    "ffnn_classification_1_3": (
        ["Dense 20 relu", "Dense 256 relu", "Dense 352 relu", "Dense 32 relu", "Dense 8 softmax"],
        420 + 20 * 256 + 256 + 256 * 352 + 352 + 352 * 32 + 32 + 32 * 8 + 8,
    ),
    "ffnn_classification_1_4": (["Dense 20 relu", "Dense 32 relu", "Dense 8 softmax"], 420 + 672 + 32 * 8 + 8),
    "ffnn_classification_1_5": (
        ["Dense 20 relu", "Dense 352 relu", "Dense 128 relu", "Dense 96 relu", "Dense 8 softmax"],
        420 + 20 * 352 + 352 + 352 * 128 + 128 + 128 * 96 + 96 + 96 * 8 + 8,
    ),
    "cnn_regression_1_3": (
        ["Conv1D 96 3 relu same", "Conv1D 80 3 tanh same", "Conv1D 96 5 tanh same", "Conv1D 112 3 tanh same",
         "Conv1D 16 3 tanh same", "GlobalAveragePooling1D", "Dense 2 linear"],
        3 * 20 * 96 + 96 + 3 * 96 * 80 + 80 + 5 * 80 * 96 + 96 + 3 * 96 * 112 + 112
        + 3 * 112 * 16 + 16 + 16 * 2 + 2,
    ),
}  # fmt: skip


def test_all_nine_are_here() -> None:
    files = {path.stem.removeprefix("versuch_f1_") for path in (DATA / "best_hyperparameters").glob("*.obj")}
    assert files == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_authors_hyperparameters_build_the_notebooks_network(name: str) -> None:
    path = DATA / "best_hyperparameters" / f"versuch_f1_{name}.obj"
    model = "_".join(name.split("_")[:2])
    declare = partial(declare_space, config=checked_config(f"model={model}").model)
    chosen = check_hyperparameters(read_hyperparameters(path), declare, str(path))
    layers, parameters = NETWORKS[name]
    built = network(model, chosen)
    assert described(built) == layers
    assert built.count_params() == parameters
    assert float(built.optimizer.learning_rate.numpy()) == pytest.approx(read_hyperparameters(path)["lr"])
