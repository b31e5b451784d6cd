"""Baselines on the same windows and split as the network: a linear model and boosted trees."""

import logging
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from forcepos.data.recordings import Float32, Float64, Int32, Samples
from forcepos.models.problem import Classification, Problem, Task

log = logging.getLogger(__name__)

_WINDOWS_AT_ONCE = 8192


def reference_predictions(problem: Problem) -> dict[str, Float32]:
    """Predict the (test samples, outputs) with `linear` and `boosted_trees`: mm, or one probability per class.

    Both get flattened windows and are trained on at most `evaluation.baseline_samples` of the training subset,
    drawn evenly with the run's seed. A class without training samples gets probability 0.
    """
    task, samples, seed = problem.task, problem.samples, problem.config.seed
    members = _draw(problem.split.train, problem.config.evaluation.baseline_samples, seed)
    inputs, targets = _windows(samples, members), problem.targets[members]
    test, predictions = problem.split.test, dict[str, Float32]()
    for name, model in _models(task, seed).items():
        log.info("baseline %s: training on %d samples", name, len(members))
        places = range(0, len(test), _WINDOWS_AT_ONCE)
        chunks = (_windows(samples, test[first : first + _WINDOWS_AT_ONCE]) for first in places)
        # Its threads busy-wait for one another: next to other work, one is ten times as fast as two.
        with threadpool_limits(1):
            predictions[name] = _predict(model, inputs, targets, chunks)
    return predictions


def _models(task: Task, seed: int) -> dict[str, Any]:
    # Early stopping would hold out single samples, whose neighbours in time remain among the training samples.
    trees = {"early_stopping": False, "random_state": seed}
    linear, boosted = Ridge(), MultiOutputRegressor(HistGradientBoostingRegressor(**trees))
    if isinstance(task, Classification):
        # One tree per class and round: fewer bins take a third of the time.
        linear, boosted = LogisticRegression(max_iter=300), HistGradientBoostingClassifier(max_bins=64, **trees)
    return {"linear": make_pipeline(StandardScaler(), linear), "boosted_trees": boosted}


def _draw(members: Int32, at_most: int, seed: int) -> Int32:
    if len(members) <= at_most:
        return members
    return np.sort(np.random.default_rng(seed).choice(members, at_most, replace=False))


def _windows(samples: Samples, members: Int32) -> Float64:
    """Flatten windows to (members, window * channels); rows are too similar for linear systems in float32."""
    rows = samples.starts[members][:, None] + np.arange(samples.window)
    return np.asarray(samples.recordings.signals[rows].reshape(len(members), -1), np.float64)


def _predict(model: Any, inputs: Float64, targets: Float32, chunks: Iterable[Float64]) -> Float32:
    """Fit, and predict (n, outputs) values, or probabilities of classes after fitting to one-hot targets."""
    if not is_classifier(model):
        model.fit(inputs, targets)
        values = np.concatenate([model.predict(chunk).astype(np.float32) for chunk in chunks])
        return values.reshape(len(values), -1)
    labels = targets.argmax(axis=1)
    model = model if np.ptp(labels) else DummyClassifier()  # the others refuse to fit a single class
    # Linearly separable classes have no finite best weights: those of the last step serve as well.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        model.fit(inputs, labels)
    found = np.concatenate([model.predict_proba(chunk).astype(np.float32) for chunk in chunks])
    probabilities = np.zeros((len(found), targets.shape[1]), np.float32)
    probabilities[:, model.classes_] = found
    return probabilities
