"""What all loops are measured on: networks of the notebook's author and its search, signals of their shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHANNELS = 20
LEARNING_RATE = 1e-3
_ROWS = 60_000


@dataclass(frozen=True)
class Case:
    """A network and the shape of its samples.

    Attributes:
        layers: hidden layers, (units, activation) or (filters, kernel, activation).
        window: rows of a sample.
        outputs: coordinates.
    """

    name: str
    layers: tuple[tuple[int | str, ...], ...]
    batch_size: int
    window: int
    outputs: int

    @property
    def hyperparameters(self) -> dict[str, object]:
        """The same network in forcepos' terms."""
        common = {"dropout": False, "lr": LEARNING_RATE, "batch_size": self.batch_size}
        if self.window == 1:
            units = {f"units_{place}": layer[0] for place, layer in enumerate(self.layers)}
            return {"num_layers": len(self.layers), "activation": "relu", **units, **common}
        names = ["conv_input", *(f"conv_{place}" for place in range(len(self.layers) - 1))]
        values: dict[str, object] = {"num_layers": len(self.layers) - 1}
        for name, (filters, kernel, activation) in zip(names, self.layers, strict=True):
            values |= {f"{name}_filter": filters, f"{name}_kernel": kernel, f"{name}_activation": activation}
        return values | common

    @property
    def flops(self) -> float:
        """Floating-point operations of a step's matrix products: forward, and twice as many backward."""
        rows, before, products = self.batch_size * self.window, CHANNELS, 0
        if self.window == 1:
            products, before = CHANNELS * CHANNELS, CHANNELS  # the notebook's first layer, as wide as the input
        for layer in self.layers:
            kernel = 1 if self.window == 1 else int(layer[1])
            products += before * kernel * int(layer[0])
            before = int(layer[0])
        return 6.0 * (rows * products + self.batch_size * before * self.outputs)


CASES = {
    "ffnn": Case("ffnn", tuple((units, "relu") for units in (224, 192, 96, 32, 32)), 64, 1, 3),
    "cnn": Case(
        "cnn", ((96, 3, "relu"), (80, 3, "tanh"), (96, 5, "tanh"), (112, 3, "tanh"), (16, 3, "tanh")), 16, 10, 2
    ),
    "wide": Case("wide", tuple((units, "relu") for units in (96, 512, 480, 384, 224)), 32, 1, 3),
}


@dataclass(frozen=True)
class Arrays:
    """signals (rows, channels), starts (n,) of the windows, targets (n, outputs) in mm."""

    signals: NDArray[np.float32]
    starts: NDArray[np.int32]
    targets: NDArray[np.float32]


def arrays(case: Case) -> Arrays:
    """Noise, and targets that depend on it: what is learned does not matter here."""
    signals = np.random.default_rng(1).normal(size=(_ROWS, CHANNELS)).astype(np.float32)
    starts = np.arange(_ROWS - case.window + 1, dtype=np.int32)
    return Arrays(signals, starts, 10 * signals[starts + case.window - 1, : case.outputs])


def windows(case: Case, data: Arrays, count: int) -> NDArray[np.float32]:
    """The first samples, copied out as the notebook does: (count, window, channels) or (count, channels)."""
    if case.window == 1:
        return data.signals[:count]
    return np.asarray(data.signals[data.starts[:count, None] + np.arange(case.window)])
