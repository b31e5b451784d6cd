"""A whole search of the notebook's size, 5 trials of 15 epochs, beside the notebook's way with its networks."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.conftest import checked_config

from benchmarks.notebook_file import POINTS, ROWS_A_POINT, full_size
from benchmarks.table import Table
from benchmarks.turns import Job, in_turn
from benchmarks.where_time_goes import STEPS
from forcepos.tuning.trials import load_trials

_PROFILE = "ms a step: matrix products, Adam alone"
_TRAINING_ROWS = int(0.8 * 0.9 * POINTS * ROWS_A_POINT)
_STEPS = 500  # of each of the notebook's trainings
_OVERRIDES = ("model=ffnn_regression", "split=notebook", "split.shuffle_rows=false", "tuner=random")


def whole_search(rounds: int, epochs: int) -> list[Table]:  # noqa: ARG001  # one round takes many minutes
    """Ours from file to best trial, all of it; the notebook's from a part of each training, extrapolated."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(full_size(Path(folder)))
        ours = {key: values[0] for key, values in _once("forcepos", [path, folder, epochs]).items()}
        theirs = [_notebook_trial(path, folder, number, epochs) for number in range(1, 6)]
        read_s = _once("notebook_arrays", [path])["seconds"][0]
        profiles = [_profile(trial.hyperparameters) for trial in load_trials(Path(folder))]
    table = Table(
        f"A whole ffnn_regression search at full size, random, 5 trials of {epochs} epochs",
        ("what", "network, batch", "forcepos, s", "notebook, s (extrapolated)", "ratio", _PROFILE),
    )
    rows = [("preparation", "", ours["preparation_s"], read_s, "")]
    for number, (network, steps, parts) in enumerate(profiles, 1):
        mine = ours[f"trial_{number}_s"]
        profile = f"{1000 * mine / (epochs * steps):.2f}: {parts}"
        rows.append((f"trial {number}", network, mine, theirs[number - 1], profile))
    for name, network, mine, other, profile in [*rows, ("whole", "", ours["seconds"], read_s + sum(theirs), "")]:
        table.add(name, network, f"{mine:.1f}", f"{other:.0f}", f"{other / mine:.1f}", profile)
    return [table]


def _profile(chosen: dict[str, Any]) -> tuple[str, int, str]:
    """A trial's network, its steps an epoch, and the ms a step of its matrix products and of Adam alone."""
    widths = _widths(chosen)
    size = chosen["batch_size"]
    layers = [(size, before, width) for before, width in zip([20, 20, *widths], [20, *widths, 3], strict=True)]
    jobs = {
        part: Job("benchmarks.where_time_goes", function, [layers])
        for part, function in (("products", "products_of"), ("Adam", "adam_of"))
    }
    told = in_turn(jobs, rounds=3, warm_up=1)
    parts = [f"{np.median(told[part]['seconds']) * 1000 / STEPS:.2f}" for part in jobs]
    dropout = ", dropout" if chosen["dropout"] else ""
    return f"{widths}{dropout}, {size}", -(-_TRAINING_ROWS // size), ", ".join(parts)


def _widths(chosen: dict[str, Any]) -> list[int]:
    return [chosen[f"units_{layer}"] for layer in range(chosen["num_layers"])]


def _once(function: str, arguments: list[Any], warm_up: int = 0) -> dict[str, Any]:
    job = Job("benchmarks.whole_search", function, arguments)
    return in_turn({function: job}, rounds=1, warm_up=warm_up)[function]


def _notebook_trial(path: str, folder: str, number: int, epochs: int) -> float:
    """Seconds of one trial: its steps and validations, from `_STEPS` of the first and one of the second."""
    told = _once("notebook_training", [path, folder, number], warm_up=1)
    return float(epochs * (told["steps"][0] / _STEPS * told["train_s"][0] + told["validation_s"][0]))


def forcepos(path: str, folder: str, epochs: int) -> Callable[[], dict[str, float]]:
    """The search, as experiment.py does it."""
    from forcepos.data.checks import check  # noqa: PLC0415  # only this worker needs TensorFlow
    from forcepos.data.loading import load_recordings  # noqa: PLC0415
    from forcepos.data.sectors import make_sectors  # noqa: PLC0415
    from forcepos.models.networks import declare_space  # noqa: PLC0415
    from forcepos.models.preparation import prepare  # noqa: PLC0415
    from forcepos.models.tasks import make_task  # noqa: PLC0415
    from forcepos.models.trainer import NetworkTrainer  # noqa: PLC0415
    from forcepos.tracking.run import Run  # noqa: PLC0415
    from forcepos.tuning.search import search  # noqa: PLC0415

    logging.disable()
    config = checked_config("data=versuch", f"data.path={path}", f"training.epochs={epochs}", *_OVERRIDES)

    class Stopwatch(Run):
        def __init__(self) -> None:
            self.seconds: dict[str, float] = {}

        def trial_started(self, number: int, hyperparameters: dict[str, Any]) -> None:  # noqa: ARG002
            self.began = time.perf_counter()

        def trial_ended(self, result: Any) -> None:
            self.seconds[f"trial_{result.number}_s"] = time.perf_counter() - self.began

    def run() -> dict[str, float]:
        began, watch = time.perf_counter(), Stopwatch()
        recordings = load_recordings(config.data).recordings
        check(recordings, config.model.window)
        task = make_task(config.model, make_sectors(config.sectors))
        data = prepare(config, recordings, task)
        prepared = time.perf_counter() - began
        trainer = NetworkTrainer(config, task, data, Path(folder))
        declare = partial(declare_space, config=config.model)
        search(config.tuner, declare, trainer.trial, Path(folder), config.seed, epochs, [watch])
        return {"preparation_s": prepared, **watch.seconds}

    return run


def notebook_arrays(path: str) -> Callable[[], None]:
    """Its data cells for ffnn_regression."""

    def run() -> None:
        _notebook_arrays(path)

    return run


def _notebook_arrays(path: str) -> list[Any]:
    """Read, mix, move, split; training signals, validation signals, training targets, validation targets."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    data = checked_config(*_OVERRIDES).data
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
    hidden += [layers.Dense(width, activation=chosen["activation"]) for width in _widths(chosen)]
    dropout = [layers.Dropout(0.2)] if chosen["dropout"] else []
    model = keras.Sequential([keras.Input((20,)), *hidden, *dropout, layers.Dense(3)])
    model.compile(optimizer=keras.optimizers.Adam(chosen["lr"]), loss="mse", metrics=["mae", *notebook_metrics()])
    batch_size = chosen["batch_size"]
    part = slice(0, _STEPS * batch_size)

    def run() -> dict[str, float]:
        began = time.perf_counter()
        model.fit(signals[part], targets[part], batch_size=batch_size, epochs=1, verbose=0)
        trained = time.perf_counter()
        # fit's validation takes the training's batch size
        model.evaluate(validation, validation_targets, batch_size=batch_size, verbose=0)
        steps = int(np.ceil(len(signals) / batch_size))
        return {
            "steps": steps,
            "train_s": trained - began,
            "validation_s": time.perf_counter() - trained,
        }

    return run
