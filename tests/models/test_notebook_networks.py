"""Networks of hyperparameters in the notebook's files, layer for layer as the notebook would build them."""

from __future__ import annotations

import pytest

from forcepos.experiment.inputs import check_hyperparameters, read_hyperparameters
from tests.conftest import DATA, checked_config
from tests.models.test_networks import described, network

# Written out by hand from the notebook's rules: a Dense of 20, hidden layers, output; or convolutions that keep
# the window's length, the mean over it, output. Parameters: inputs times units plus units, per layer.
NETWORKS = {
    "ffnn_regression_1_1": (
        ["Dense 20 relu", "Dense 64 relu", "Dense 3 linear"],
        20 * 20 + 20 + 20 * 64 + 64 + 64 * 3 + 3,
    ),
    "ffnn_regression_1_2": (
        ["Dense 20 relu", "Dense 160 relu", "Dense 320 relu", "Dense 64 relu", "Dense 96 relu", "Dense 224 relu",
         "Dense 3 linear"],
        420 + 20 * 160 + 160 + 160 * 320 + 320 + 320 * 64 + 64 + 64 * 96 + 96 + 96 * 224 + 224 + 224 * 3 + 3,
    ),
    "ffnn_regression_1_3": (
        ["Dense 20 relu", "Dense 448 tanh", "Dense 192 tanh", "Dense 256 tanh", "Dense 64 tanh", "Dense 128 tanh",
         "Dense 3 linear"],
        420 + 20 * 448 + 448 + 448 * 192 + 192 + 192 * 256 + 256 + 256 * 64 + 64 + 64 * 128 + 128 + 128 * 3 + 3,
    ),
    "ffnn_regression_1_4": (["Dense 20 relu", "Dense 96 relu", "Dense 3 linear"], 420 + 20 * 96 + 96 + 96 * 3 + 3),
    "ffnn_regression_1_5": (
        ["Dense 20 relu", "Dense 288 relu", "Dense 128 relu", "Dense 3 linear"],
        420 + 20 * 288 + 288 + 288 * 128 + 128 + 128 * 3 + 3,
    ),
    "ffnn_classification_1_3": (
        ["Dense 20 relu", "Dense 384 relu", "Dense 224 relu", "Dense 64 relu", "Dense 8 softmax"],
        420 + 20 * 384 + 384 + 384 * 224 + 224 + 224 * 64 + 64 + 64 * 8 + 8,
    ),
    "ffnn_classification_1_4": (
        ["Dense 20 relu", "Dense 64 relu", "Dense 8 softmax"],
        420 + 20 * 64 + 64 + 64 * 8 + 8,
    ),
    "ffnn_classification_1_5": (
        ["Dense 20 relu", "Dense 256 tanh", "Dense 480 tanh", "Dense 160 tanh", "Dense 8 softmax"],
        420 + 20 * 256 + 256 + 256 * 480 + 480 + 480 * 160 + 160 + 160 * 8 + 8,
    ),
    "cnn_regression_1_3": (
        ["Conv1D 64 5 tanh same", "Conv1D 112 3 relu same", "Conv1D 48 5 tanh same", "Conv1D 80 3 tanh same",
         "Conv1D 32 5 relu same", "GlobalAveragePooling1D", "Dense 2 linear"],
        5 * 20 * 64 + 64 + 3 * 64 * 112 + 112 + 5 * 112 * 48 + 48 + 3 * 48 * 80 + 80
        + 5 * 80 * 32 + 32 + 32 * 2 + 2,
    ),
}  # fmt: skip


def test_every_file_has_its_network() -> None:
    files = {path.stem.removeprefix("versuch_own_") for path in (DATA / "best_hyperparameters").glob("*.obj")}
    assert files == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_hyperparameters_build_the_notebooks_network(name: str) -> None:
    path = DATA / "best_hyperparameters" / f"versuch_own_{name}.obj"
    model = "_".join(name.split("_")[:2])
    chosen = check_hyperparameters(read_hyperparameters(path), checked_config(f"model={model}").model, str(path))
    layers, parameters = NETWORKS[name]
    built = network(model, chosen)
    assert described(built) == layers
    assert built.count_params() == parameters
    assert float(built.optimizer.learning_rate.numpy()) == pytest.approx(read_hyperparameters(path)["lr"])
