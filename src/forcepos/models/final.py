"""The model that a run leaves: networks trained from scratch with the best hyperparameters, and calibrated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from forcepos.config.schema import Config
from forcepos.models.calibration import Calibration, calibrate, calibration_groups
from forcepos.models.inference import inference_model
from forcepos.models.prediction import predict
from forcepos.models.tasks import Task
from forcepos.models.training.compiled import Logs
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.models.training_data import TrainingData


@dataclass(frozen=True)
class TrainedModel:
    """What the final training has produced.

    Attributes:
        model: answers by name; see `inference_model`.
        histories: what each epoch of each member's training logged.
        calibration: of its radius or sets of sectors, None without a calibration part.
    """

    model: keras.Model
    histories: list[list[Logs]]
    calibration: Calibration | None


def train_final(
    config: Config,
    task: Task,
    data: TrainingData,
    trainer: NetworkTrainer,
    best: Mapping[str, Any],
    after_epoch: Callable[[int, int, Logs], None],
) -> TrainedModel:
    """Train `training.ensemble` networks; `after_epoch` is told member, epoch and logs."""
    networks, histories = [], []
    for member in range(1, config.training.ensemble + 1):

        def tell(epoch: int, logs: Logs, member: int = member) -> None:
            after_epoch(member, epoch, logs)

        network, history = trainer.final(best, member, tell)
        networks.append(network)
        histories.append(history)
    calibration = _calibrate(config, task, data, networks)
    return TrainedModel(inference_model(task, networks, calibration, config.model.name), histories, calibration)


def _calibrate(config: Config, task: Task, data: TrainingData, networks: list[keras.Model]) -> Calibration | None:
    part = data.split.calibration
    if len(part) == 0:
        return None
    said = np.array([predict(network, data, part) for network in networks])
    groups, what = calibration_groups(data.samples.take(part), config.split)
    return calibrate(task, data.targets[part], said, groups, config.evaluation.coverage, what)
