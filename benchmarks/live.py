"""The live estimate at 1 kHz in real time on one core, beside the machine's jitter and other ways to an answer.

Networks are trained for one epoch: how long an answer takes does not depend on how good it is. In each
millisecond the loop wakes up, which tells the machine's own delay, and then asks each estimator in turn.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.ensemble import HistGradientBoostingRegressor

from benchmarks.cases import CASES
from benchmarks.table import Table
from forcepos import compose, load_recordings
from forcepos.experiment.export import export
from forcepos.models.facts import Familiarity, facts_of, write_facts
from forcepos.models.final import train_final
from forcepos.models.problem import Problem
from forcepos.models.training.trainer import NetworkTrainer

_LOOP = Path(__file__).with_name("live_loop.py")
# What the search of the default command chose with seed 1 on 2026-11-28.
_DEFAULT = {
    "conv_input_filter": 64, "conv_input_kernel": 3, "conv_input_activation": "tanh", "num_layers": 1,
    "conv_0_filter": 64, "conv_0_kernel": 3, "conv_0_activation": "tanh", "dropout": False, "lr": 0.0035,
    "batch_size": 16, "scaling": "whiten", "statistics_s": 0.0,
}  # fmt: skip
_AUTHORS = CASES["cnn"].hyperparameters | {"scaling": "whiten", "statistics_s": 0.0}
_MODELS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the default's network": (_DEFAULT, ()),
    "the author's cnn": (_AUTHORS, ()),
    "an ensemble of five of the default's": (_DEFAULT, ("training.ensemble=5",)),
    "an ensemble of five of the author's": (_AUTHORS, ("training.ensemble=5",)),
}


def live(rounds: int, minutes: float = 1) -> list[Table]:  # noqa: ARG001  # one round, as long as asked
    """One table: the estimator in a loop of 1 kHz, and single answers in other ways."""
    head = "median, p99, p99.9, p99.99 in us"
    with tempfile.TemporaryDirectory() as folder:
        models = {name: _saved(Path(folder, f"{at}"), *of) for at, (name, of) in enumerate(_MODELS.items())}
        for place in models.values():
            export(str(place), None, [])
        command = [
            sys.executable,
            str(_LOOP),
            str(minutes),
            *(str(place / "exported") for place in models.values()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # our own loop
        found = json.loads(done.stdout)
        empty, *others = found["loops"]
        table = Table(
            f"An answer to one sample; {minutes:g} minutes at 1 kHz on one core, "
            f"{'with' if found['real_time'] else 'without'} real-time priority, time since the millisecond began",
            (
                "",
                "weights",
                head,
                "above the empty loop: median, p99 (us)",
                "missed milliseconds",
                "memory grown (kB)",
            ),
        )
        table.add("empty loop", "", _quantiles(empty["us"]), "", str(empty["missed"]), f"{empty['grown_kb']:.0f}")
        for name, loop in zip(models, others, strict=True):
            weights = f"{keras.models.load_model(models[name] / 'model.keras').count_params():,}"
            above = _quantiles([loop["us"][at] - empty["us"][at] for at in (0, 1)])
            table.add(name, weights, _quantiles(loop["us"]), above, str(loop["missed"]), "as above")
        alone = Table("An answer to one sample of the default's network, called again and again", ("", head))
        for name, call, count in _other_ways(models["the default's network"] / "model.keras"):
            alone.add(name, _quantiles(np.percentile(_times(call, count), [50, 99, 99.9, 99.99]).tolist()))
    return [table, alone]


def _saved(folder: Path, chosen: dict[str, Any], overrides: tuple[str, ...]) -> Path:
    config = compose("training.final_epochs=1", *overrides)
    problem = Problem.of(config, load_recordings(config))
    trained = train_final(NetworkTrainer(problem, folder), chosen, lambda *_: None)
    split = problem.split
    familiarity = Familiarity.of(problem.samples, split.train, split.validation)
    folder.mkdir()
    trained.model.save(folder / "model.keras")
    write_facts(folder / "model.keras", facts_of(problem, trained.model, trained.calibration, familiarity))
    return folder


def _other_ways(path: Path) -> list[tuple[str, Callable[[], Any], int]]:
    model = keras.models.load_model(path, compile=False)
    sample = np.zeros((1, *model.input_shape[1:]), np.float32)
    function, tensor = tf.function(lambda signals: model(signals, training=False)), tf.constant(sample)
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(2000, sample.size))
    trees = [HistGradientBoostingRegressor(max_iter=100).fit(flat, rng.normal(size=2000)) for _ in "xy"]
    return [
        ("model.predict", lambda: model.predict(sample, verbose=0), 300),
        ("model(x)", lambda: model(sample, training=False), 1000),
        ("tf.function", lambda: function(tensor), 5000),
        (
            "boosted trees of scikit-learn, one for each axis",
            lambda: [one.predict(flat[:1]) for one in trees],
            1000,
        ),
    ]


def _times(call: Callable[[], Any], count: int) -> list[float]:
    taken = []
    for _ in range(count + 5):
        begin = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - begin) / 1000)
    return taken[5:]  # without the first, which compile


def _quantiles(values: list[float]) -> str:
    return ", ".join(f"{value:,.0f}" for value in values)
