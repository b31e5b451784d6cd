"""Pending logs: what the tracking store lacks of a finished run, kept in a file until the same command logs it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config
from forcepos.results.run_cache import check_result, remember_result, warn_of_earlier_versions
from forcepos.results.run_report import write_result
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import pending_logs_file
from forcepos.runtime.state_files import read_state, write_state
from forcepos.tracking.outages import ERRORS, reason
from forcepos.tracking.run import Run, Step
from forcepos.tracking.track import is_part, parent_id

log = logging.getLogger(__name__)
_LOGS_OF_PART = "tracking.json"  # all of them, in case that the store is lost before the whole is complete
_IMPOSSIBLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # from a damaged step's values


@dataclass(frozen=True)
class _Kept:
    result: dict[str, Any]
    steps: list[Step]
    tracking: dict[str, Any]
    logged: list[Step] = field(default_factory=list)  # earlier versions kept only what was lacking


def finalize_tracking(
    run: Run, result: dict[str, Any], config: Config, fingerprint: str, folds: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Update the result with what the store has of the run by now, and keep in a file what it lacks.

    Args:
        folds: their results, without which the run is not complete either.
    """
    final = _with_status(run, result, folds)
    folder = Path(result["outputs"])
    if final != result and folder.is_dir():
        write_result(final, folder)
        if final["tracking"] == "complete":
            run.log_file(folder / "result.json")
            final = _with_status(run, final, folds)
            write_result(final, folder)
    _keep(run, final, config, fingerprint)
    remember_result(fingerprint, final)
    return final


def _with_status(run: Run, result: dict[str, Any], folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    lacking = any(fold["tracking"] == "incomplete" for fold in folds)
    saved = Path(result["outputs"], "model.keras").as_uri() if result["model_uri"] else None
    return result | {
        "run_id": run.run_id,
        "model_uri": run.model_uri or saved,
        "tracking": "incomplete" if lacking else run.tracking,
    }


def _keep(run: Run, result: dict[str, Any], config: Config, fingerprint: str) -> None:
    """Keep the logs in a file until they are complete; those of a fold or a sweep's job in its folder for ever."""
    if config.tracking.name == "none":
        return
    path, folder = _path(config, fingerprint), Path(result["outputs"])
    complete = result["tracking"] == "complete"
    if not complete or (run.is_part and folder.is_dir()):
        steps = [dataclasses.asdict(step) for step in run.steps]
        lacking, logged = steps[run.done :], steps[: run.done]
        tracking = dataclasses.asdict(config.tracking)
        logs = {"tracking": tracking, "result": result, "steps": lacking, "logged": logged}
        write_state(folder / _LOGS_OF_PART if complete else path, logs)
    if complete:
        path.unlink(missing_ok=True)
    else:
        log.warning("what %s lacks of this run is kept in %s", config.tracking.uri, path)


def reopen(config: Config, fingerprint: str, parent: Run | None = None) -> tuple[Run, dict[str, Any]] | None:
    """Return a run that was finished and not logged completely, with its result; log as much as possible now.

    Raises:
        InputError: the store cannot be used, and the run is neither a fold nor a job of a sweep.
    """
    path = _path(config, fingerprint)
    if config.tracking.name == "none":
        return None
    kept = read_state(path, _Kept, "the run is done again", partial(_check, path, config))
    if kept is None:
        warn_of_earlier_versions(path.parent, "only that version can log them, with the same commands")
        return None
    run, result = _restored(kept, config)
    log.info("trained before, in %s: logging what %s lacks of it", result["outputs"], config.tracking.uri)
    try:
        if not is_part(parent):
            run.connect()
        run.resume(parent_id(parent))
    except InputError:
        raise
    except (*ERRORS, *_IMPOSSIBLE) as error:
        raise InputError(f"{path} cannot be logged: {reason(error)}; remove it to train again") from error
    return run, result


def _check(path: Path, config: Config, kept: _Kept) -> None:
    check_result(path, config, kept.result)


def _restored(kept: _Kept, config: Config) -> tuple[Run, dict[str, Any]]:
    result = kept.result
    # Only a URI of MLflow's: until it has one, it is the file in the run's folder.
    uri = result["model_uri"] if (result["model_uri"] or "").startswith("models:") else None
    steps = [*kept.logged, *kept.steps]
    return Run(config, result["run_id"], uri, steps, len(kept.logged)), result


def rejoin(config: Config, result: dict[str, Any], parent: Run | None = None) -> tuple[Run, dict[str, Any]] | None:
    """Return a completely logged fold or sweep's job whose store has been lost since, logged anew or moved.

    Its sweep or cross-validation has another run then, and lacks it.
    """
    if config.tracking.name == "none" or not is_part(parent):
        return None
    path = Path(result["outputs"], _LOGS_OF_PART)
    check = partial(_check, path, config)
    kept = read_state(path, _Kept, "what the tracking store lost of that run, it will lack", check)
    if kept is None or kept.tracking != dataclasses.asdict(config.tracking):
        return None
    run, result = _restored(kept, config)
    run.resume(parent_id(parent))
    return run, result


def log_pending(
    config: Config, fingerprint: str, parent: Run | None = None, cached: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Log what is pending of a finished run, or what its store lost, and return its result; None if nothing is."""
    opened = reopen(config, fingerprint, parent) or (rejoin(config, cached, parent) if cached else None)
    return finalize_tracking(*opened, config, fingerprint) if opened else None


def _path(config: Config, fingerprint: str) -> Path:
    return pending_logs_file(fingerprint, f"{config.tracking.uri} {config.tracking.experiment}")
