"""Accuracy after equal epochs: forcepos' training beside plain Keras `fit`, same networks, several seeds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.cases import CASES
from benchmarks.table import Table
from benchmarks.turns import Job, in_turn
from forcepos import compose, load_recordings

_SEEDS = range(1, 6)
_EPOCHS = 5


def accuracy(rounds: int) -> list[Table]:  # noqa: ARG001  # seeds are what repeats here
    """One table: mean and standard deviation over seeds."""
    table = Table(
        f"Validation mae after {_EPOCHS} epochs, seeds 1 to 5; default data, split=blocked",
        ("model", "forcepos, mm", "plain fit, mm", "difference, mm"),
    )
    for case, model in (("ffnn", "ffnn_regression"), ("cnn", "cnn_regression")):
        job = Job("benchmarks.accuracy", "trainings", [model, case])
        told = in_turn({"both": job}, rounds=1, warm_up=0)["both"]
        ours, plain = (np.array([told[f"{way}_{seed}"][0] for seed in _SEEDS]) for way in ("ours", "plain"))
        cells = [f"{each.mean():.3f} +- {each.std(ddof=1):.3f}" for each in (ours, plain, ours - plain)]
        table.add(model, *cells)
    return [table]


def trainings(model: str, case: str) -> Callable[[], dict[str, float]]:
    """In a worker: both ways for each seed, each way shuffling as it does."""
    import keras  # noqa: PLC0415  # only workers need TensorFlow

    from forcepos.data.recordings import Float32, Int32  # noqa: PLC0415
    from forcepos.models.networks import build_network  # noqa: PLC0415
    from forcepos.models.problem import Problem  # noqa: PLC0415
    from forcepos.models.scaling import fit_scaling  # noqa: PLC0415
    from forcepos.models.training.trainer import NetworkTrainer  # noqa: PLC0415

    logging.disable()
    config = compose(f"model={model}", "training.xla=always", "model.scaling=standardize")
    data = Problem.of(config, load_recordings(config))
    trainer = NetworkTrainer(data, Path())
    scaling = fit_scaling(data.samples, data.split.train, data.targets[data.split.train], "standardize")
    chosen = CASES[case].hyperparameters

    def windows(members: Int32) -> tuple[Float32, Float32]:
        rows = data.samples.starts[members][:, None] + np.arange(data.samples.window)
        signals = data.samples.recordings.signals[rows]
        return (signals[:, 0] if data.samples.window == 1 else signals), data.targets[members]

    def plain(seed: int) -> float:
        keras.utils.set_random_seed(seed)
        network = build_network(config.model, chosen, data.task, len(config.data.features), scaling)
        signals, targets = windows(data.split.train)
        history = network.fit(
            signals, targets, batch_size=CASES[case].batch_size, epochs=_EPOCHS, verbose=0,
            validation_data=windows(data.split.validation),
        ).history  # fmt: skip
        return float(history["val_mae"][-1])

    def run() -> dict[str, float]:
        told = {}
        for seed in _SEEDS:
            told[f"ours_{seed}"] = trainer.trial(chosen, seed, _EPOCHS, lambda *_: None)[-1]["val_mae"]
            told[f"plain_{seed}"] = plain(seed)
        return told

    return run
