"""From recordings to what a model trains on: samples, targets, parts."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from forcepos.config.schema import Config, RandomSplitConfig
from forcepos.data.recordings import Float32, Recordings
from forcepos.data.samples import Samples, all_samples
from forcepos.data.sectors import NO_SECTOR
from forcepos.data.splits.notebook import shuffled_samples
from forcepos.data.splits.split import Split, split_samples
from forcepos.models.tasks import Classification, Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """Windows with their targets, and which of them train, choose and test.

    Attributes:
        targets: (n, outputs) of the task, for every sample.
    """

    samples: Samples
    targets: Float32
    split: Split


def prepare(config: Config, recordings: Recordings, task: Task) -> TrainingData:
    """Cut windows, label them and split them.

    Raises:
        InputError: a part of the split would be empty.
    """
    samples = _samples(config, recordings)
    samples, targets = (
        _labelled(samples, task) if isinstance(task, Classification) else (samples, task.targets(samples))
    )
    split = split_samples(samples, config.split, config.seed)
    log.info(
        "%d recordings of %d points, %d rows, %d samples: %d train, %d validation, %d calibration, %d test",
        len(recordings.names), recordings.point.max() + 1, len(recordings.signals),
        len(samples.starts), len(split.train), len(split.validation),
        len(split.calibration), len(split.test),
    )  # fmt: skip
    return TrainingData(samples, targets, split)


def _samples(config: Config, recordings: Recordings) -> Samples:
    split = config.split
    if isinstance(split, RandomSplitConfig) and split.shuffle_rows:
        return shuffled_samples(recordings, config.model.window, split.shuffle_seed)
    return all_samples(recordings, config.model.window)


def _labelled(samples: Samples, task: Classification) -> tuple[Samples, Float32]:
    """Samples and their classes, one-hot; those on the exact origin belong to none and are left out."""
    labels = task.labels(samples)
    inside = labels != NO_SECTOR
    left_out = int((~inside).sum())
    if left_out:
        log.warning("%d samples on the exact origin belong to no sector and are left out", left_out)
        samples, labels = samples.take(inside), labels[inside]
    return samples, task.one_hot(labels)
