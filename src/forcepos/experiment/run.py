"""The story of a run, from its recordings to its result, and its steps; in a cross-validation, of every fold."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar, cast

import keras
import keras_tuner
import numpy as np
import pandas as pd

from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config, CrossValidationConfig, FixedTunerConfig
from forcepos.data.loading import Loaded
from forcepos.data.simulation.simulation import Simulation
from forcepos.data.splits.held_out import harder_split
from forcepos.evaluation.evaluate import evaluate, references
from forcepos.evaluation.metrics import Scores
from forcepos.experiment.inputs import given_hyperparameters, source_folder, with_known_seconds
from forcepos.experiment.trial_ensemble import CANDIDATES, combine_trials, train_trials
from forcepos.models.architectures.architecture import search_space
from forcepos.models.final import TrainedModel, train_final
from forcepos.models.networks import load_networks
from forcepos.models.problem import Problem
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.results import finished_runs, pending_logs, report_page, scores
from forcepos.results.run_report import RunReport, Scored, save, save_result
from forcepos.results.terminal import Terminal, show_table
from forcepos.runtime.errors import ImpossibleNetwork, InputError, TrialFailure
from forcepos.runtime.files import write_json
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.resources import in_sweep, jobs_at_once
from forcepos.tracking.description import command, provenance, run_name, swept
from forcepos.tracking.run import Run
from forcepos.tracking.track import track
from forcepos.tracking.ui import ui_address
from forcepos.tuning.checkpoints import remove_checkpoints
from forcepos.tuning.search import SearchResult, lock_search, search
from forcepos.tuning.trials import Events, Values
from forcepos.tuning.tuner import SearchSpec, Tuner
from forcepos.tuning.workers import SharedSearch, WorkerPool

log = logging.getLogger(__name__)
_VERSION = 2  # raise it with a change of the code after which the same trial has another score
_OF_A_TRIAL = {"epochs", "device", "deterministic", "xla", "precision", "pretrain", "offset_noise"}
_NOT_MEANT = ("max_trials", "max_failures", "fresh", "workers", "minutes")
_OF_A_FOLD = ("run_id", "test", "baseline", "best_hyperparameters", "tracking", "outputs")
T = TypeVar("T")


@dataclass(frozen=True)
class RunPlan:
    """One run, or one fold of a cross-validation."""

    config: Config
    loaded: Loaded
    folder: Path  # receives result, model and figures
    overrides: tuple[str, ...]  # of the command line
    device: str  # that training runs on, in words
    parent: Run | None = None  # the run of the cross-validation that this one is a fold of
    since: str | None = None  # when that began, for `cached_result`

    @cached_property
    def facts(self) -> dict[str, str]:  # where the run comes from: its tags in MLflow
        return provenance(self.device, self.loaded.recordings.fingerprint, self.overrides)

    @cached_property
    def fingerprint(self) -> str:  # equal for two runs that are the same
        return finished_runs.run_fingerprint(self.config, self.loaded.recordings.fingerprint)

    @cached_property
    def search_dir(self) -> Path:  # where the search keeps its trials
        return Path.cwd() / "outputs/search" / search_fingerprint(self.config, self.loaded.recordings.fingerprint)


def search_fingerprint(config: Config, data_fingerprint: str) -> str:
    """Return twelve digits over all that changes what a trial means; raising max_trials extends a search."""
    values = values_with_plugins(config)
    if config.evaluation.calibration != "part":  # then no sample is set aside that might validate
        values["split"]["calibration_ratio"] = 0.0
    meaning = {
        "data": data_fingerprint,
        "tuner": {key: value for key, value in values["tuner"].items() if key not in _NOT_MEANT},
        "training": {key: values["training"][key] for key in values["training"].keys() & _OF_A_TRIAL},
        "versions": [_VERSION, keras.__version__, keras_tuner.__version__],
        # Executions after the first validated on the same recordings in earlier versions: other scores.
        **({"executions": "rotate"} if config.tuner.executions_per_trial > 1 and not config.split.leaks else {}),
        **({"reader": values["data"]["plugin"]} if "plugin" in values["data"] else {}),
        **{key: values[key] for key in ("seed", "split", "sectors", "model")},
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:12]


def run_experiment(config: Config, loaded: Loaded, folder: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Search, train and measure, once or for each fold; `folder` receives result, model and figures."""
    config = with_known_seconds(config, loaded.recordings.rate_hz)
    plan = RunPlan(config, loaded, folder, tuple(overrides), use_device(config.training, jobs_at_once()))
    if isinstance(config.split, CrossValidationConfig) and config.split.fold is None:
        return _run_folds(plan)
    return _run_once(plan)


def _run_once(plan: RunPlan) -> dict[str, Any]:
    """Run, unless the same run has a result: its tracking is completed now, or skip_finished=true."""
    with lock_search(plan.search_dir, fresh=False, wait=in_sweep()):
        cached = finished_runs.cached_result(plan.config, plan.fingerprint, plan.since)
        known = pending_logs.log_pending(plan.config, plan.fingerprint, plan.parent, cached) or cached
    return finished_runs.repeat_result(known, plan.folder) if known else _run(plan)


def _run(plan: RunPlan) -> dict[str, Any]:
    config, folder = plan.config, plan.folder
    if plan.parent is None:  # a fold's folder may hold what an interrupted cross-validation has left
        finished_runs.refuse_result(folder)
    problem = Problem.of(config, plan.loaded.recordings)
    start = load_networks(source_folder(config) / finished_runs.MODEL) if config.training.pretrain else []
    with (
        lock_search(plan.search_dir, config.tuner.fresh, wait=in_sweep()),
        _tracked(plan) as run,
        Terminal(config, len(problem.split.train)) as terminal,
    ):
        log.info("searching on %s, trials in %s", plan.device, plan.search_dir)
        trainer, events, others = NetworkTrainer(problem, folder, start), Events(terminal, run), Events(terminal)
        search = _stage(find_hyperparameters, trainer, plan.search_dir, events)
        run.log_tags({"search.trials": str(len(search.trials)), "search.reused_trials": str(search.reused)})
        if config.training.ensemble == "trials":
            trained, search = _stage(combine_trials, trainer, plan.search_dir, search, others)
        else:
            trained = _stage(train_model, trainer, search.best, events, "final training")
        scored = _stage(measure, problem, trained, others, plan.loaded.simulation)
        second = _stage(measure_second_split, plan, trainer, search, others)
        report = RunReport(scored, search, second, events.seconds | others.seconds)
        result = _stage(save, report, folder, run)
        run.log_description(scores.description(result, config, command(plan.overrides)))
        if config.evaluation.figures:
            with others.phase("figures", 0):
                _stage(report_page.save_pictures, report, result, plan.facts, run)
        remove_checkpoints(plan.search_dir)
    result = pending_logs.finalize_tracking(run, result, config, plan.fingerprint)
    terminal.summary(result, ui_address(config.tracking, run.run_id))
    return result


@contextmanager
def _tracked(plan: RunPlan) -> Iterator[Run]:
    """Track what happens inside as the run of this plan."""
    name, varied = run_name(plan.config, plan.overrides), swept(plan.overrides)
    with track(plan.config, name, plan.search_dir.name, plan.parent, varied) as run:
        run.log_tags(plan.facts)
        if (own := plan.folder / finished_runs.CONFIG).is_file():  # not in a fold's
            run.log_file(own, "config")  # beside result.json, the copy would pass for a run's folder
        yield run


def _stage(work: Callable[..., T], *arguments: Any) -> T:
    """Do a stage of a run, and end the run if a library has swallowed a signal or made an error of it."""
    try:
        return work(*arguments)
    finally:
        stop_if_asked()


def find_hyperparameters(trainer: NetworkTrainer, directory: Path, events: Events) -> SearchResult:
    """Search for the best hyperparameters in `directory`, or return those that are given."""
    config = trainer.problem.config
    if given := given_hyperparameters(config):
        return SearchResult(given, None, (), 0)
    declare = search_space(config.model)
    networks = CANDIDATES if config.training.ensemble == "trials" else 0
    tuner, epochs = cast("Tuner", config.tuner), config.training.epochs
    spec = SearchSpec(tuner, declare, directory, config.seed, epochs, networks)
    with events.phase("search", (tuner.max_trials or 0) * tuner.executions_per_trial * epochs):
        if tuner.workers > 1:
            found = WorkerPool(SharedSearch(spec, trainer.problem, trainer.folder), events).search()
        else:
            found = search(spec, trainer.execute, events)
    if found.reused:
        log.info("reused %d of %d trials from an earlier run", found.reused, len(found.trials))
    return found


def train_model(trainer: NetworkTrainer, best: Values, events: Events, phase: str) -> TrainedModel:
    """Train the final model as a phase of the run; refuse one that cannot be built, or diverges (InputError)."""
    config, training = trainer.problem.config, trainer.problem.config.training
    try:
        with events.phase(phase, training.final_epochs * training.ensemble):
            return train_final(trainer, best, events.final_epoch_ended, events.fold_epoch_ended)
    except TrialFailure as failure:
        given = config.tuner.hyperparameters if isinstance(config.tuner, FixedTunerConfig) else None
        rest = "training.final_epochs, which keeps the trials of this search, or model.space.lr.max"
        remedy = f"lower {f'lr in {given}' if given else rest}"
        if isinstance(failure, ImpossibleNetwork):
            remedy = f"choose smaller networks in {given or 'model.space'}"
        raise InputError(f"{phase} with lr={best['lr']:g} failed: {failure}; {remedy}") from failure


def measure(problem: Problem, trained: TrainedModel, events: Events, simulation: Simulation | None) -> Scored:
    """Score a model and, as a phase of the run, the references on the same test samples."""
    evaluation = evaluate(problem, trained)
    with events.phase("baselines", 0):
        return Scored(problem, trained, evaluation, references(problem, simulation))


def measure_second_split(
    plan: RunPlan, trainer: NetworkTrainer, found: SearchResult, events: Events
) -> Scored | None:
    """Train and score what was found on the split of `evaluation.also`; None if it is the run's or impossible."""
    config, name = plan.config, plan.config.evaluation.also
    if name is None or (split := harder_split(config.split, name)) is None:
        return None
    try:
        problem = Problem.of(replace(config, split=split), plan.loaded.recordings)
    except InputError as error:
        log.warning("no score on evaluation.also=%s: %s", name, error)
        return None
    others = NetworkTrainer(problem, trainer.folder / name, trainer.pretrained)
    phase = f"training for split={name}"
    if found.ensemble:
        return measure(problem, train_trials(others, found, events, phase), events, None)
    return measure(problem, train_model(others, found.best, events, phase), events, None)


def _run_folds(plan: RunPlan) -> dict[str, Any]:
    """Do every fold in the run's folder, in fold_1, fold_2, …, all under one parent run with mean and spread."""
    config, folder = plan.config, plan.folder
    cached = finished_runs.cached_result(config, plan.fingerprint)
    opened = pending_logs.reopen(config, plan.fingerprint, cached=cached)
    if cached and not opened:
        return finished_runs.repeat_result(cached, folder)
    run, result = opened or _cross_validate(plan)
    for fold, part in zip(_folds(config), result["folds"], strict=True):
        if part["tracking"] == "incomplete" or run.anew:  # try once more, or the store lost their parent
            again = pending_logs.log_pending(fold, replace(plan, config=fold).fingerprint, run, part) or part
            part.update({name: again[name] for name in ("run_id", "tracking")})
    result = pending_logs.finalize_tracking(run, result, config, plan.fingerprint)
    write_json(folder / "result.json", result)
    return result


def _folds(config: Config) -> list[Config]:
    split = cast("CrossValidationConfig", config.split)
    return [replace(config, split=replace(split, fold=fold)) for fold in range(1, split.folds + 1)]


def _cross_validate(plan: RunPlan) -> tuple[Run, dict[str, Any]]:
    finished_runs.refuse_result(plan.folder)
    begun = plan.search_dir.with_name(f"{plan.fingerprint}.begun")  # as old as this cross-validation
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.open("a").close()
    since, results, folds = str(begun.stat().st_mtime), [], _folds(plan.config)
    with _tracked(plan) as run:
        for number, fold in enumerate(folds, 1):
            log.info("fold %d of %d", number, len(folds))
            folder = plan.folder / f"fold_{number}"
            folder.mkdir(exist_ok=True)  # by the same run, before it was killed
            results.append(_run_once(replace(plan, config=fold, folder=folder, parent=run, since=since)))
        result = _over_folds(plan, results, run)
        _save_folds(result, plan.folder, run)
        run.log_description(scores.description(result, plan.config, command(plan.overrides)))
    begun.unlink(missing_ok=True)
    return run, result


def _over_folds(plan: RunPlan, results: list[dict[str, Any]], run: Run) -> dict[str, Any]:
    fixed = isinstance(plan.config.tuner, FixedTunerConfig)
    groups = [name for name in ("test", *scores.REFERENCES) if name in results[0]]
    coverage = [result["coverage"] or {} for result in results]
    ratios = [{name: value for name, value in each.items() if not isinstance(value, str)} for each in coverage]
    return {
        "run_id": run.run_id,
        **{name: _each(np.mean, [result[name] for result in results]) for name in groups},
        "spread": _each(partial(np.std, ddof=1), [result["test"] for result in results]),
        "coverage": _each(np.mean, ratios) or None,
        "folds": [{key: result[key] for key in _OF_A_FOLD} for result in results],
        "objective": float(np.mean([result["objective"] for result in results])),
        "best_hyperparameters": results[0]["best_hyperparameters"] if fixed else None,
        "model_uri": None,
        "tracking": run.expected_status,
        "outputs": str(plan.folder),
    }


def _each(measure: Callable[[list[Any]], Any], folds: list[Scores]) -> Scores:
    """Summarise over folds each score that all folds have; None where one of them has it undefined."""
    common = {name: [fold[name] for fold in folds] for name in folds[0] if all(name in fold for fold in folds)}
    return {name: None if None in values else float(measure(values)) for name, values in common.items()}


def _save_folds(result: dict[str, Any], folder: Path, run: Run) -> None:
    table, measure = folder / "folds.csv", scores.headline(result["test"])
    of_folds = pd.DataFrame([fold["test"] for fold in result["folds"]], range(1, len(result["folds"]) + 1))
    of_folds.to_csv(table, index_label="fold")
    run.log_file(table)
    save_result(result, folder, run)
    shown = of_folds[[measure]].assign(baseline=[fold["baseline"][measure] for fold in result["folds"]])
    rows: list[dict[Any, Any]] = shown.map("{:.4g}".format).reset_index(names="fold").to_dict("records")
    show_table(f"Folds ({table})", rows)
    log.info("%s over folds: %.4g +- %.4g", measure, result["test"][measure], result["spread"][measure])
    log.info("outputs: %s", folder)
