"""One run, or cross-validation: a run for each fold, all under one parent run with mean and spread."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from forcepos.config.schema import Config, CrossValidationConfig, FixedTunerConfig
from forcepos.data.loading import Loaded
from forcepos.evaluation.metrics import Scores
from forcepos.experiment.inputs import with_known_seconds
from forcepos.experiment.run import RunPlan, run_once
from forcepos.models.training.device import use_device
from forcepos.results import finished_runs, pending_logs
from forcepos.results.run_report import log_table
from forcepos.results.scores import REFERENCES, description, headline, key_metrics
from forcepos.results.terminal import show_table
from forcepos.runtime.files import write_json
from forcepos.runtime.resources import jobs_at_once
from forcepos.tracking.description import command, run_name, swept
from forcepos.tracking.run import Run
from forcepos.tracking.track import track

log = logging.getLogger(__name__)
_OF_A_FOLD = ("run_id", "test", "baseline", "best_hyperparameters", "tracking", "outputs")


def run_experiment(config: Config, loaded: Loaded, folder: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Search, train and measure, once or for each fold; `folder` receives result, model and figures."""
    config = with_known_seconds(config, loaded.recordings.rate_hz)
    plan = RunPlan(config, loaded, folder, tuple(overrides), use_device(config.training, jobs_at_once()))
    if isinstance(config.split, CrossValidationConfig) and config.split.fold is None:
        return _run_folds(plan)
    return run_once(plan)


def _run_folds(plan: RunPlan) -> dict[str, Any]:
    """Do every fold in the run's folder, in fold_1, fold_2, …, and write the result over all of them."""
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


def _cross_validate(plan: RunPlan) -> tuple[Run, dict[str, Any]]:
    finished_runs.refuse_result(plan.folder)
    begun = plan.search_dir.with_name(f"{plan.fingerprint}.begun")  # as old as this cross-validation
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.open("a").close()
    since, name = str(begun.stat().st_mtime), run_name(plan.config, plan.overrides)
    with track(plan.config, name, plan.search_dir.name, swept=swept(plan.overrides)) as run:
        run.log_tags(plan.facts)
        run.log_file(plan.folder / finished_runs.CONFIG)
        results, folds = [], _folds(plan.config)
        for number, fold in enumerate(folds, 1):
            log.info("fold %d of %d", number, len(folds))
            folder = plan.folder / f"fold_{number}"
            folder.mkdir(exist_ok=True)  # by the same run, before it was killed
            results.append(run_once(replace(plan, config=fold, folder=folder, parent=run, since=since)))
        result = _over_folds(plan, results, run)
        _save(result, plan.folder, run)
        run.log_description(description(result, plan.config, command(plan.overrides)))
    begun.unlink(missing_ok=True)
    return run, result


def _folds(config: Config) -> list[Config]:
    split = cast("CrossValidationConfig", config.split)
    return [replace(config, split=replace(split, fold=fold)) for fold in range(1, split.folds + 1)]


def _over_folds(plan: RunPlan, results: list[dict[str, Any]], run: Run) -> dict[str, Any]:
    fixed = isinstance(plan.config.tuner, FixedTunerConfig)
    groups = [name for name in ("test", *REFERENCES) if name in results[0]]
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


def _each(measure: Callable[[list[Any]], Any], scores: list[Scores]) -> Scores:
    """Summarise over folds each score that all folds have; None where one of them has it undefined."""
    common = {name: [fold[name] for fold in scores] for name in scores[0] if all(name in fold for fold in scores)}
    return {name: None if None in values else float(measure(values)) for name, values in common.items()}


def _save(result: dict[str, Any], folder: Path, run: Run) -> None:
    write_json(folder / "result.json", result)
    table = pd.DataFrame([fold["test"] for fold in result["folds"]], range(1, len(result["folds"]) + 1))
    table.to_csv(folder / "folds.csv", index_label="fold")
    run.log_scores(key_metrics(result))
    log_table(result, folder, run)
    for name in ("result.json", "folds.csv"):
        run.log_file(folder / name)
    measure = headline(result["test"])
    shown = table[[measure]].assign(baseline=[fold["baseline"][measure] for fold in result["folds"]])
    rows: list[dict[Any, Any]] = shown.map("{:.4g}".format).reset_index(names="fold").to_dict("records")
    show_table(f"Folds ({folder / 'folds.csv'})", rows)
    log.info("%s over folds: %.4g +- %.4g", measure, result["test"][measure], result["spread"][measure])
    log.info("outputs: %s", folder)
