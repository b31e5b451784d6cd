"""Estimates how long a run still takes, from the seconds of its epochs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from forcepos.config.schema import Config, FixedTunerConfig
from forcepos.data.splits.held_out import harder_split
from forcepos.data.splits.split import FOLDS
from forcepos.runtime.wording import duration

# Seconds of the default run on two cores. Other machines are slower by the same factor as in a first epoch.
_FIRST_EPOCH_S, _SAMPLE_S, _BASELINES_S = 3.5, 30e-6, 0.5e-3  # of a sample in a further epoch, and in baselines
_CHOSEN = 3  # networks of trials that an ensemble has, roughly
_Seconds = tuple[float, float]  # of the first epoch, with which a network is compiled, and of a further one


@dataclass
class Network:
    epochs: float  # that its training should take
    ticks: list[float]  # when it began, and when each epoch ended

    @property
    def seconds(self) -> list[float]:
        return [after - before for before, after in pairwise(self.ticks)]

    def left(self, now: float, usual: _Seconds) -> float:
        further = fmean(self.seconds[1:] or usual[1:])
        more = self.epochs - len(self.ticks)  # after the epoch that is under way
        begun = (further if self.seconds else usual[0]) - (now - self.ticks[-1])
        return 0.0 if more < 0 else max(0.0, begun) + more * further


class Progress:
    """The stages of a run, and what it has trained in how many seconds."""

    def __init__(self, config: Config, samples: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.training, self._samples, self._clock = config.training, samples, clock
        self._executions, self._workers = config.tuner.executions_per_trial, config.tuner.workers
        settings, trained = config.evaluation, dict[str, float]()
        if config.training.ensemble == "trials":  # trained in the search, and again for another split
            alike = replace(config.training, final_epochs=config.training.epochs, patience=None)
            self.training, trained = replace(alike, ensemble=_CHOSEN), {"final training": 1.0}
        self.finals = self.training.ensemble * (1 + FOLDS * (settings.calibration == "folds"))  # networks
        fitted = min(samples, settings.baseline_samples) if settings.baselines else 0
        self._known = trained | {"baselines": _BASELINES_S * fitted, "figures": 1.5 + 1.5 * settings.figures}
        also = settings.also and harder_split(config.split, settings.also)
        self.stages = [] if isinstance(config.tuner, FixedTunerConfig) else ["search"]
        second = [f"training for split={settings.also}", "baselines"] * bool(also)
        self.stages += ["final training", "baselines", *second, "figures"]
        self.at, self._since = 0, clock()  # number of the stage that is under way, or else of the next one
        self.to_come = config.tuner.max_trials  # so many more trials there will be; None if that is unknown
        self.networks: dict[int | str, Network] = {}  # by the number of their trial, or the name of their stage

    def plan(self) -> str:
        """Say before the run how much is trained, and how long that roughly takes on two cores."""
        each = self._executions * self.training.epochs
        trials = f"{self.to_come} trials x {each} epochs, " if self.to_come and self.stages[0] == "search" else ""
        finals = self.finals * sum("training" in stage for stage in self.stages if stage not in self._known)
        rough = duration(self._left((_FIRST_EPOCH_S, _SAMPLE_S * self._samples)))
        return f"{trials}{finals} x at most {self.training.final_epochs} epochs: roughly {rough} on two cores"

    def enter(self, stage: str) -> None:
        self.at, self._since = self.stages.index(stage, self.at), self._clock()
        if "training" in stage:
            self.networks[stage] = self._final()

    def leave(self) -> None:
        self.at, self._since = self.at + 1, self._clock()

    def begin_trial(self, number: int, epochs: int | None) -> None:
        """Note a trial that begins, or begins again; `epochs` if the tuner decides how many."""
        self.to_come = self.to_come and self.to_come - (number not in self.networks)
        self.networks[number] = Network((epochs or self.training.epochs) * self._executions, [self._clock()])

    def tick(self, name: int | str) -> None:
        self.networks[name].ticks.append(self._clock())

    def final_epoch(self, member: int, epoch: int, best_epoch: int) -> None:
        """Note an epoch of the ensemble's network `member`, the best one of which is `best_epoch` up to now."""
        stage = self.stages[self.at]
        self.tick(stage)
        before, after = len(self.networks[stage].seconds) - epoch, max(0, self.finals - member)
        self.networks[stage].epochs = before + max(epoch, self._expected(best_epoch)) + after * self._expected()

    def _expected(self, best_epoch: int = 1) -> float:
        """Return epochs halfway between the fewest that training.patience allows, and the most."""
        most, patience = self.training.final_epochs, self.training.patience
        return (most if patience is None else min(most, best_epoch + patience)) / 2 + most / 2

    def _final(self) -> Network:
        return Network(self.finals * self._expected(), [self._clock()])

    def seconds_left(self) -> float | None:
        """Estimate the seconds that the run still takes; None before there is ground for it."""
        seconds = [network.seconds for network in [*self.networks.values()]]
        first, further = [each[0] for each in seconds if each], [one for each in seconds for one in each[1:]]
        endless = self.to_come is None and self.stages[self.at : self.at + 1] == ["search"]
        return self._left((fmean(first), fmean(further))) if further and not endless else None

    def _left(self, usual: _Seconds) -> float:
        now, left, slower = self._clock(), 0.0, min(5.0, max(0.3, usual[0] / _FIRST_EPOCH_S))
        for stage in self.stages[self.at :]:
            if stage == "search":
                under_way = [network.left(now, usual) for network in [*self.networks.values()]]
                each = usual[0] + (self.training.epochs * self._executions - 1) * usual[1]
                left += max([(sum(under_way) + (self.to_come or 0) * each) / self._workers, *under_way])
            elif stage in self._known:
                elapsed = now - self._since if stage == self.stages[self.at] else 0.0
                left += max(0.0, self._known[stage] * slower - elapsed)
            else:
                left += (self.networks.get(stage) or self._final()).left(now, usual)
        return left
