"""The story of a run: recordings, samples, split, search, final model, evaluation, MLflow."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from forcepos.config import Config, FixedTunerConfig
from forcepos.data.checks import check
from forcepos.data.loading import Loaded, load_recordings
from forcepos.data.sectors import make_sectors
from forcepos.evaluation.evaluate import evaluate, oracle_scores
from forcepos.finished import earlier_result, remember_result, run_fingerprint
from forcepos.models.device import use_device
from forcepos.models.networks import declare_space
from forcepos.models.prediction import predict
from forcepos.models.preparation import prepare
from forcepos.models.tasks import make_task
from forcepos.models.trainer import NetworkTrainer
from forcepos.paths import search_dir
from forcepos.provenance import code_version, package_versions, user_name
from forcepos.results import Outcome, save, write_result
from forcepos.terminal import Terminal
from forcepos.tracking.run import Run, track
from forcepos.tracking.store import read_hyperparameters as read_run
from forcepos.tracking.store import ui_command
from forcepos.tuning.fingerprint import search_fingerprint
from forcepos.tuning.given import check_hyperparameters, read_hyperparameters
from forcepos.tuning.search import Found, claim, search
from forcepos.tuning.trials import Logs

log = logging.getLogger(__name__)

_NAMED_ANYWAY = ("model", "tuner", "split", "seed", "skip_finished", "tuner.fresh", "tracking.uri")


def run_experiment(config: Config, folder: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """One run from config to result; `folder` receives result, model and figures.

    Raises:
        InputError: config, data or device cannot be used as they are.
    """
    device = use_device(config.training)
    loaded = load_recordings(config.data)
    for warning in check(loaded.recordings, config.model.window):
        log.warning("%s", warning)
    fingerprint = run_fingerprint(config, loaded.recordings.fingerprint)
    earlier = earlier_result(fingerprint) if config.skip_finished else None
    if earlier:
        log.info("finished before, in %s", earlier["outputs"])
        write_result(earlier, folder)
        return earlier
    result = _run(config, folder, loaded, device, overrides)
    remember_result(fingerprint, result)
    return result


def _run(config: Config, folder: Path, loaded: Loaded, device: str, overrides: Sequence[str]) -> dict[str, Any]:
    task = make_task(config.model, make_sectors(config.sectors))
    data = prepare(config, loaded.recordings, task)
    trainer = NetworkTrainer(config, task, data, folder)
    terminal = Terminal(config)
    fingerprint = search_fingerprint(config, loaded.recordings.fingerprint)
    trials = search_dir(fingerprint)
    with claim(trials, config.tuner.fresh), track(config, _name(config, overrides), fingerprint) as run:
        run.log_tags(_provenance(device, loaded.recordings.fingerprint, overrides))
        log.info("searching on %s, trials in %s", device, trials)
        found = _find(config, trainer, trials, terminal, run)
        run.log_tags({"search.trials": str(found.trials), "search.reused_trials": str(found.reused)})
        model, history = _train_final(config, trainer, found, terminal, run)
        evaluation = evaluate(task, data, predict(model, data, data.split.test))
        if loaded.simulation is not None and config.evaluation.oracle:
            evaluation.oracles.update(oracle_scores(task, data, loaded.simulation))
        result = save(Outcome(task, data, found, model, history, evaluation), config, folder, run)
    terminal.summary(result, ui_command(config.tracking))
    return result


def _find(config: Config, trainer: NetworkTrainer, trials: Path, terminal: Terminal, run: Run) -> Found:
    """The best hyperparameters: given, or searched for."""
    declare = partial(declare_space, config=config.model)
    if isinstance(config.tuner, FixedTunerConfig):
        source = config.tuner.hyperparameters
        given = (
            read_run(config.tracking, source)
            if source.startswith("runs:/")
            else read_hyperparameters(Path(source))
        )
        return Found(check_hyperparameters(given, declare, source), None, 0, 0)
    with terminal.search():
        found = search(
            config.tuner, declare, trainer.trial, trials, config.seed, config.training.epochs, [terminal, run]
        )
    if found.reused:
        log.info("%d of %d trials were there from an earlier run", found.reused, found.trials)
    return found


def _train_final(
    config: Config, trainer: NetworkTrainer, found: Found, terminal: Terminal, run: Run
) -> tuple[Any, list[Logs]]:
    def after_epoch(epoch: int, logs: Logs) -> None:
        terminal.final_epoch(epoch, logs)
        run.log_epoch(epoch, logs)

    with terminal.phase("final training", config.training.final_epochs):
        return trainer.final(found.best, after_epoch)


def _name(config: Config, overrides: Sequence[str]) -> str:
    """What was chosen, for the list of runs: the usual choices, and any other value that was set."""
    others = [override for override in overrides if override.lstrip("+").split("=")[0] not in _NAMED_ANYWAY]
    return " ".join([config.model.name, config.tuner.name, config.split.name, f"seed={config.seed}", *others])


def _provenance(device: str, data: str, overrides: Sequence[str]) -> dict[str, str]:
    return {
        "overrides": " ".join(overrides),
        "code_version": code_version(),
        # What the UI's own columns show.
        "mlflow.source.name": " ".join(["python -m forcepos", *overrides]),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": user_name(),
        "data_fingerprint": data,
        "device": device,
        **{f"version.{name}": version for name, version in package_versions().items()},
    }
