"""The plan of a run, and cross-validation: a run for each fold, all under one parent run with mean and spread."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import keras
import keras_tuner
import numpy as np
import pandas as pd

from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config, CrossValidationConfig, FixedTunerConfig
from forcepos.data.loading import Loaded
from forcepos.evaluation.metrics import Scores
from forcepos.results.finished_runs import CONFIG, cached_result, refuse_result, run_fingerprint
from forcepos.results.pending_logs import finalize_tracking, log_pending, reopen
from forcepos.results.run_report import repeat_result, write_result
from forcepos.results.scores import REFERENCES, description, headline, key_metrics, log_table
from forcepos.results.terminal import show_table
from forcepos.runtime.paths import search_dir
from forcepos.tracking.description import command, provenance, run_name, swept
from forcepos.tracking.run import Run
from forcepos.tracking.track import track

log = logging.getLogger(__name__)
_OF_A_FOLD = ("run_id", "test", "baseline", "best_hyperparameters", "tracking", "outputs")
_VERSION = 2  # raise it with a change of the code after which the same trial has another score
_OF_A_TRIAL = ("epochs", "device", "deterministic", "xla", "precision")
_NOT_MEANT = ("max_trials", "max_failures", "fresh", "workers")


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
    def facts(self) -> dict[str, str]:
        """Where the run comes from: its tags in MLflow."""
        return provenance(self.device, self.loaded.recordings.fingerprint, self.overrides)

    @cached_property
    def fingerprint(self) -> str:
        """What makes two runs the same run."""
        return run_fingerprint(self.config, self.loaded.recordings.fingerprint)

    @cached_property
    def search_dir(self) -> Path:
        """Where the search keeps its trials; named by what makes two searches the same search."""
        return search_dir(search_fingerprint(self.config, self.loaded.recordings.fingerprint))


def search_fingerprint(config: Config, data_fingerprint: str) -> str:
    """Return twelve hexadecimal digits over everything that changes what a trial means.

    `tuner.max_trials` is left out, so that raising it extends a search; so are max_failures, fresh and workers.
    """
    values = values_with_plugins(config)
    meaning = {
        "data": data_fingerprint,
        "tuner": {key: value for key, value in values["tuner"].items() if key not in _NOT_MEANT},
        "training": {key: values["training"][key] for key in _OF_A_TRIAL},
        "versions": [_VERSION, keras.__version__, keras_tuner.__version__],
        **({"reader": values["data"]["plugin"]} if "plugin" in values["data"] else {}),
        **{key: values[key] for key in ("seed", "split", "sectors", "model")},
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:12]


def cross_validate(plan: RunPlan, run_fold: Callable[[RunPlan], dict[str, Any]]) -> dict[str, Any]:
    """Do every fold in the run's folder, in fold_1, fold_2, …, and write the result over all of them.

    Args:
        run_fold: searches and trains as any run does.
    """
    config, folder = plan.config, plan.folder
    cached = cached_result(config, plan.fingerprint)
    opened = reopen(config, plan.fingerprint, cached=cached)
    if cached and not opened:
        return repeat_result(cached, folder)
    run, result = opened or _cross_validate(plan, run_fold)
    for fold, part in zip(_folds(config), result["folds"], strict=True):
        if part["tracking"] == "incomplete" or run.anew:  # try once more, or the store lost their parent
            again = log_pending(fold, replace(plan, config=fold).fingerprint, run, part)
            if again:
                part.update({name: again[name] for name in ("run_id", "tracking")})
    result = finalize_tracking(run, result, config, plan.fingerprint)
    write_result(result, folder)
    return result


def _cross_validate(plan: RunPlan, run_fold: Callable[[RunPlan], dict[str, Any]]) -> tuple[Run, dict[str, Any]]:
    refuse_result(plan.folder)
    begun = plan.search_dir.with_name(f"{plan.fingerprint}.begun")  # as old as this cross-validation
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.open("a").close()
    since, name = str(begun.stat().st_mtime), run_name(plan.config, plan.overrides)
    with track(plan.config, name, plan.search_dir.name, swept=swept(plan.overrides)) as run:
        run.log_tags(plan.facts)
        run.log_file(plan.folder / CONFIG)
        results, folds = [], _folds(plan.config)
        for number, fold in enumerate(folds, 1):
            log.info("fold %d of %d", number, len(folds))
            folder = plan.folder / f"fold_{number}"
            folder.mkdir(exist_ok=True)  # by the same run, before it was killed
            results.append(run_fold(replace(plan, config=fold, folder=folder, parent=run, since=since)))
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
    ratios = [{name: value for name, value in each.items() if name != "counted"} for each in coverage]
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
    write_result(result, folder)
    table = pd.DataFrame([fold["test"] for fold in result["folds"]])
    table.insert(0, "fold", range(1, len(table) + 1))
    table.to_csv(folder / "folds.csv", index=False)
    run.log_scores(key_metrics(result))
    log_table(result, folder, run)
    for name in ("result.json", "folds.csv"):
        run.log_file(folder / name)
    measure = headline(result["test"])
    rows = [
        {"fold": number, measure: f"{fold['test'][measure]:.4g}", "baseline": f"{fold['baseline'][measure]:.4g}"}
        for number, fold in enumerate(result["folds"], 1)
    ]
    show_table(f"Folds ({folder / 'folds.csv'})", ("fold", measure, "baseline"), rows)
    log.info("%s over folds: %.4g +- %.4g", measure, result["test"][measure], result["spread"][measure])
    log.info("outputs: %s", folder)
