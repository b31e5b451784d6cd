"""What is known of a finished run and not yet in its store: kept in a file, and logged by the same command."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config
from forcepos.results.run_cache import remember_result
from forcepos.results.run_report import write_result
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import write_json
from forcepos.runtime.paths import unlogged_file
from forcepos.tracking.outages import ERRORS, reason
from forcepos.tracking.run import Run, Step, TrackedRun
from forcepos.tracking.track import is_part, parent_id

log = logging.getLogger(__name__)


def finalize_tracking(
    run: Run, result: dict[str, Any], config: Config, fingerprint: str, parts: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The result with what the store has of the run by now; what it does not have is kept in a file.

    Args:
        parts: results of the folds, without which the run is not complete either.
    """
    told = _told(run, result, parts)
    folder = Path(result["outputs"])
    if told != result and folder.is_dir():
        write_result(told, folder)
        if told["tracking"] == "complete":
            run.log_file(folder / "result.json")
            told = _told(run, told, parts)
            write_result(told, folder)
    _keep(run, told, config, fingerprint)
    remember_result(fingerprint, told)
    return told


def _told(run: Run, result: dict[str, Any], parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    lacking = any(part["tracking"] == "incomplete" for part in parts)
    return result | {
        "run_id": run.run_id,
        "model_uri": run.model_uri or result["model_uri"],
        "tracking": "incomplete" if lacking else run.tracking,
    }


def _keep(run: Run, result: dict[str, Any], config: Config, fingerprint: str) -> None:
    if not isinstance(run, TrackedRun):
        return
    path = _path(config, fingerprint)
    if result["tracking"] == "complete":
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = [dataclasses.asdict(step) for step in run.kept]
    write_json(path, {"tracking": dataclasses.asdict(config.tracking), "result": result, "steps": steps})
    log.warning("what %s lacks of this run is kept in %s", config.tracking.uri, path)


def reopen(
    config: Config, fingerprint: str, parent: Run | None = None
) -> tuple[TrackedRun, dict[str, Any]] | None:
    """A run that was finished and not logged completely, with its result; as much as possible is logged now.

    Raises:
        InputError: the store cannot be used, and the run is no part of something larger.
    """
    path = _path(config, fingerprint)
    if config.tracking.name == "none" or not path.is_file():
        return None
    kept = json.loads(path.read_text())
    result = kept["result"]
    steps = [Step(**step) for step in kept["steps"]]
    # Only what MLflow gave it: before, it is the file in the run's folder.
    uri = result["model_uri"] if (result["model_uri"] or "").startswith("models:") else None
    run = TrackedRun(config, result["run_id"], uri, steps)
    log.info("trained before, in %s: what %s lacks of it is logged now", result["outputs"], config.tracking.uri)
    try:
        if not is_part(parent):
            run.connect()
        run.resume(parent_id(parent))
    except InputError:
        raise
    except ERRORS as error:
        raise InputError(f"{path} cannot be logged: {reason(error)}; remove it to train again") from error
    return run, result


def log_unlogged(config: Config, fingerprint: str, parent: Run | None = None) -> dict[str, Any] | None:
    """The result of such a run, None where there is none."""
    opened = reopen(config, fingerprint, parent)
    return finalize_tracking(*opened, config, fingerprint) if opened else None


def _path(config: Config, fingerprint: str) -> Path:
    return unlogged_file(fingerprint, f"{config.tracking.uri} {config.tracking.experiment}")
