"""What a model is worth on a part that it has never seen, and what needs no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import Config
from forcepos.data.recordings import Float32
from forcepos.data.samples import Samples
from forcepos.data.simulation.simulation import Simulation
from forcepos.evaluation.baselines import reference_predictions
from forcepos.evaluation.coverage import Coverage, measure_coverage
from forcepos.evaluation.intervals import Interval, intervals, resample
from forcepos.evaluation.limit import limit_scores
from forcepos.evaluation.metrics import (
    Draws,
    Measures,
    Scores,
    classification_measures,
    classification_scores,
    regression_measures,
    regression_scores,
)
from forcepos.evaluation.oracle import locate
from forcepos.models.final import TrainedModel
from forcepos.models.prediction import Answers, answer
from forcepos.models.tasks import Classification, Regression, Task
from forcepos.models.training_data import TrainingData


@dataclass(frozen=True)
class Evaluation:
    """A model on the test part.

    Attributes:
        test: its scores.
        intervals: low and high of each score.
        resampled: what the intervals' bootstrap draws.
        coverage: of its radius or sets of sectors, None where it gives none.
        true, predicted: (n, outputs) what the scores compare.
        answers: all that it says of the test part, by name.
    """

    test: Scores
    intervals: dict[str, Interval]
    resampled: str
    coverage: Coverage | None
    true: Float32
    predicted: Float32
    answers: Answers


def evaluate(config: Config, task: Task, data: TrainingData, final: TrainedModel) -> Evaluation:
    """Measure a model on the test part."""
    settings = config.evaluation
    answers = answer(final.model, data, data.split.test)
    true, test = data.targets[data.split.test], data.samples.take(data.split.test)
    predicted = answers["position" if isinstance(task, Regression) else "probabilities"]
    draws, resampled = resample(test, settings.resamples, config.seed)
    return Evaluation(
        test=score(task, test, true, predicted),
        intervals=intervals(_measures(task, test, true, predicted, draws), settings.confidence),
        resampled=resampled,
        coverage=(
            measure_coverage(task, true, answers, test.positions, final.calibration) if final.calibration else None
        ),
        true=true,
        predicted=predicted,
        answers=answers,
    )


def score(task: Task, test: Samples, true: Float32, predicted: Float32) -> Scores:
    """Scores of predictions (n, outputs): mm, or one weight per class of which the largest counts."""
    if isinstance(task, Regression):
        return regression_scores(true, predicted, task.outputs)
    return classification_scores(true.argmax(axis=1), predicted.argmax(axis=1), _border(task, test))


def _measures(task: Task, test: Samples, true: Float32, predicted: Float32, draws: Draws) -> Measures:
    if isinstance(task, Regression):
        return regression_measures(true, predicted, task.outputs, draws)
    return classification_measures(true.argmax(axis=1), predicted.argmax(axis=1), _border(task, test), draws)


def _border(task: Classification, test: Samples) -> NDArray[np.bool_] | None:
    """(n,) whether a sample lies near a border of sectors; None for classes without any."""
    return task.sectors.near_border(test.positions) if task.sectors else None


def references(
    config: Config, task: Task, data: TrainingData, simulation: Simulation | None
) -> tuple[dict[str, Scores], dict[str, Float32]]:
    """Scores on the same test part of what needs no network, by name; predictions of those that have any."""
    settings = config.evaluation
    true, test = data.targets[data.split.test], data.samples.take(data.split.test)
    constant = np.broadcast_to(data.targets[data.split.train].mean(axis=0), true.shape)
    predictions = {"baseline": constant}
    if settings.baselines:
        predictions |= reference_predictions(task, data, settings.baseline_samples, config.seed)
    scores = {name: score(task, test, true, predicted) for name, predicted in predictions.items()}
    if simulation is not None and settings.oracle:
        scores |= oracle_scores(task, data, simulation) | _limits(task, test, simulation)
    return scores, predictions


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
        elif task.sectors:
            # The plate's centre belongs to no sector: no class gets a weight, and the first one counts.
            predicted = (task.sectors.label(places)[:, None] == np.arange(len(task.outputs))).astype(np.float32)
        else:
            raise TypeError("a simulation has no classes but sectors")
        scores[name] = score(task, test, true, predicted)
    return scores


def _limits(task: Task, test: Samples, simulation: Simulation) -> dict[str, Scores]:
    """What no unbiased estimator beats, with a row and with a window, a visit's sensor offset known or not."""
    if not isinstance(task, Regression):
        return {}
    point = simulation.recordings.point[test.starts]
    rows = {"limit": test.window} | ({"limit_row": 1} if test.window > 1 else {})
    limits = {
        f"{name}_{'known' if known else 'new'}_visit": limit_scores(task.outputs, point, simulation, window, known)
        for name, window in rows.items()
        for known in (False, True)
    }
    # What the torques do not show has no limit, and JSON no infinity.
    return {name: {key: value for key, value in of.items() if np.isfinite(value)} for name, of in limits.items()}
