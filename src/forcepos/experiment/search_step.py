"""A run's hyperparameters: given, or searched for, by this process or by many."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from forcepos.config.schema import FixedTunerConfig
from forcepos.models.networks import declare_space
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.results.terminal import Terminal
from forcepos.tracking.run import Run
from forcepos.tracking.store import read_hyperparameters as read_run
from forcepos.tuning.given import check_hyperparameters, read_hyperparameters
from forcepos.tuning.ledger import SearchResult, TrialListener
from forcepos.tuning.search import search
from forcepos.tuning.workers.pool import search_with_workers
from forcepos.tuning.workers.process import Job
from forcepos.tuning.workers.slurm import Tasks

log = logging.getLogger(__name__)


def find_hyperparameters(
    job: Job, trainer: NetworkTrainer, terminal: Terminal, run: Run, tasks: Tasks | None
) -> SearchResult:
    """The best hyperparameters of the search that `job` names, or those that are given.

    Raises:
        InputError: what is given cannot be used, or too many trials failed.
    """
    config = job.config
    declare = partial(declare_space, config=config.model)
    if isinstance(config.tuner, FixedTunerConfig):
        source = config.tuner.hyperparameters
        given = (
            read_run(config.tracking, source)
            if source.startswith("runs:/")
            else read_hyperparameters(Path(source))
        )
        return SearchResult(check_hyperparameters(given, declare, source), None, (), 0)
    listeners: list[TrialListener] = [terminal, run]
    with terminal.search():
        if config.tuner.workers > 1:
            found = search_with_workers(job, declare, listeners, tasks)
        else:
            epochs = config.training.epochs
            found = search(config.tuner, declare, trainer.trial, job.directory, config.seed, epochs, listeners)
    if found.reused:
        log.info("%d of %d trials were there from an earlier run", found.reused, len(found.trials))
    return found
