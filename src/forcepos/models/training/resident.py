"""Samples resident on the device: indices in, signals and targets out."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import tensorflow as tf

from forcepos.data.recordings import Int32
from forcepos.models.problem import Problem
from forcepos.models.training.device import has_gpu


@dataclass(frozen=True)
class DeviceDataset:
    """All samples on the device, each row stored once: windows are gathered batch by batch, never stored.

    Attributes:
        signals: (rows, channels).
        starts: (n,) first row of each sample.
        targets: (n, outputs).
        window: rows of a sample.
    """

    signals: tf.Tensor
    starts: tf.Tensor
    targets: tf.Tensor
    window: int

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Copy samples and targets to the device that TensorFlow prefers."""
        return cls(
            signals=tf.constant(problem.samples.recordings.signals),
            starts=tf.constant(problem.samples.starts, _index_dtype()),
            targets=tf.constant(problem.targets),
            window=problem.samples.window,
        )

    def gather(self, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Gather (batch, window, channels) signals and (batch, outputs) targets of samples with these numbers.

        Where a window is one row, signals are (batch, channels).
        """
        first = tf.gather(self.starts, chosen)
        rows = first if self.window == 1 else first[:, None] + tf.range(self.window, dtype=first.dtype)
        return tf.gather(self.signals, rows), tf.gather(self.targets, chosen)


def _index_dtype() -> tf.DType:
    """Return the type of row and sample numbers: TensorFlow keeps int32 in the host's memory, GPU or not."""
    return tf.int64 if has_gpu() else tf.int32


class Blocks:
    """Samples in shuffled order, cut into blocks of batches: of one shape for one program, the last is padded."""

    def __init__(self, members: Int32, size: int, steps: int) -> None:
        """Cut blocks of at most `steps` batches of `size` samples; `members` are numbers of samples."""
        self._members = members
        self.steps, self.size = min(steps, -(-len(members) // size)), size
        self._whole = self.steps * self.size  # samples of a block
        self._order = tf.Variable(self._padded(members), dtype=_index_dtype(), trainable=False)

    def _padded(self, order: Int32) -> Int32:
        return np.resize(order, (-(-len(order) // self._whole), self.steps, self.size))

    def shuffle(self, rng: np.random.Generator) -> None:
        """Draw a new order."""
        self._order.assign(self._padded(rng.permutation(self._members)))

    def numbers(self) -> tf.data.Dataset:
        """Return the block numbers, over which Keras iterates in an epoch."""
        return tf.data.Dataset.range(self._order.shape[0])

    def block(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return (steps, size) numbers of samples, and how many of them, the first ones, are not padding."""
        chosen = tf.gather(self._order, number)  # a slice would make XLA recompile for every number
        left = len(self._members) - number * self._whole
        return chosen, tf.minimum(tf.cast(left, tf.int32), self._whole)
