"""The model of training.ensemble=trials: networks of a search that together do best on the validation subset."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import keras

from forcepos.models.final import TrainedModel, assemble, outputs_of
from forcepos.models.problem import Problem
from forcepos.models.selection import choose_networks, error_on_validation
from forcepos.models.training.compiled import Checkpoint, Logs
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime.errors import InputError, TrialFailure
from forcepos.tuning.checkpoints import load_checkpoint
from forcepos.tuning.search import SearchResult, first_of, seed_of
from forcepos.tuning.trials import Events, TrialResult, best_first
from forcepos.tuning.tuner import Tuner

log = logging.getLogger(__name__)
CANDIDATES = 10  # best trials that it chooses among, whose networks the search keeps
Trained = tuple[keras.Sequential, list[Logs]]


def combine_trials(
    trainer: NetworkTrainer, directory: Path, found: SearchResult, events: Events
) -> tuple[TrainedModel, SearchResult]:
    """Choose among the networks of the best trials, and calibrate those as one; the result then names them.

    A network that is gone, as after a finished run, is trained again as the search has trained it.
    """
    problem = trainer.problem
    candidates = best_first(found.trials, problem.config.tuner.direction)[:CANDIDATES]
    with events.phase("final training", 0):
        trained = [_trained(trainer, trial, found, events, directory) for trial in candidates]
        outputs = outputs_of([network for network, _ in trained], problem, problem.split.validation)
        places = choose_networks(outputs, error_on_validation(problem))
    found = found._replace(ensemble=[candidates[place] for place in places])
    log.info("ensemble: %s", ", ".join(f"trial {one} ({share:.2g})" for one, share in found.shares().items()))
    return _assembled(problem, [trained[place] for place in places]), found


def train_trials(trainer: NetworkTrainer, found: SearchResult, events: Events, phase: str) -> TrainedModel:
    """Train the chosen trials on another split, as a phase of the run, and weight them as they were."""
    chosen = {trial.number: trial for trial in found.ensemble}
    with events.phase(phase, 0):
        trained = {number: _trained(trainer, trial, found, events) for number, trial in chosen.items()}
    return _assembled(trainer.problem, [trained[trial.number] for trial in found.ensemble])


def _trained(
    trainer: NetworkTrainer, trial: TrialResult, found: SearchResult, events: Events, kept_in: Path | None = None
) -> Trained:
    """Return a trial's network, kept or trained as in the search; an InputError: it fails, as on another split."""
    config, values, number = trainer.problem.config, trial.hyperparameters, trial.number
    again = f"the network of trial {number} is trained again, as in the search"
    if kept_in and (kept := load_checkpoint(kept_in, number, 1, again)) and kept.best:
        return trainer.restored(values, kept.best), trial.history[0]
    first = first_of(cast("Tuner", config.tuner), number, values, {one.number: one for one in found.trials})
    epochs, checkpoint = values.get("tuner/epochs", config.training.epochs), Checkpoint()
    report = partial(events.final_epoch_ended, number)
    try:
        history = trainer.trial(values, seed_of(config.seed, first, 1), epochs, report, checkpoint)
    except TrialFailure as failure:
        fault = f"training.ensemble=trials: trial {number}, trained again, failed: {failure}"
        raise InputError(f"{fault}; choose a number") from failure
    return trainer.restored(values, checkpoint.best), history


def _assembled(problem: Problem, trained: Sequence[Trained]) -> TrainedModel:
    """Make one model of chosen networks, each as often as it counts."""
    histories = dict(trained)
    for place, network in enumerate(histories, 1):
        network.name = f"network_{place}"
    return assemble(problem, [network for network, _ in trained], [*histories.values()])
