"""The story of a run from its recordings on: samples, split, search, final model, evaluation, MLflow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config, CrossValidationConfig
from forcepos.data.loading import Loaded
from forcepos.data.sectors import make_sectors
from forcepos.evaluation.evaluate import evaluate, references
from forcepos.experiment.folds import cross_validate
from forcepos.experiment.inputs import Inputs
from forcepos.experiment.search_step import find_hyperparameters
from forcepos.experiment.second_split import evaluate_on_second_split
from forcepos.models.final import train_final
from forcepos.models.tasks import make_task
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.models.training_data import prepare
from forcepos.results.pending_logs import finalize_tracking, log_unlogged
from forcepos.results.pictures import save_pictures
from forcepos.results.run_cache import earlier_result, run_fingerprint
from forcepos.results.run_report import RunReport, repeat_result, save
from forcepos.results.terminal import Terminal
from forcepos.runtime.paths import search_dir
from forcepos.runtime.resources import in_sweep, jobs_at_once
from forcepos.tracking.description import provenance, run_name
from forcepos.tracking.run import Run
from forcepos.tracking.store import ui_command
from forcepos.tracking.track import track
from forcepos.tuning.fingerprint import search_fingerprint
from forcepos.tuning.search import lock_search
from forcepos.tuning.trials import Logs
from forcepos.tuning.workers.pool import join_search
from forcepos.tuning.workers.process import Job
from forcepos.tuning.workers.slurm import Tasks, chief_of

log = logging.getLogger(__name__)


def run_experiment(
    config: Config, inputs: Inputs, folder: Path, overrides: Sequence[str]
) -> dict[str, Any] | None:
    """One run from recordings to result, or one for each fold; `folder` receives result, model and figures.

    Returns:
        None where this process is a worker of another one's search.

    Raises:
        InputError: config, device or store of runs cannot be used as they are.
    """
    loaded, tasks = inputs.loaded, inputs.tasks
    device = use_device(config.training, jobs_at_once())
    if tasks and tasks.rank:
        join_search(_job(config, folder, loaded), tasks)
        return None
    run = partial(_run_once, loaded=loaded, device=device, overrides=overrides, tasks=tasks)
    if isinstance(config.split, CrossValidationConfig) and config.split.fold is None:
        facts = provenance(device, loaded.recordings.fingerprint, overrides)
        return cross_validate(config, folder, run, facts, run_name(config, overrides))
    return run(config, folder)


def _run_once(
    config: Config,
    folder: Path,
    loaded: Loaded,
    device: str,
    overrides: Sequence[str],
    tasks: Tasks | None,
    parent: Run | None = None,
) -> dict[str, Any]:
    """One run; or the result of the same one before, if its tracking is to be completed or skip_finished=true."""
    fingerprint = run_fingerprint(config, loaded.recordings.fingerprint)
    trials = search_dir(search_fingerprint(config, loaded.recordings.fingerprint))
    with chief_of(tasks, trials):
        with lock_search(trials, fresh=False, wait=in_sweep()):
            earlier = log_unlogged(config, fingerprint, parent)
        earlier = earlier or earlier_result(config, fingerprint)
        if earlier:
            return repeat_result(earlier, folder)
        return _run(_job(config, folder, loaded), fingerprint, loaded, device, overrides, tasks, parent)


def _job(config: Config, folder: Path, loaded: Loaded) -> Job:
    """The search with its data: all that it takes to train a trial."""
    task = make_task(config.model, make_sectors(config.sectors), loaded.recordings.label_names)
    data = prepare(config, loaded.recordings, task)
    return Job(config, task, data, folder, search_fingerprint(config, loaded.recordings.fingerprint))


def _run(
    job: Job,
    fingerprint: str,
    loaded: Loaded,
    device: str,
    overrides: Sequence[str],
    tasks: Tasks | None,
    parent: Run | None,
) -> dict[str, Any]:
    config, task, data, folder = job.config, job.task, job.data, job.folder
    trainer = NetworkTrainer(config, task, data, folder)
    terminal = Terminal(config)
    name = run_name(config, overrides)
    with (
        lock_search(job.directory, config.tuner.fresh, wait=in_sweep()),
        track(config, name, job.fingerprint, parent) as run,
    ):
        facts = provenance(device, loaded.recordings.fingerprint, overrides)
        run.log_tags(facts)
        log.info("searching on %s, trials in %s", device, job.directory)
        found = find_hyperparameters(job, trainer, terminal, run, tasks)
        run.log_tags({"search.trials": str(len(found.trials)), "search.reused_trials": str(found.reused)})
        with terminal.final_training():
            final = train_final(config, task, data, trainer, found.best, _tell(terminal, run))
        evaluation = evaluate(config, task, data, final)
        beside, predictions = references(config, task, data, loaded.simulation)
        also = evaluate_on_second_split(config, task, loaded.recordings, found.best, folder, terminal)
        outcome = RunReport(task, data, found, final, evaluation, beside, predictions, also)
        result = save(outcome, config, folder, run)
        if config.evaluation.figures:
            save_pictures(outcome, result, config, facts, folder, run)
    result = finalize_tracking(run, result, config, fingerprint)
    terminal.summary(result, ui_command(config.tracking))
    return result


def _tell(terminal: Terminal, run: Run) -> Callable[[int, int, Logs], None]:
    def after_epoch(member: int, epoch: int, logs: Logs) -> None:
        terminal.final_epoch(member, epoch, logs)
        run.log_epoch(member, epoch, logs)

    return after_epoch
