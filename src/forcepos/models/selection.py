"""Which trained networks make the best ensemble, by greedy selection on the validation subset."""

from collections.abc import Callable

import keras
import numpy as np

from forcepos.data.recordings import Float32, Float64
from forcepos.models.problem import Problem

_MOST = 20  # networks, repeated ones counted: one more would change the weights by less than 5 %


def choose_networks(outputs: Float32, error: Callable[[Float64], float]) -> list[int]:
    """Choose networks, given the best first by their outputs (networks, n, outputs), whose mean has least error.

    Return their places in order; one that is there twice has twice the weight. This is forward selection with
    replacement: as many of the best as are best together, then again and again the one that helps most, until none
    does (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", ICML 2004).
    """
    sums, counts = np.cumsum(outputs, axis=0, dtype=np.float64), np.arange(1, len(outputs) + 1)
    errors = [error(each / count) for each, count in zip(sums, counts, strict=True)]
    least, chosen = min(errors), list(range(errors.index(min(errors)) + 1))
    total = sums[len(chosen) - 1]
    while len(chosen) < _MOST:
        errors = [error((total + each) / (len(chosen) + 1)) for each in outputs]
        if min(errors) >= least:
            break
        least, place = min(errors), errors.index(min(errors))
        chosen, total = [*chosen, place], total + outputs[place]
    return sorted(chosen)


def error_on_validation(problem: Problem) -> Callable[[Float64], float]:
    """Return what measures predictions (n, outputs) of the validation subset by the objective: less is better."""
    tuner, true = problem.config.tuner, problem.targets[problem.split.validation]
    name, sign = tuner.objective.removeprefix("val_"), 1 if tuner.direction == "min" else -1
    loss = keras.metrics.MeanMetricWrapper(keras.losses.get(problem.task.loss), "loss")
    metric = next(each for each in [loss, *problem.task.metrics()] if each.name == name)

    def error(predicted: Float64) -> float:
        metric.reset_state()
        metric.update_state(true, predicted.astype(np.float32))
        return sign * float(metric.result())

    return error
