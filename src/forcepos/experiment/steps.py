"""The steps of a run: hyperparameters, the final model trained with the best, its score on a harder split."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from forcepos.config.schema import Config, FixedTunerConfig
from forcepos.data.recordings import Recordings
from forcepos.data.splits.held_out import harder_split
from forcepos.evaluation.evaluate import Evaluation, evaluate
from forcepos.experiment.inputs import given_hyperparameters
from forcepos.models.architectures.architecture import architecture_of
from forcepos.models.final import TrainedModel, train_final
from forcepos.models.problem import Problem
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime.errors import ImpossibleNetwork, InputError, TrialFailure
from forcepos.tuning.events import Events
from forcepos.tuning.ledger import SearchResult
from forcepos.tuning.search import search
from forcepos.tuning.tuner import SearchSpec, Tuner
from forcepos.tuning.workers import SharedSearch, search_with_workers

log = logging.getLogger(__name__)


def find_hyperparameters(trainer: NetworkTrainer, directory: Path, events: Events) -> SearchResult:
    """Search for the best hyperparameters in `directory`, or return those that are given.

    Raises:
        InputError: the given ones cannot be used, or too many trials failed.
    """
    config = trainer.problem.config
    given = given_hyperparameters(config)
    if given:
        return SearchResult(given, None, (), 0)
    declare = architecture_of(config.model).declare_all
    spec = SearchSpec(cast("Tuner", config.tuner), declare, directory, config.seed, config.training.epochs)
    epochs = (config.tuner.max_trials or 0) * config.tuner.executions_per_trial * config.training.epochs
    with events.phase("search", epochs):
        if config.tuner.workers > 1:
            found = search_with_workers(SharedSearch(spec, trainer.problem, trainer.folder), events)
        else:
            found = search(spec, trainer.trial, events)
    if found.reused:
        log.info("reused %d of %d trials from an earlier run", found.reused, len(found.trials))
    return found


def train_model(
    trainer: NetworkTrainer, best: Mapping[str, Any], events: Events, phase: str = "final training"
) -> TrainedModel:
    """Train the final model, and show it as a phase of the run.

    Raises:
        InputError: it cannot be built, does not fit into memory or diverges.
    """
    config = trainer.problem.config
    training = config.training
    try:
        with events.phase(phase, training.final_epochs * training.ensemble):
            return train_final(trainer, best, events.final_epoch_ended)
    except TrialFailure as failure:
        raise InputError(
            f"{phase} with lr={best['lr']:g} failed: {failure}; {_remedy(config, failure)}"
        ) from failure


def _remedy(config: Config, failure: TrialFailure) -> str:
    given = config.tuner.hyperparameters if isinstance(config.tuner, FixedTunerConfig) else None
    if isinstance(failure, ImpossibleNetwork):
        return f"choose a smaller network in {given}" if given else "choose smaller networks in model.space"
    if given:
        return f"lower lr in {given}"
    return "lower training.final_epochs, which keeps the trials of this search, or model.space.lr.max"


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
