"""What `benchmarks.gpu_checks` measures: each function prepares a job in a process of its own and returns it."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.cases import CASES, LEARNING_RATE
from benchmarks.commands import card_figure
from benchmarks.loops.tensorflow import network, samples, training
from forcepos import InputError, compose
from forcepos.data.loading import load_recordings
from forcepos.data.recordings import Float32, Float64
from forcepos.data.sectors import make_sectors
from forcepos.models.calibration import Calibration
from forcepos.models.final import inference_model
from forcepos.models.networks import build_network
from forcepos.models.problem import Problem, make_task
from forcepos.models.scaling import Scaling, moments, whitening_matrix
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime.errors import ImpossibleNetwork

Job = Callable[[], dict[str, Any]]
_CHOSEN = {"num_layers": 1, "units_0": 32, "activation": "relu", "dropout": False, "lr": 1e-2, "batch_size": 16}
_CONVOLUTIONS = {
    f"conv_{place}_{name}": value
    for place in ("input", "0") for name, value in (("filter", 8), ("kernel", 3), ("activation", "relu"))
}  # fmt: skip
_EPOCHS = 5  # of what shows that a training learns
_WIDE = 512  # units of the network that does not fit into memory
_SHARERS = 8  # of the card, for which a network is too large
_TF32_BITS = 10  # of a product's mantissa


def use(device: str, n_processes: int = 1, worker: int | None = None, *overrides: str) -> str:
    """Prepare the device as a run does; return its description."""
    return use_device(compose(f"training.device={device}", *overrides).training, n_processes, worker)


def facts() -> Job:
    """Report the GPUs that TensorFlow sees, and its version."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return lambda: {"gpus": names, "tensorflow": tf.__version__}


def describe(device: str, n_processes: int, worker: int | None) -> Job:
    """Report what `use_device` says, and the processor where samples and weights then lie."""
    described = use(device, n_processes, worker)
    model, data = network(CASES["ffnn"]), samples(CASES["ffnn"])
    variables = [variable.value for variable in model.variables]
    placed = {tf.DeviceSpec.from_string(each.device).device_type
              for each in (data.signals, data.starts, data.targets, *variables)}  # fmt: skip
    return lambda: {"described": described, "placed": sorted(placed)}


def refuse(device: str, *overrides: str) -> Job:
    """Report the message with which `use_device` refuses this, an empty one if it does not."""

    def ask() -> dict[str, Any]:
        try:
            use(device, 1, None, *overrides)
        except InputError as error:
            return {"refused": str(error)}
        return {"refused": ""}

    return ask


def steps(device: str, n_processes: int, case: str, count: int, kind: str = "full") -> Job:
    """Train a network of the notebook's author from the same weights each time; report its loss and a digest.

    `kind` is full, plain (without XLA), mixed or deterministic.
    """
    xla, strict = kind != "plain", "true" if kind == "deterministic" else "false"
    use(device, n_processes, None, f"training.deterministic={strict}")
    model = network(CASES[case])
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="mse")
    with warnings.catch_warnings(record=True) as warned:
        ours, fresh = training(CASES[case], model, count, xla, kind == "mixed"), model.get_weights()
    compiled = xla and not any("jit_compile" in str(warning.message) for warning in warned)

    def train() -> dict[str, Any]:
        model.set_weights(fresh)
        began = time.perf_counter()
        loss = ours.run(model, 1, 1, lambda *_: None)[-1]["loss"]
        taken = time.perf_counter() - began
        digest = hashlib.sha256(b"".join(values.tobytes() for values in model.get_weights())).hexdigest()
        return {"loss": loss, "digest": digest, "ms": 1000 * taken / count, "compiled": compiled}

    return train


def grow(count: int) -> Job:
    """Report MB on the card before TensorFlow uses it, after both networks were trained, and the card's own."""
    before = card_figure("memory.used")

    def train() -> dict[str, Any]:
        for case in ("ffnn", "cnn"):
            steps("gpu", 1, case, count)()
        return {"before": before, "after": card_figure("memory.used"), "total": card_figure("memory.total")}

    return train


def fill(n_processes: int) -> Job:
    """Take memory in pieces until there is no more, and keep it; report MB, and the loss of a training then."""
    use("gpu", n_processes)
    total, held = card_figure("memory.total"), list[tf.Tensor]()
    piece_mb = max(1, total // 100)

    def take() -> dict[str, Any]:
        with suppress(tf.errors.ResourceExhaustedError):
            while len(held) * piece_mb < 2 * total:
                held.append(tf.zeros((piece_mb, 1024, 256)))
        taken = len(held) * piece_mb
        del held[len(held) // 2 :]
        trained = steps("gpu", n_processes, "ffnn", 100)()
        return {"taken": taken, "total": total, "loss": trained["loss"]}

    return take


def too_large(xla: bool) -> Job:
    """Report how a network ends that needs four times this process' share of the card, and the next one."""
    use("gpu", _SHARERS)
    card = tf.config.list_physical_devices("GPU")[0]
    share_mb = tf.config.get_logical_device_configuration(card)[0].memory_limit
    trainer = _trainer(f"training.xla={'always' if xla else 'never'}")
    return partial(end_of, trainer, 4 * share_mb * 1024**2 // (4 * _WIDE))


def end_of(trainer: NetworkTrainer, batch_size: int) -> dict[str, Any]:
    """Train a wide network with such batches, then a small one; report the first one's end, the other's MAE."""
    ended = "it was trained"
    try:
        _train(trainer, _CHOSEN | {"units_0": _WIDE, "batch_size": batch_size})
    except ImpossibleNetwork as error:
        ended = str(error).partition(":")[0]
    return {"ended": ended, "next": _train(trainer, _CHOSEN)}


def learn(device: str, xla: bool, mixed: bool = False) -> Job:
    """Report the validation MAE after a training on the simulated plate, as a trial takes it."""
    mixing = [f"training.precision={'mixed' if mixed else 'full'}"]
    use(
        device, 1, None, *(mixing if device == "gpu" else [])
    )  # it is refused on a CPU, where it works all the same
    trainer = _trainer(f"training.xla={'always' if xla else 'never'}", *mixing)
    return lambda: {"val_mae": _train(trainer, _CHOSEN)}


def _trainer(*overrides: str) -> NetworkTrainer:
    config = compose("debug=smoke", "model=ffnn_regression", *overrides)
    return NetworkTrainer(Problem.of(config, load_recordings(config.data).recordings), Path(mkdtemp()))


def _train(trainer: NetworkTrainer, chosen: dict[str, Any]) -> float:
    return trainer.trial(chosen, 1, _EPOCHS, lambda *_: None)[-1]["val_mae"]


def members(device: str, n_processes: int, quick: bool, numbers: Sequence[int]) -> Job:
    """Train these members of an ensemble one after another; report the validation MAE of each."""
    use(device, n_processes)
    size = ["debug=smoke"] if quick else ["data.rows=414", "training.final_epochs=10", "model.scaling=standardize"]
    config = compose("model=ffnn_regression", "training.xla=always", *size)
    trainer = NetworkTrainer(Problem.of(config, load_recordings(config.data).recordings), Path(mkdtemp()))
    best = _CHOSEN | {"units_0": 128, "lr": 1e-3, "batch_size": 64}

    def train() -> dict[str, Any]:
        return {str(number): trainer.final(best, number, lambda *_: None)[1][-1]["val_mae"] for number in numbers}

    return train


def whiten(device: str) -> Job:
    """Report how far whitened signals, of which each varies by one, are from float64's where they cancel.

    Also how far they are if the product is taken in float32, as the device does, and with TF32's factors.
    """
    use(device)
    signals = cancelling_signals()
    mean, deviation = moments(signals)
    matrix = whitening_matrix(signals, mean, deviation)
    scaling = Scaling((mean, deviation), whitening=matrix)
    stack = keras.Sequential([keras.Input(signals.shape[1:]), *scaling.input_layers(1, True, signals.shape[1])])
    exact = whitened_exactly(signals, mean, deviation, matrix)
    ways = {
        "eager": stack,
        "predict": partial(stack.predict, verbose=0),
        "XLA": tf.function(stack, jit_compile=True),
    }

    def compare() -> dict[str, Any]:
        errors = {way: float(np.abs(np.asarray(answer(signals)) - exact).max()) for way, answer in ways.items()}
        standardised = ((signals - mean) / deviation).astype(np.float32)
        single = np.asarray(tf.matmul(tf.constant(standardised), tf.constant(matrix.astype(np.float32))))
        by_hand = shortened(standardised) @ shortened(matrix.astype(np.float32))
        return {"errors": errors, "float32": float(np.abs(single - exact).max()),
                "tf32": float(np.abs(by_hand - exact).max())}  # fmt: skip

    return compare


def cancelling_signals() -> Float32:
    """Return (4096, 20) signals of a common force, each with some thousandths of its own."""
    rng = np.random.default_rng(1)
    common, own = rng.normal(size=(4096, 1)), rng.normal(size=(4096, 20))
    return np.asarray(20 + 5 * common + 0.01 * own, np.float32)


def whitened_exactly(signals: Float32, mean: Float64, deviation: Float64, matrix: Float64) -> Float64:
    """Whiten in float64 signals that were standardised in float32, as the model does: (n, channels)."""
    scale, offset = (1 / deviation).astype(np.float32), (-mean / deviation).astype(np.float32)
    return np.asarray((signals * scale + offset).astype(np.float64) @ matrix)


def shortened(values: Float32) -> Float32:
    """Round float32 values to the mantissa of TF32."""
    bits, step = values.view(np.uint32), 1 << (23 - _TF32_BITS)
    rounded = (bits + np.uint32(step // 2)) & np.uint32(2**32 - step)
    return rounded.view(np.float32)


def break_samples(device: str) -> Job:
    """Report what answers samples that are not finite with a number, or whole ones beside them otherwise."""
    use(device)
    tasks = ("ffnn_regression", "cnn_regression", "ffnn_classification", "cnn_classification")
    models = {name: plate_model(name) for name in tasks}

    def ask() -> dict[str, Any]:
        wrong, asked = list[str](), 0
        for name, model in models.items():
            broken, whole = broken_and_whole(model.input_shape[1:])
            ways = {
                "eager": model,
                "predict": partial(model.predict, verbose=0),
                "graph": tf.function(model),
                "XLA": tf.function(model, jit_compile=True),
            }
            for way, answer in ways.items():
                asked += 1
                if not answered_rightly(answer(broken), answer(whole)):
                    wrong.append(f"{name} by {way}")
        return {"wrong": wrong, "asked": asked}

    return ask


def plate_model(name: str) -> keras.Model:
    """Build an untrained, calibrated model for signals of six channels, about 0.001 large."""
    config = compose(f"model={name}")
    task, rng = make_task(config.model, make_sectors(config.sectors)), np.random.default_rng(1)
    scaling = Scaling((np.zeros(6), np.full(6, 1e-3)), None, rng.normal(size=(6, 6)))
    keras.utils.set_random_seed(1)
    built = build_network(config.model, _CHOSEN | _CONVOLUTIONS, task, 6, scaling)
    return inference_model(task, [built], Calibration(0.9, 0.7, 0.1, 9, "recordings"), name)


def broken_and_whole(shape: Sequence[int]) -> tuple[Float32, Float32]:
    """Return eight samples, of which the first six hold what no answer is for, and the same ones whole."""
    whole = np.random.default_rng(2).normal(size=(8, *shape)).astype(np.float32) * np.float32(1e-3)
    broken = whole.copy()
    for sample, value in enumerate((np.nan, np.inf, -np.inf, 1e38, -1e38)):  # infinite once standardised
        broken[sample].flat[sample + 1] = value
    broken[5] = np.nan
    return broken, whole


def answered_rightly(broken: Any, whole: Any) -> bool:
    """Return whether six samples have no answer, or all classes, and two theirs as among whole ones."""
    for name, values in ((name, np.asarray(each)) for name, each in broken.items()):
        expected = np.asarray(whole[name])
        unknown = values[:6] if values.dtype == bool else np.isnan(values[:6])
        alike = np.allclose(values[6:], expected[6:], rtol=1e-3, atol=1e-3 * np.abs(expected).max())
        if not (unknown.all() and alike and np.isfinite(expected).all()):
            return False
    return True
