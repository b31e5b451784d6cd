"""KerasTuner's search algorithms, changed where ours are better off."""

from typing import Any

import keras_tuner as kt
import numpy as np

from forcepos.data.recordings import Float64

_CANDIDATES = 2000  # drawn evenly, and as many again near the best trials
_NEAR = 0.1  # standard deviation of a step away from a good trial, as a share of the range
_GOOD_TRIALS = 3


class GridOracle(kt.oracles.GridSearchOracle):  # type: ignore[misc]  # keras_tuner is untyped
    """Every combination in order; does not wait for trials, which cannot declare new hyperparameters."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        proposed: dict[str, Any] = super().populate_space(trial_id)
        if proposed["status"] == "RUNNING":
            self._populate_next.append(trial_id)
        return proposed


class BayesianOracle(kt.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """Proposes what a Gaussian process expects to be good, or knows little about.

    KerasTuner minimises the confidence bound with numerical gradients, two seconds a proposal, and may repeat a
    point. Here it is evaluated once for thousands of candidates, and the best one that is new is taken.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Propose values for the next trial; random ones until `num_initial_points` trials have succeeded."""
        if sum(trial.status == "COMPLETED" for trial in self.trials.values()) < self.num_initial_points:
            return dict(self._random_populate_space())
        points, scores = self._vectorize_trials()
        self.gpr.fit(points, scores)
        candidates = self._candidates(points[np.argsort(scores)[:_GOOD_TRIALS]], int(trial_id))
        mean, deviation = self.gpr.predict(candidates, return_std=True)
        for place in np.argsort(mean - self.beta * deviation):
            values = self._vector_to_values(candidates[place])
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return dict(self._random_populate_space())  # a small space is nearly used up

    def _candidates(self, good: Float64, number: int) -> Float64:
        """Draw (2 * _CANDIDATES, dimensions) in the unit cube, the same for the same seed and trial."""
        rng = np.random.default_rng([self.seed, number])
        anywhere = rng.uniform(size=(_CANDIDATES, good.shape[1]))
        near = good[np.arange(_CANDIDATES) % len(good)] + rng.normal(0, _NEAR, anywhere.shape)
        return np.vstack([anywhere, np.clip(near, 0, 1)])
