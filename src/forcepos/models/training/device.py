"""The device that training runs on, and this process' share of it."""

import subprocess  # nvidia-smi only, with fixed arguments
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from threadpoolctl import ThreadpoolController

from forcepos.config.schema import TrainingConfig
from forcepos.data.recordings import Int32
from forcepos.models.problem import Problem
from forcepos.runtime.errors import InputError
from forcepos.runtime.resources import available_cores

_FOR_DATA = 0.9  # of a GPU's memory; the rest is for what CUDA keeps in each process


def use_device(config: TrainingConfig, n_processes: int = 1, worker: int | None = None) -> str:
    """Prepare the device that training runs on and return its description; an InputError: there is none such.

    `n_processes` train on this machine at the same time and share cores and memory. With several GPUs, each
    `worker` of a search (0, 1, …) uses one. A process that is reused for another job keeps threads and memory.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if config.device == "gpu" and not gpus:
        raise InputError("training.device=gpu but TensorFlow sees no GPU: use training.device=auto or cpu")
    threads = _use_threads(max(1, available_cores() // n_processes))
    if config.device == "cpu" or not gpus:
        if config.precision == "mixed":
            raise InputError("training.precision=mixed needs a GPU, a CPU gains nothing from it: use full")
        tf.config.set_visible_devices([], "GPU")
        return f"CPU, {threads} of {available_cores()} cores"
    if worker is not None:
        n_processes = -(-n_processes // len(gpus))
        gpus = [gpus[worker % len(gpus)]]
        tf.config.set_visible_devices(gpus, "GPU")
    for gpu in gpus:
        _use_memory(gpu, n_processes)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return f"GPU, {name}" + (f", shared by {n_processes}" if n_processes > 1 else "")


def has_gpu() -> bool:
    """Return whether TensorFlow computes on a GPU; call `use_device` first."""
    return bool(tf.config.get_visible_devices("GPU"))


def _use_threads(wanted: int) -> int:
    """Limit threads to `wanted`; return the actual number, which TensorFlow fixes at its first computation."""
    for library in ThreadpoolController().lib_controllers:  # BLAS and OpenMP
        library.set_num_threads(min(wanted, library.num_threads))
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(wanted)  # XLA's threads are these
        tf.config.threading.set_inter_op_parallelism_threads(wanted)
    return tf.config.threading.get_intra_op_parallelism_threads() or available_cores()


def _use_memory(gpu: Any, n_processes: int) -> None:
    """Allocate GPU memory as needed, up to a fair share of it."""
    if not tf.config.get_logical_device_configuration(gpu):
        tf.config.experimental.set_memory_growth(gpu, True)
        if n_processes > 1 and (total := _gpu_memory_mb()):
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=int(total * _FOR_DATA / n_processes))
            tf.config.set_logical_device_configuration(gpu, [limit])


def _gpu_memory_mb() -> int | None:
    """Return the memory of the smallest GPU, None if unknown."""
    asked = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    with suppress(OSError):
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603  # no shell
        return min((int(line) for line in told.split() if line.isdigit()), default=None)
    return None


@dataclass(frozen=True)
class DeviceDataset:
    """All samples on the device, each row stored once: windows are gathered batch by batch, never stored."""

    signals: tf.Tensor  # (rows, channels)
    starts: tf.Tensor  # (n,) first row of each sample
    earliest: tf.Tensor  # (n,) row at which a look back that is longer than the window begins
    targets: tf.Tensor  # (n, outputs)
    window: int  # rows of a sample
    back: int = 0  # rows that a network sees before those

    @classmethod
    def of(cls, problem: Problem, other: Self | None = None) -> Self:
        """Put a problem's samples on the device; `other` has those of the same recordings there already."""
        samples = problem.samples
        starts = tf.constant(samples.starts, _index_dtype())
        earliest = starts if samples.earliest is None else tf.constant(samples.earliest, _index_dtype())
        signals = other.signals if other else tf.constant(samples.recordings.signals)
        return cls(signals, starts, earliest, tf.constant(problem.targets), samples.window)

    def gather(self, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Gather (batch, back + window, channels) signals, (batch, channels) if it is 1 row, and targets.

        Where fewer rows lie before a window, those that are there, the window's among them, are spread evenly over
        the rows of the look back.
        """
        first, place = tf.gather(self.starts, chosen), tf.range(-self.back, self.window, dtype=self.starts.dtype)
        rows = first if self.back + self.window == 1 else first[:, None] + place
        if self.back:
            begin = tf.gather(self.earliest, chosen)[:, None]
            there = first[:, None] + self.window - begin
            spread = begin + (self.back + place) * there // self.back
            rows = tf.where((place < 0) & (there < self.back + self.window), spread, rows)
        return tf.gather(self.signals, rows), tf.gather(self.targets, chosen)

    def seeing(self, rows: int) -> Self:
        """Return the same samples for a network that sees at least this many rows."""
        return replace(self, back=max(0, rows - self.window))

    def in_batches(self, members: Int32, size: int = 1024) -> Iterator[tf.Tensor]:
        """Yield the signals of these samples."""
        for first in range(0, len(members), size):
            yield self.gather(tf.constant(members[first : first + size]))[0]


def rows_of(model: keras.Model) -> int:
    """Return how many rows a model sees."""
    return int(model.input_shape[1]) if len(model.input_shape) > 2 else 1


def _index_dtype() -> tf.DType:
    """Return the type of row and sample numbers: TensorFlow keeps int32 in the host's memory, GPU or not."""
    return tf.int64 if has_gpu() else tf.int32


class Blocks:
    """Samples in shuffled order, cut into blocks of batches: of one shape for one program, the last is padded."""

    def __init__(self, members: Int32, size: int, steps: int) -> None:
        self._members = members  # numbers of samples; a block has at most `steps` batches of `size` samples
        self.steps, self.size = min(steps, -(-len(members) // size)), size
        self._whole = self.steps * self.size  # samples of a block
        self._order = tf.Variable(self._padded(members), dtype=_index_dtype(), trainable=False)
        self.numbers = tuple(
            tf.constant(number, tf.int64) for number in range(self._order.shape[0])
        )  # of the blocks

    def _padded(self, order: Int32) -> Int32:
        return np.resize(order, (-(-len(order) // self._whole), self.steps, self.size))

    def shuffle(self, rng: np.random.Generator) -> None:
        self._order.assign(self._padded(rng.permutation(self._members)))

    def block(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return (steps, size) numbers of samples, and how many of them, the first ones, are not padding."""
        chosen = tf.gather(self._order, number)  # a slice would make XLA recompile for every number
        return chosen, tf.minimum(tf.cast(len(self._members) - number * self._whole, tf.int32), self._whole)
