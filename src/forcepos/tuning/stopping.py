"""Trials that end early: those that are worse, at an epoch, than the median of earlier trials there.

This is the median stopping rule of Golovin et al., "Google Vizier: A Service for Black-Box Optimization" (2017),
with the best value so far in place of a running mean, since that is what a trial's score is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from statistics import median

from forcepos.config.schema import TunerConfig
from forcepos.tuning.trials import Logs, TrialResult

Bars = Mapping[tuple[int, int], float]  # by execution and epoch, from 1
_FEWEST = 3  # trials: the median of fewer is an extreme or a mean; as many as Bayesian search draws at random
_WARM_UP = 0.25  # share of a training's epochs in which none is stopped: first epochs tell learning rates apart


def best_so_far(config: TunerConfig, epochs: Sequence[Logs]) -> list[float]:
    """Return for each epoch the best objective up to there."""
    return list(accumulate((logs[config.objective] for logs in epochs), min if config.direction == "min" else max))


def bars_for(config: TunerConfig, earlier: Iterable[TrialResult]) -> Bars:
    """Return by execution and epoch the median of the trials that have ended, which a later one has to reach.

    A stopped trial counts in the epochs that it did: without it, the median would be that of survivors, and the
    rule ever stricter; beyond them its values would be made up. A failed trial does not count, nor do epochs that
    a winner of Hyperband's has from the trial that it goes on from, which counts itself.
    """
    values = defaultdict[tuple[int, int], list[float]](list)
    for trial in earlier if config.stop == "median" else ():
        inherited = trial.hyperparameters.get("tuner/initial_epoch", 0)
        for execution, epochs in enumerate(trial.history if trial.failure is None else [], 1):
            for epoch, value in enumerate(best_so_far(config, epochs), 1):
                if epoch > inherited:
                    values[execution, epoch].append(value)
    return {place: median(of) for place, of in values.items() if len(of) >= _FEWEST}


def falls_behind(config: TunerConfig, bars: Bars, history: Sequence[Sequence[Logs]], epochs: int) -> bool:
    """Return whether a trial, of so many epochs in each execution, is to be stopped after the latest one."""
    place = len(history), len(history[-1])
    last = place == (config.executions_per_trial, epochs)  # after which there is nothing left to save
    if place not in bars or last or place[1] <= _WARM_UP * epochs:
        return False
    best, bar = best_so_far(config, history[-1])[-1], bars[place]
    return best > bar if config.direction == "min" else best < bar
