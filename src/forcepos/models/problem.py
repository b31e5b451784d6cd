"""The problem that a run solves: a task with samples, targets and their split."""

import logging
from dataclasses import dataclass
from typing import Self

from forcepos.config.schema import Config
from forcepos.data.checks import constant_targets
from forcepos.data.recordings import Float32, Recordings, Samples
from forcepos.data.sectors import NO_SECTOR, make_sectors
from forcepos.data.splits.split import Subsets, split_of
from forcepos.models.tasks import Classification, Task, make_task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """A task with its samples, their targets, their split into subsets, and the run's config.

    Attributes:
        targets: (n, outputs), one row per sample.
    """

    config: Config
    task: Task
    samples: Samples
    targets: Float32
    split: Subsets

    @classmethod
    def of(cls, config: Config, recordings: Recordings) -> Self:
        """Cut windows, label them and split them.

        Raises:
            InputError: a subset of the split would be empty.
        """
        task = make_task(config.model, make_sectors(config.sectors), recordings.label_names)
        division = split_of(config.split)
        samples, targets = _with_targets(division.samples(recordings, config.model.window), task)
        split = division.subsets(samples, config.seed)
        log.info(
            "%d recordings of %d points, %d rows, %d samples: %d train, %d validation, %d calibration, %d test",
            len(recordings.names), recordings.point.max() + 1, len(recordings.signals),
            len(samples.starts), len(split.train), len(split.validation),
            len(split.calibration), len(split.test),
        )  # fmt: skip
        subsets = {name: targets[members] for name, members in vars(split).items() if len(members)}
        kind = task.kind if isinstance(task, Classification) else None
        for warning in constant_targets(subsets, task.outputs, kind):
            log.warning("%s", warning)
        return cls(config, task, samples, targets, split)

    @property
    def test_samples(self) -> Samples:
        """The samples of the test subset."""
        return self.samples.take(self.split.test)

    @property
    def test_targets(self) -> Float32:
        """The targets of the test subset, (test samples, outputs)."""
        return self.targets[self.split.test]


def _with_targets(samples: Samples, task: Task) -> tuple[Samples, Float32]:
    """Return samples and their targets, without samples on the exact origin, which belong to no sector."""
    if not isinstance(task, Classification):
        return samples, task.targets(samples)
    inside = task.labels(samples) != NO_SECTOR
    if not inside.all():
        log.warning("%d samples on the exact origin belong to no sector and are dropped", (~inside).sum())
        samples = samples.take(inside)
    return samples, task.targets(samples)
