"""scikit-learn's own feed-forward network."""

from __future__ import annotations

from collections.abc import Callable

from sklearn.neural_network import MLPRegressor

from benchmarks.cases import CHANNELS, LEARNING_RATE, Case, arrays


def mlp_regressor(case: Case, steps: int) -> Callable[[], None]:
    """One pass of partial_fit over `steps` batches."""
    data = arrays(case)
    hidden = (CHANNELS, *(int(layer[0]) for layer in case.layers))
    model = MLPRegressor(
        hidden_layer_sizes=hidden, batch_size=case.batch_size, learning_rate_init=LEARNING_RATE, random_state=1
    )
    count = steps * case.batch_size
    signals, targets = data.signals[:count], data.targets[:count]

    def run() -> None:
        model.partial_fit(signals, targets)

    return run


LOOPS = {"scikit-learn, MLPRegressor": mlp_regressor}
