"""Where a compiled step's time goes: its matrix products alone, and all the rest of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cases import CASES, CHANNELS, Case
from benchmarks.table import Table
from benchmarks.turns import Job, in_turn, spread

STEPS = 1000
_NARROW = 4  # units or filters of a network that has all the layers and nearly no arithmetic


def where_time_goes(rounds: int) -> list[Table]:
    """One table: parts that were measured in turn, not parts of one measurement."""
    table = Table(
        "Where a step's time goes, ms",
        (
            "network",
            "a step",
            "its matrix products alone",
            "a step of a network as deep but 4 wide",
            "products / step",
        ),
    )
    for name in CASES:
        jobs = {
            "step": Job("benchmarks.where_time_goes", "step", [name]),
            "products": Job("benchmarks.where_time_goes", "products", [name]),
            "narrow": Job("benchmarks.where_time_goes", "narrow_step", [name]),
        }
        seconds = {part: told["seconds"] for part, told in in_turn(jobs, rounds).items()}
        parts = [spread(1000 * seconds[part] / STEPS) for part in jobs]
        table.add(name, *parts, spread(seconds["products"] / seconds["step"]))
    return [table]


def step(name: str) -> Callable[[], None]:
    """In a worker: the case itself."""
    from benchmarks.loops.tensorflow import forcepos  # noqa: PLC0415  # only workers need TensorFlow

    return forcepos(CASES[name], STEPS)


def narrow_step(name: str) -> Callable[[], None]:
    """In a worker: what is left where layers are so narrow that arithmetic takes no time."""
    from benchmarks.loops.tensorflow import forcepos  # noqa: PLC0415

    case = CASES[name]
    return forcepos(dataclasses.replace(case, layers=tuple((_NARROW, *layer[1:]) for layer in case.layers)), STEPS)


def shapes(case: Case) -> list[tuple[int, int, int]]:
    """(rows, inputs, outputs) of each matrix product of a forward pass."""
    widths = [CHANNELS, *([CHANNELS] if case.window == 1 else []), *(int(layer[0]) for layer in case.layers)]
    taps = [1 if case.window == 1 else int(layer[1]) for layer in case.layers]
    taps = [1] * (len(widths) - 1 - len(taps)) + taps
    rows = case.batch_size * case.window
    hidden = [
        (rows, inputs, outputs)
        for inputs, outputs, count in zip(widths, widths[1:], taps, strict=False)
        for _ in range(count)
    ]
    return [*hidden, (case.batch_size, widths[-1], case.outputs)]


def products(name: str) -> Callable[[], None]:
    """In a worker: the case's matrix products."""
    return products_of(shapes(CASES[name]))


def products_of(layers: list[tuple[int, int, int]]) -> Callable[[], None]:
    """In a worker: the products of all layers, forward and backward, in one compiled loop."""
    import tensorflow as tf  # noqa: PLC0415

    rng = np.random.default_rng(1)

    def noise(rows: int, columns: int) -> tf.Tensor:
        return tf.constant(rng.normal(size=(rows, columns)).astype(np.float32))

    operands = [
        (noise(rows, inputs), noise(inputs, outputs), noise(rows, outputs)) for rows, inputs, outputs in layers
    ]

    def loop() -> tf.Tensor:
        def body(number: tf.Tensor, before: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            total = before
            for signals, kernel, slope in operands:
                total += tf.reduce_sum(tf.matmul(signals + 1e-30 * before, kernel))
                total += tf.reduce_sum(tf.matmul(slope + 1e-30 * before, kernel, transpose_b=True))
                total += tf.reduce_sum(tf.matmul(signals + 1e-30 * before, slope, transpose_a=True))
            return number + 1, total

        return tf.while_loop(lambda number, _: number < STEPS, body, (0, tf.zeros(())))[1]

    return _compiled(loop)


def adam_of(layers: list[tuple[int, int, int]]) -> Callable[[], None]:
    """In a worker: Adam's updates of all kernels, in one compiled loop; the slopes are the kernels themselves."""
    import tensorflow as tf  # noqa: PLC0415

    def updated(weight: tf.Tensor, mean: tf.Tensor, square: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        mean += 0.1 * (weight - mean)
        square += 0.001 * (weight * weight - square)
        return weight - 0.001 * mean / (tf.sqrt(square) + 1e-7), mean, square

    def loop() -> tf.Tensor:
        def body(number: tf.Tensor, state: list[tuple[tf.Tensor, ...]]) -> tuple[tf.Tensor, Any]:
            return number + 1, [updated(*moments) for moments in state]

        ones = [tf.ones((inputs, outputs)) for _, inputs, outputs in layers]
        state = [(one, tf.zeros_like(one), tf.zeros_like(one)) for one in ones]
        last = tf.while_loop(lambda number, _: number < STEPS, body, (0, state))[1]
        return tf.add_n([tf.reduce_sum(weight) for weight, _, _ in last])

    return _compiled(loop)


def _compiled(loop: Callable[[], Any]) -> Callable[[], None]:
    import tensorflow as tf  # noqa: PLC0415

    compiled = tf.function(loop, jit_compile=True, autograph=False)

    def run() -> None:
        compiled().numpy()

    return run
