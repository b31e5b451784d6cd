"""A hand-written JAX loop: lax.scan over steps, data on the device, convolution as one matrix product."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases import CHANNELS, LEARNING_RATE, Case, arrays

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def _weights(case: Case) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    shapes = [(CHANNELS, CHANNELS)] if case.window == 1 else []
    before = CHANNELS
    for layer in case.layers:
        shapes.append((before if case.window == 1 else before * int(layer[1]), int(layer[0])))
        before = int(layer[0])
    shapes.append((before, case.outputs))
    return [
        (jnp.asarray(rng.normal(0, np.sqrt(2 / sum(shape)), shape), jnp.float32), jnp.zeros(shape[1]))
        for shape in shapes
    ]


def _dense(case: Case, weights: Any, inputs: Any) -> Any:  # noqa: ARG001
    for kernel, bias in weights[:-1]:
        inputs = jax.nn.relu(inputs @ kernel + bias)
    return inputs @ weights[-1][0] + weights[-1][1]


def _convolutions(case: Case, weights: Any, inputs: Any) -> Any:
    window = case.window
    for (kernel, bias), (filters, taps, activation) in zip(weights, case.layers, strict=False):
        before = (int(taps) - 1) // 2
        padded = jnp.pad(inputs, ((0, 0), (before, int(taps) - 1 - before), (0, 0)))
        columns = jnp.concatenate([padded[:, tap : tap + window] for tap in range(int(taps))], axis=-1)
        rows = columns.reshape(-1, columns.shape[-1]) @ kernel + bias
        inputs = _ACTIVATIONS[str(activation)](rows).reshape(-1, window, int(filters))
    return inputs.mean(axis=1) @ weights[-1][0] + weights[-1][1]


def _adam(step: Any, weight: Any, mean: Any, square: Any, gradient: Any) -> tuple[Any, Any, Any]:
    """Kingma and Ba, ICLR 2015, with Keras' defaults."""
    mean = mean + 0.1 * (gradient - mean)
    square = square + 0.001 * (gradient**2 - square)
    rate = LEARNING_RATE * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return weight - rate * mean / (jnp.sqrt(square) + 1e-7), mean, square


def jax_scan(case: Case, steps: int) -> Callable[[], None]:
    """Metrics are summed on the device and read once."""
    data = arrays(case)
    signals, starts, targets = (jnp.asarray(each) for each in (data.signals, data.starts, data.targets))
    forward = partial(_dense if case.window == 1 else _convolutions, case)

    def step(state: Any, chosen: Any) -> tuple[Any, None]:
        weights, means, squares, number, sums = state
        first = starts[chosen]
        inputs = signals[first] if case.window == 1 else signals[first[:, None] + jnp.arange(case.window)]
        true = targets[chosen]

        def loss_of(weights: Any) -> Any:
            predicted = forward(weights, inputs)
            return jnp.mean((predicted - true) ** 2), predicted

        (loss, predicted), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights)
        number = number + 1
        leaves = [jax.tree.leaves(each) for each in (weights, means, squares, gradients)]
        updated = [_adam(number, *each) for each in zip(*leaves, strict=True)]
        weights, means, squares = (
            jax.tree.unflatten(jax.tree.structure(weights), each) for each in zip(*updated, strict=True)
        )
        error = predicted - true
        sums = sums + jnp.stack([loss, jnp.abs(error).mean(), (error**2).sum()])
        return (weights, means, squares, number, sums), None

    scan = jax.jit(lambda state, order: jax.lax.scan(step, state, order)[0], donate_argnums=0)
    weights = _weights(case)
    zeros, more = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    kept = [(weights, zeros, more, jnp.zeros(()), jnp.zeros(3))]
    rng = np.random.default_rng(1)

    def run() -> None:
        order = rng.integers(0, len(data.starts), (steps, case.batch_size), np.int32)
        kept[0] = jax.block_until_ready(scan(kept[0], order))

    return run


def jax_epochs(case: Case, steps: int) -> Callable[[int, Callable[[], None]], None]:
    """One scan an epoch, each in another order."""
    scan = jax_scan(case, steps)

    def run(epochs: int, after_epoch: Callable[[], None]) -> None:
        for _ in range(epochs):
            scan()
            after_epoch()

    return run


LOOPS = {"jax, hand-written scan": jax_scan}
