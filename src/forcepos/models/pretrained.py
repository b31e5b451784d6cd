"""Networks of a finished run, from whose weights another one starts."""

import warnings
from pathlib import Path

import keras

from forcepos.models.problem import Task
from forcepos.runtime.errors import InputError


def load_model(path: Path) -> keras.Model:
    """Load a saved model to predict with; Keras' safe mode runs no code that the file may hold."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")  # it has not trained yet
        return keras.models.load_model(path, compile=False, safe_mode=True)


def load_networks(path: Path) -> list[keras.Sequential]:
    """Load the trained networks of a run's saved model: one, or those of its ensemble, network_1 first.

    Raises:
        InputError: the file is missing or damaged, or holds no such model.
    """
    try:
        named = {layer.name: layer for layer in load_model(path).layers}
        return [named[f"network_{number + 1}"] for number in range(sum("network_" in name for name in named))]
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} holds no network to start from: {reason}") from error


def copy_network(source: keras.Sequential, lr: float, task: Task) -> keras.Sequential:
    """Copy layers and weights, the scaling among them; the copy is compiled as `build_network` does."""
    network = keras.models.clone_model(source)
    network.set_weights(source.get_weights())
    network.compile(optimizer=keras.optimizers.Adam(lr), loss=task.loss, metrics=task.metrics())
    return network
