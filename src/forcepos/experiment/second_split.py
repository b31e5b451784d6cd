"""The honest score beside the headline: the best hyperparameters trained and measured on a harder split."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from forcepos.data.recordings import Recordings
from forcepos.data.splits.held_out import harder_split
from forcepos.evaluation.evaluate import Evaluation, evaluate
from forcepos.experiment.steps import train_model
from forcepos.models.problem import Problem
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime.errors import InputError
from forcepos.tuning.events import Events

log = logging.getLogger(__name__)


def evaluate_on_second_split(
    trainer: NetworkTrainer, recordings: Recordings, best: Mapping[str, Any], events: Events
) -> tuple[str, Evaluation] | None:
    """Train and score `best` on the split that `evaluation.also` names, with this split's ratios.

    None if there is no second split, if it is the run's own, or if it cannot be drawn from these recordings.
    A fold of a cross-validation holds units out itself.
    """
    config = trainer.problem.config
    name = config.evaluation.also
    split = harder_split(config.split, name) if name else None
    if name is None or split is None:
        return None
    try:
        problem = Problem.of(dataclasses.replace(config, split=split), recordings)
    except InputError as error:
        log.warning("no score on evaluation.also=%s: %s", name, error)
        return None
    trained = train_model(
        NetworkTrainer(problem, trainer.folder / name), best, events, f"training for split={name}"
    )
    return name, evaluate(problem, trained)
