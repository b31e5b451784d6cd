"""The processes behind whole_search: a search of ours, and pieces of its trainings, ours and the notebook's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pandas as pd

from forcepos import compose, load_recordings
from forcepos.tuning.trials import load_trials

STEPS = 500  # of a piece of a training
OVERRIDES = ("model=ffnn_regression", "split=notebook", "split.shuffle_rows=false", "tuner=random")


def widths(chosen: dict[str, Any]) -> list[int]:
    """Units of a network's hidden layers."""
    return [chosen[f"units_{layer}"] for layer in range(chosen["num_layers"])]


def forcepos(path: str, folder: str, epochs: int) -> Callable[[], dict[str, float]]:
    """The search, as a run does it."""
    from forcepos.models.architectures.architecture import search_space  # noqa: PLC0415
    from forcepos.models.problem import Problem  # noqa: PLC0415
    from forcepos.models.training.trainer import NetworkTrainer  # noqa: PLC0415
    from forcepos.tuning.search import search  # noqa: PLC0415
    from forcepos.tuning.trials import Events, Listener  # noqa: PLC0415
    from forcepos.tuning.tuner import SearchSpec, Tuner  # noqa: PLC0415

    logging.disable()
    config = compose("data=versuch", f"data.path={path}", f"training.epochs={epochs}", *OVERRIDES)

    class Stopwatch(Listener):
        def __init__(self) -> None:
            self.seconds: dict[str, float] = {}

        def trial_started(self, number: int, hyperparameters: dict[str, Any]) -> None:  # noqa: ARG002
            self.began = time.perf_counter()

        def trial_ended(self, result: Any) -> None:
            self.seconds[f"trial_{result.number}_s"] = time.perf_counter() - self.began

    def run() -> dict[str, float]:
        began, watch = time.perf_counter(), Stopwatch()
        data = Problem.of(config, load_recordings(config))
        prepared = time.perf_counter() - began
        trainer = NetworkTrainer(data, Path(folder))
        declare = search_space(config.model)
        spec = SearchSpec(cast("Tuner", config.tuner), declare, Path(folder), config.seed, epochs)
        search(spec, trainer.execute, Events(watch))
        return {"preparation_s": prepared, **watch.seconds}

    return run


def forcepos_training(path: str, folder: str, number: int) -> Callable[[], dict[str, float]]:
    """The network of our trial `number` in compiled blocks: some steps, one validation."""
    import keras  # noqa: PLC0415  # only this worker needs TensorFlow

    from forcepos.data.splits.split import Subsets  # noqa: PLC0415
    from forcepos.models.networks import build_network  # noqa: PLC0415
    from forcepos.models.problem import Problem  # noqa: PLC0415
    from forcepos.models.scaling import Scaling  # noqa: PLC0415
    from forcepos.models.training.compiled import Program, Training  # noqa: PLC0415
    from forcepos.models.training.device import DeviceDataset  # noqa: PLC0415

    logging.disable()
    chosen = load_trials(Path(folder))[number - 1].hyperparameters
    config = compose("data=versuch", f"data.path={path}", *OVERRIDES)
    data = Problem.of(config, load_recordings(config))
    network = build_network(config.model, chosen, data.task, len(data.samples.recordings.channels), Scaling())
    size = chosen["batch_size"]
    part = Subsets(data.split.train[: STEPS * size], data.split.validation, data.split.test)
    training = Training(network, data.task, DeviceDataset.of(data), part, Program(size, xla=True))

    class Validation(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
        began = 0.0
        seconds = 0.0

        def on_test_begin(self, logs: object = None) -> None:  # noqa: ARG002  # Keras' signature
            self.began = time.perf_counter()

        def on_test_end(self, logs: object = None) -> None:  # noqa: ARG002
            self.seconds = time.perf_counter() - self.began

    def run() -> dict[str, float]:
        began, validation = time.perf_counter(), Validation()
        training.run(network, 1, 1, lambda *_: None, [validation])
        whole = time.perf_counter() - began
        return {"train_s": whole - validation.seconds, "validation_s": validation.seconds}

    return run


def notebook_arrays(path: str) -> Callable[[], None]:
    """Its data cells for ffnn_regression."""

    def run() -> None:
        _notebook_arrays(path)

    return run


def _notebook_arrays(path: str) -> list[Any]:
    """Read, mix, move, split; training signals, validation signals, training targets, validation targets."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    data = compose(*OVERRIDES).data
    frame = pd.read_feather(path).sample(frac=1, random_state=1)
    signals = frame[list(data.features)].to_numpy()
    targets = frame[["curCart_x", "curCart_y", "curCart_z"]].to_numpy() + data.offset_mm
    rest, _, rest_targets, _ = train_test_split(signals, targets, test_size=0.1, random_state=2)
    return list(train_test_split(rest, rest_targets, test_size=0.2, random_state=3))


def notebook_training(path: str, folder: str, number: int) -> Callable[[], dict[str, float]]:
    """The network of our trial `number`, trained with model.fit(x, y): some steps, one validation."""
    import keras  # noqa: PLC0415
    from keras import layers  # noqa: PLC0415

    from benchmarks.loops.tensorflow import notebook_metrics  # noqa: PLC0415

    chosen = load_trials(Path(folder))[number - 1].hyperparameters
    signals, validation, targets, validation_targets = _notebook_arrays(path)
    hidden = [layers.Dense(20, activation="relu")]
    hidden += [layers.Dense(width, activation=chosen["activation"]) for width in widths(chosen)]
    dropout = [layers.Dropout(0.2)] if chosen["dropout"] else []
    model = keras.Sequential([keras.Input((20,)), *hidden, *dropout, layers.Dense(3)])
    model.compile(optimizer=keras.optimizers.Adam(chosen["lr"]), loss="mse", metrics=["mae", *notebook_metrics()])
    batch_size = chosen["batch_size"]
    part = slice(0, STEPS * batch_size)

    def run() -> dict[str, float]:
        began = time.perf_counter()
        model.fit(signals[part], targets[part], batch_size=batch_size, epochs=1, verbose=0)
        trained = time.perf_counter()
        # fit's validation takes the training's batch size
        model.evaluate(validation, validation_targets, batch_size=batch_size, verbose=0)
        return {
            "train_s": trained - began,
            "validation_s": time.perf_counter() - trained,
        }

    return run
