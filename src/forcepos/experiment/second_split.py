"""The honest figure beside the headline: the best hyperparameters trained and measured on a harder split."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forcepos.config.schema import (
    Config,
    CrossValidationConfig,
    DrawnSplitConfig,
    HeldOutPointsConfig,
    HeldOutRecordingsConfig,
)
from forcepos.data.recordings import Recordings
from forcepos.evaluation.evaluate import Evaluation, evaluate
from forcepos.models.final import train_final
from forcepos.models.tasks import Task
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.models.training_data import prepare
from forcepos.results.terminal import Terminal
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)
_SPLITS: dict[str, type[DrawnSplitConfig]] = {
    "held_out_points": HeldOutPointsConfig,
    "held_out_recordings": HeldOutRecordingsConfig,
}


def evaluate_on_second_split(
    config: Config,
    task: Task,
    recordings: Recordings,
    best: Mapping[str, Any],
    folder: Path,
    terminal: Terminal,
) -> tuple[str, Evaluation] | None:
    """The name of `evaluation.also` and what `best` is worth there, with this split's ratios.

    None where it is not asked for, is the run's own split, or cannot be drawn from these recordings. A fold of a
    cross-validation holds units out itself.
    """
    name, split = config.evaluation.also, config.split
    if name is None or name == split.name or isinstance(split, CrossValidationConfig):
        return None
    other = dataclasses.replace(config, split=_with_ratios_of(split, name))
    try:
        data = prepare(other, recordings, task)
    except InputError as error:
        log.warning("no score on evaluation.also=%s: %s", name, error)
        return None
    trainer = NetworkTrainer(other, task, data, folder / name)
    with terminal.final_training(f"training for split={name}"):
        final = train_final(other, task, data, trainer, best, terminal.final_epoch)
    return name, evaluate(other, task, data, final)


def _with_ratios_of(split: Any, name: str) -> DrawnSplitConfig:
    return _SPLITS[name](
        name=name,
        test_ratio=split.test_ratio,
        validation_ratio=split.validation_ratio,
        calibration_ratio=split.calibration_ratio,
    )
