"""The final model: networks trained from scratch with the best hyperparameters, and calibrated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from forcepos.models.calibration import Calibration, calibrate, calibration_groups
from forcepos.models.inference import inference_model
from forcepos.models.prediction import network_outputs
from forcepos.models.problem import Problem
from forcepos.models.training.compiled import Logs
from forcepos.models.training.trainer import NetworkTrainer


@dataclass(frozen=True)
class TrainedModel:
    """The final model and how it was trained.

    Attributes:
        model: with named outputs; see `inference_model`.
        histories: for each member of the ensemble, the logs of each epoch.
        calibration: of its radius or sets of sectors; None if it was not calibrated.
    """

    model: keras.Model
    histories: list[list[Logs]]
    calibration: Calibration | None


def train_final(
    trainer: NetworkTrainer, best: Mapping[str, Any], after_epoch: Callable[[int, int, Logs], None]
) -> TrainedModel:
    """Train `training.ensemble` networks and calibrate them; call `after_epoch` with member, epoch and logs."""
    problem, config = trainer.problem, trainer.problem.config
    networks, histories = [], []
    for member in range(1, config.training.ensemble + 1):

        def report(epoch: int, logs: Logs, member: int = member) -> None:
            after_epoch(member, epoch, logs)

        network, history = trainer.final(best, member, report)
        networks.append(network)
        histories.append(history)
    calibration = _calibrate(problem, networks)
    model = inference_model(problem.task, networks, calibration, config.model.name)
    return TrainedModel(model, histories, calibration)


def _calibrate(problem: Problem, networks: list[keras.Model]) -> Calibration | None:
    subset = problem.split.calibration
    if len(subset) == 0:
        return None
    outputs = np.array([network_outputs(network, problem, subset) for network in networks])
    groups = calibration_groups(problem.samples.take(subset), problem.config.split)
    return calibrate(problem.task, problem.targets[subset], outputs, groups, problem.config.evaluation.coverage)
