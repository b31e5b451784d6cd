"""Scores of the final model on the test part, beside what needs no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcepos.data.recordings import Float32
from forcepos.data.samples import Samples
from forcepos.data.simulation import Simulation
from forcepos.evaluation.metrics import Scores, classification_scores, regression_scores
from forcepos.evaluation.oracle import locate
from forcepos.models.preparation import TrainingData
from forcepos.models.tasks import Regression, Task


@dataclass(frozen=True)
class Evaluation:
    """Scores on the test part, all by the same measures.

    Attributes:
        test: the final model's.
        baseline: of the mean training position, or the most frequent training sector.
        oracles: of lookups in the simulation's noise-free torques, by what they know; empty for real data.
        true, predicted: (n, outputs) what the scores compare.
    """

    test: Scores
    baseline: Scores
    oracles: dict[str, Scores]
    true: Float32
    predicted: Float32


def evaluate(task: Task, data: TrainingData, predicted: Float32) -> Evaluation:
    """Score predictions (test samples, outputs) and the trivial baseline."""
    true = data.targets[data.split.test]
    test = data.samples.take(data.split.test)
    constant = np.broadcast_to(data.targets[data.split.train].mean(axis=0), true.shape)
    return Evaluation(
        test=score(task, test, true, predicted),
        baseline=score(task, test, true, constant),
        oracles={},
        true=true,
        predicted=predicted,
    )


def score(task: Task, test: Samples, true: Float32, predicted: Float32) -> Scores:
    """Scores of predictions (n, outputs): mm, or one weight per class of which the largest counts."""
    if isinstance(task, Regression):
        return regression_scores(true, predicted, task.outputs)
    border = task.sectors.near_border(test.positions)
    return classification_scores(true.argmax(axis=1), predicted.argmax(axis=1), border)


def oracle_scores(task: Task, data: TrainingData, simulation: Simulation) -> dict[str, Scores]:
    """Scores of two lookups on the test part.

    `oracle_points` knows each grid point's noise-free torques and how the simulator's noise, offsets and
    drift scatter. `oracle_visits` knows each visit's own torques too, with the offset that its sensors have
    then: no model can know that of a visit it has not seen.
    """
    test = data.samples.take(data.split.test)
    true = data.targets[data.split.test]
    window = test.window
    scores = {}
    for name, candidates in (
        ("oracle_points", simulation.known_points(window)),
        ("oracle_visits", simulation.known_visits(window)),
    ):
        places = locate(simulation.recordings, test.starts, window, candidates)
        if isinstance(task, Regression):
            predicted = places[:, task.columns]
        else:
            # The plate's centre belongs to no sector: no class gets a weight, and the first one counts.
            predicted = (task.sectors.label(places)[:, None] == np.arange(len(task.outputs))).astype(np.float32)
        scores[name] = score(task, test, true, predicted)
    return scores
