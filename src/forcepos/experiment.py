"""The story of a run: recordings, samples, split, search, final model, evaluation, MLflow."""

from __future__ import annotations

import getpass
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forcepos.config import Config
from forcepos.data.checks import check
from forcepos.data.loading import load_recordings
from forcepos.data.sectors import make_sectors
from forcepos.evaluation.evaluate import evaluate, oracle_scores
from forcepos.models.networks import declare_space
from forcepos.models.preparation import prepare
from forcepos.models.tasks import make_task
from forcepos.models.trainer import NetworkTrainer
from forcepos.models.training import predict, use_device
from forcepos.paths import search_dir
from forcepos.provenance import code_version, package_versions
from forcepos.results import Outcome, save
from forcepos.terminal import Terminal
from forcepos.tracking import Run, track, ui_command
from forcepos.tuning.fingerprint import search_fingerprint
from forcepos.tuning.search import Found, search

log = logging.getLogger(__name__)


def run_experiment(config: Config, folder: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """One run from config to result; `folder` receives result, model and figures.

    Raises:
        InputError: config, data or device cannot be used as they are.
    """
    device = use_device(config.training)
    loaded = load_recordings(config.data)
    for warning in check(loaded.recordings, config.model.window):
        log.warning("%s", warning)
    task = make_task(config.model, make_sectors(config.sectors))
    data = prepare(config, loaded.recordings, task)
    fingerprint = search_fingerprint(config, loaded.recordings.fingerprint)
    trainer = NetworkTrainer(config, task, data, folder)
    terminal = Terminal(config)
    with track(config, _name(config)) as run:
        run.log_tags(_provenance(device, fingerprint, loaded.recordings.fingerprint, overrides))
        log.info("searching on %s, trials in %s", device, search_dir(fingerprint))
        found = _search(config, trainer, fingerprint, terminal, run)
        model, history = _train_final(config, trainer, found, terminal, run)
        evaluation = evaluate(task, data, predict(model, data, data.split.test))
        if loaded.simulation is not None and config.evaluation.oracle:
            evaluation.oracles.update(oracle_scores(task, data, loaded.simulation))
        result = save(Outcome(task, data, found, model, history, evaluation), config, folder, run)
    terminal.summary(result, ui_command(config.tracking))
    return result


def _search(config: Config, trainer: NetworkTrainer, fingerprint: str, terminal: Terminal, run: Run) -> Found:
    tuner = config.tuner
    with terminal.phase("search", tuner.max_trials * tuner.executions_per_trial * config.training.epochs):
        found = search(
            tuner,
            lambda hp: declare_space(hp, config.model),
            trainer.trial,
            search_dir(fingerprint),
            config.seed,
            [terminal, run],
        )
    if found.reused:
        log.info("%d of %d trials were there from an earlier run", found.reused, found.trials)
    run.log_tags({"search.trials": str(found.trials), "search.reused_trials": str(found.reused)})
    return found


def _train_final(
    config: Config, trainer: NetworkTrainer, found: Found, terminal: Terminal, run: Run
) -> tuple[Any, list[dict[str, float]]]:
    def after_epoch(epoch: int, logs: dict[str, float]) -> None:
        terminal.final_epoch(epoch, logs)
        run.log_epoch(epoch, logs)

    with terminal.phase("final training", config.training.final_epochs):
        return trainer.final(found.best, after_epoch)


def _name(config: Config) -> str:
    """What was chosen, for the list of runs."""
    return f"{config.model.name} {config.tuner.name} {config.split.name} seed={config.seed}"


def _provenance(device: str, search: str, data: str, overrides: Sequence[str]) -> dict[str, str]:
    return {
        "overrides": " ".join(overrides),
        "code_version": code_version(),
        # What the UI's own columns show.
        "mlflow.source.name": " ".join(["python -m forcepos", *overrides]),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": getpass.getuser(),
        "data_fingerprint": data,
        "search": search,
        "device": device,
        **{f"version.{name}": version for name, version in package_versions().items()},
    }
