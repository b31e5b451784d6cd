"""The problem that a run solves: a task with samples, targets and their split."""

import logging
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from keras.metrics import CategoricalAccuracy, F1Score, MeanAbsoluteError, Metric, R2Score, RootMeanSquaredError

from forcepos.config.schema import Config, ModelConfig
from forcepos.data.checks.check import constant_targets
from forcepos.data.recordings import Float32, Int32, Recordings, Samples
from forcepos.data.sectors import NO_SECTOR, Sectors, make_sectors
from forcepos.data.splits.split import Subsets, split_of

log = logging.getLogger(__name__)
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Regression:
    """Coordinates in mm, plate frame."""

    outputs: tuple[str, ...]
    loss: ClassVar[str] = "mse"

    @property
    def columns(self) -> list[int]:
        return [AXES.index(name) for name in self.outputs]

    def targets(self, samples: Samples) -> Float32:
        """Return (n, outputs) coordinates in mm."""
        return samples.positions[:, self.columns]

    def metrics(self) -> list[Metric]:
        return [MeanAbsoluteError(name="mae"), RootMeanSquaredError(name="rmse"), R2Score(name="r2")]


@dataclass(frozen=True)
class Classification:
    """One class of several: a sector of the plate, or a label of the data's own."""

    sectors: Sectors | None  # None where the data has labels of its own
    label_names: tuple[str, ...] = ()  # names of those
    loss: ClassVar[str] = "categorical_crossentropy"

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self.sectors.names) if self.sectors else self.label_names

    @property
    def kind(self) -> str:
        return "sector" if self.sectors else "class"

    @property
    def kinds(self) -> str:  # also the name of the model's output
        return "sectors" if self.sectors else "classes"

    def labels(self, samples: Samples) -> Int32:
        """Return the (n,) class of each sample, counted from 0; NO_SECTOR for a sample on the sectors' origin."""
        if self.sectors:
            return self.sectors.label(samples.positions)
        return np.asarray(samples.recordings.labels, np.int32).take(samples.last)

    def targets(self, samples: Samples) -> Float32:
        """Return (n, outputs) one-hot targets of samples that have a class."""
        return np.eye(len(self.outputs), dtype=np.float32).take(self.labels(samples), axis=0)

    def metrics(self) -> list[Metric]:
        return [CategoricalAccuracy(name="accuracy"), F1Score(average="macro", name="f1")]


Task = Regression | Classification


def make_task(config: ModelConfig, sectors: Sectors, label_names: tuple[str, ...] = ()) -> Task:
    """Return the task that the model's config names; labels of the data's own take precedence over sectors."""
    if config.task == "classification":
        return Classification(None, label_names) if label_names else Classification(sectors)
    return Regression(tuple(config.axes))


@dataclass(frozen=True)
class Problem:
    """A task with its samples, their targets, their split into subsets, and the run's config."""

    config: Config
    task: Task
    samples: Samples
    targets: Float32  # (n, outputs), one row per sample
    split: Subsets

    @classmethod
    def of(cls, config: Config, recordings: Recordings) -> Self:
        """Cut windows, label them and split them; an InputError if a subset of the split would be empty."""
        task = make_task(config.model, make_sectors(config.sectors), recordings.label_names)
        aside = config.split.calibration_ratio if config.evaluation.calibration == "part" else 0.0
        division = split_of(replace(config.split, calibration_ratio=aside))
        samples = division.samples(recordings, config.model.window)
        if isinstance(task, Classification) and not (inside := task.labels(samples) != NO_SECTOR).all():
            log.warning("%d samples on the exact origin belong to no sector and are dropped", (~inside).sum())
            samples = samples.take(inside)
        targets, split = task.targets(samples), division.subsets(samples, config.seed)
        if recordings.rows_in(max(config.model.statistics_s), "model.statistics_s"):
            samples = samples.looking_back([] if division.leaks else vars(split).values())
        parts = [f"{len(vars(split)[name])} {name}" for name in ("train", "validation", "calibration", "test")]
        sizes = len(recordings.names), recordings.point.max() + 1, len(recordings.signals), len(samples.starts)
        log.info("%d recordings of %d points, %d rows, %d samples: %s", *sizes, ", ".join(parts))
        subsets = {name: targets[members] for name, members in vars(split).items() if len(members)}
        kind = task.kind if isinstance(task, Classification) else None
        for warning in constant_targets(subsets, task.outputs, kind):
            log.warning("%s", warning)
        return cls(config, task, samples, targets, split)

    def holding_out(self, inside: Int32, outside: Int32) -> Self:
        """Return the problem of a network that trains on these samples, and sees no row of those held out."""
        samples, split = self.samples, replace(self.split, train=inside)
        if samples.earliest is not None and not self.config.split.leaks:
            samples = samples.looking_back([*vars(split).values(), outside])
        return replace(self, samples=samples, split=split)

    def rotated(self, execution: int) -> Self:
        """Return the problem of a trial's execution 1, 2, …: other units of those that train validate in each.

        Not where all recordings have parts in both subsets, as time blocks: there no odd one chooses.
        """
        units, split = split_of(self.config.split).units(self.samples).number, self.split
        training, validating = (np.unique(units[members]) for members in (split.train, split.validation))
        count = min(len(validating), len(training) - 1)
        if execution == 1 or count < 1 or np.isin(validating, training).any():
            return self
        order = np.random.default_rng([self.config.seed, 1]).permutation(training)
        chosen = np.take(order, np.arange(count) + (execution - 2) * count, mode="wrap")
        both = np.sort(np.concatenate([split.train, split.validation]))
        inside = np.isin(units[both], chosen)
        return replace(self, split=replace(split, train=both[~inside], validation=both[inside]))

    @property
    def test_samples(self) -> Samples:
        return self.samples.take(self.split.test)

    @property
    def test_targets(self) -> Float32:  # (test samples, outputs)
        return self.targets[self.split.test]
