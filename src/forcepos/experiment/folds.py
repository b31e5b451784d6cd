"""Cross-validation: a run for each fold, all under one parent run that holds mean and spread."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forcepos.config.schema import Config, CrossValidationConfig, FixedTunerConfig
from forcepos.evaluation.metrics import Scores
from forcepos.results.pending_logs import finalize_tracking, log_unlogged, reopen
from forcepos.results.run_cache import earlier_result, run_fingerprint
from forcepos.results.run_report import repeat_result, write_result
from forcepos.results.summary import REFERENCES, headline
from forcepos.results.terminal import show_table
from forcepos.tracking.run import Run
from forcepos.tracking.track import track
from forcepos.tuning.fingerprint import search_fingerprint

log = logging.getLogger(__name__)
_OF_A_FOLD = ("run_id", "test", "baseline", "best_hyperparameters", "tracking", "outputs")


def cross_validate(
    config: Config,
    folder: Path,
    run_fold: Callable[..., dict[str, Any]],
    facts: Mapping[str, str],
    name: str,
) -> dict[str, Any]:
    """Do every fold in `folder`/fold_1, fold_2, … and write the result over all of them.

    Args:
        run_fold: is given config, folder and the parent's run id; searches and trains as any run does.
        facts: what the parent's run is tagged with.
    """
    data = facts["data_fingerprint"]
    fingerprint = run_fingerprint(config, data)
    earlier = earlier_result(config, fingerprint)
    if earlier:
        return repeat_result(earlier, folder)
    run, result = reopen(config, fingerprint) or _cross_validate(config, folder, run_fold, facts, name)
    _complete_folds(config, result["folds"], run, data)
    result = finalize_tracking(run, result, config, fingerprint, result["folds"])
    write_result(result, folder)
    return result


def _cross_validate(
    config: Config,
    folder: Path,
    run_fold: Callable[..., dict[str, Any]],
    facts: Mapping[str, str],
    name: str,
) -> tuple[Run, dict[str, Any]]:
    with track(config, name, search_fingerprint(config, facts["data_fingerprint"])) as run:
        run.log_tags(facts)
        results, folds = [], _folds(config)
        for number, fold in enumerate(folds, 1):
            log.info("fold %d of %d", number, len(folds))
            place = folder / f"fold_{number}"
            place.mkdir()
            results.append(run_fold(fold, place, parent=run))
        result = _over_folds(config, results, folder, run)
        _save(result, folder, run)
    return run, result


def _folds(config: Config) -> list[Config]:
    """The config of each fold."""
    split = config.split
    if not isinstance(split, CrossValidationConfig):
        raise TypeError(f"not a cross-validation: {split}")
    splits = [dataclasses.replace(split, fold=fold) for fold in range(1, split.folds + 1)]
    return [dataclasses.replace(config, split=fold) for fold in splits]


def _complete_folds(config: Config, results: Sequence[dict[str, Any]], run: Run, data: str) -> None:
    """Try once more to log what folds could not, now under a parent that may have got its id since."""
    for fold, result in zip(_folds(config), results, strict=True):
        if result["tracking"] == "incomplete":
            again = log_unlogged(fold, run_fingerprint(fold, data), run)
            if again:
                result.update({name: again[name] for name in ("run_id", "tracking")})


def _over_folds(config: Config, results: list[dict[str, Any]], folder: Path, run: Run) -> dict[str, Any]:
    fixed = isinstance(config.tuner, FixedTunerConfig)
    groups = [name for name in ("test", *REFERENCES) if name in results[0]]
    return {
        "run_id": run.run_id,
        **{name: _each(np.mean, [result[name] for result in results]) for name in groups},
        "spread": _each(_deviation, [result["test"] for result in results]),
        "coverage": _coverage(results),
        "folds": [{key: result[key] for key in _OF_A_FOLD} for result in results],
        "best_hyperparameters": results[0]["best_hyperparameters"] if fixed else None,
        "model_uri": None,
        "tracking": run.expected_status,
        "outputs": str(folder),
    }


def _coverage(results: list[dict[str, Any]]) -> Scores | None:
    told = [result["coverage"] for result in results if result["coverage"]]
    known = [{name: value for name, value in of.items() if name != "counted"} for of in told]
    return _each(np.mean, known) if len(known) == len(results) else None


def _each(measure: Callable[[list[float]], Any], scores: list[Scores]) -> Scores:
    """A measure over folds of each score that all folds have."""
    common = [name for name in scores[0] if all(name in fold for fold in scores)]
    return {name: float(measure([fold[name] for fold in scores])) for name in common}


def _deviation(values: list[float]) -> float:
    return float(np.std(values, ddof=1))


def _save(result: dict[str, Any], folder: Path, run: Run) -> None:
    write_result(result, folder)
    table = pd.DataFrame([fold["test"] for fold in result["folds"]])
    table.insert(0, "fold", range(1, len(table) + 1))
    table.to_csv(folder / "folds.csv", index=False)
    groups = {name: result[name] for name in ("test", "spread", "coverage", *REFERENCES) if result.get(name)}
    run.log_scores({("test_spread" if name == "spread" else name): scores for name, scores in groups.items()})
    for name in ("result.json", "folds.csv"):
        run.log_file(folder / name)
    _show(result, folder)


def _show(result: dict[str, Any], folder: Path) -> None:
    measure = headline(result["test"])
    rows = [
        {"fold": number, measure: f"{fold['test'][measure]:.4g}", "baseline": f"{fold['baseline'][measure]:.4g}"}
        for number, fold in enumerate(result["folds"], 1)
    ]
    show_table(f"Folds ({folder / 'folds.csv'})", ("fold", measure, "baseline"), rows)
    log.info("%s over folds: %.4g +- %.4g", measure, result["test"][measure], result["spread"][measure])
    log.info("outputs: %s", folder)
