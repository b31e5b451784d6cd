"""The story of a run, from its recordings to its result."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from forcepos.config.schema import Config, CrossValidationConfig
from forcepos.data.loading import Loaded
from forcepos.evaluation.evaluate import evaluate, references
from forcepos.experiment.folds import cross_validate
from forcepos.experiment.plan import RunPlan
from forcepos.experiment.second_split import evaluate_on_second_split
from forcepos.experiment.steps import find_hyperparameters, train_model
from forcepos.models.problem import Problem
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.results.finished_runs import cached_result, refuse_result
from forcepos.results.pending_logs import finalize_tracking, log_pending
from forcepos.results.run_report import RunReport, repeat_result, save, save_pictures
from forcepos.results.terminal import Terminal
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.resources import in_sweep, jobs_at_once
from forcepos.tracking.store import ui_command
from forcepos.tracking.track import track
from forcepos.tuning.events import Events
from forcepos.tuning.search import lock_search

log = logging.getLogger(__name__)
T = TypeVar("T")


def run_experiment(config: Config, loaded: Loaded, folder: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Search, train and measure, once or for each fold; `folder` receives result, model and figures.

    Raises:
        InputError: config, device or tracking store cannot be used as they are.
    """
    plan = RunPlan(config, loaded, folder, tuple(overrides), use_device(config.training, jobs_at_once()))
    if isinstance(config.split, CrossValidationConfig) and config.split.fold is None:
        return cross_validate(plan, _run_once)
    return _run_once(plan)


def _run_once(plan: RunPlan) -> dict[str, Any]:
    return _known_result(plan) or _run(plan)


def _known_result(plan: RunPlan) -> dict[str, Any] | None:
    """Return the result of the same run from before: its tracking is completed now, or skip_finished=true."""
    with lock_search(plan.search_dir, fresh=False, wait=in_sweep()):
        cached = cached_result(plan.config, plan.fingerprint, plan.since)
        known = log_pending(plan.config, plan.fingerprint, plan.parent, cached) or cached
    return repeat_result(known, plan.folder) if known else None


def _run(plan: RunPlan) -> dict[str, Any]:
    config, folder = plan.config, plan.folder
    if plan.parent is None:  # a fold's folder may hold what an interrupted cross-validation has left
        refuse_result(folder)
    terminal, problem = Terminal(config), Problem.of(config, plan.loaded.recordings)
    with (
        lock_search(plan.search_dir, config.tuner.fresh, wait=in_sweep()),
        track(config, plan.name, plan.search_fingerprint, plan.parent) as run,
    ):
        run.log_tags(plan.facts)
        log.info("searching on %s, trials in %s", plan.device, plan.search_dir)
        events, trainer = Events(terminal, run), NetworkTrainer(problem, folder)
        search = _stage(find_hyperparameters, trainer, plan.search_dir, events)
        run.log_tags({"search.trials": str(len(search.trials)), "search.reused_trials": str(search.reused)})
        trained = _stage(train_model, trainer, search.best, events)
        report = RunReport(
            problem,
            search,
            trained,
            _stage(evaluate, problem, trained),
            _stage(references, problem, plan.loaded.simulation),
            _stage(evaluate_on_second_split, trainer, plan.loaded.recordings, search.best, Events(terminal)),
        )
        result = _stage(save, report, folder, run)
        if config.evaluation.figures:
            _stage(save_pictures, report, result, plan.facts, run)
    result = finalize_tracking(run, result, config, plan.fingerprint)
    terminal.summary(result, ui_command(config.tracking))
    return result


def _stage(work: Callable[..., T], *arguments: Any) -> T:
    """Do a stage of a run, and end the run if a library has swallowed a signal or made an error of it."""
    try:
        return work(*arguments)
    finally:
        stop_if_asked()
