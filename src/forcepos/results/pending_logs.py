"""Pending logs: what the tracking store lacks of a finished run, kept in a file until the same command logs it."""

import dataclasses
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config
from forcepos.results.finished_runs import check_result, warn_of_earlier_versions
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import read_state, write_json, write_state
from forcepos.runtime.paths import finished_file, pending_logs_file
from forcepos.tracking.outages import ERRORS, reason
from forcepos.tracking.run import Run
from forcepos.tracking.steps import Step

log = logging.getLogger(__name__)
_LOGS_OF_PART = "tracking.json"  # all of them, in case that the store is lost before the whole is complete
_IMPOSSIBLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # from a damaged step's values


@dataclass(frozen=True)
class _Kept:
    result: dict[str, Any]
    steps: list[Step]
    tracking: dict[str, Any]
    logged: list[Step] = field(default_factory=list)  # earlier versions kept only what was lacking


def finalize_tracking(run: Run, result: dict[str, Any], config: Config, fingerprint: str) -> dict[str, Any]:
    """Update the result with what the store has of the run and its folds, and keep in a file what it lacks."""
    final, path = _with_status(run, result), Path(result["outputs"], "result.json")
    if final != result and path.parent.is_dir():
        write_json(path, final)
        if final["tracking"] == "complete":
            run.log_file(path)
            final = _with_status(run, final)
            write_json(path, final)
    if config.tracking.name != "none":
        _keep(run, final, config, _path(config, fingerprint))
    write_state(finished_file(fingerprint), final)
    return final


def _with_status(run: Run, result: dict[str, Any]) -> dict[str, Any]:
    lacking = any(fold["tracking"] == "incomplete" for fold in result.get("folds", ()))
    saved = Path(result["outputs"], "model.keras").as_uri() if result["model_uri"] else None
    tracking = "incomplete" if lacking else run.tracking
    return result | {"run_id": run.run_id, "model_uri": run.model_uri or saved, "tracking": tracking}


def _keep(run: Run, result: dict[str, Any], config: Config, path: Path) -> None:
    """Keep the logs in a file until they are complete; those of a fold or a sweep's job in its folder for ever."""
    complete, folder = result["tracking"] == "complete", Path(result["outputs"])
    of_a_part = any(step.arguments["parent"] for step in run.steps if step.name == "start")
    if not complete or (of_a_part and folder.is_dir()):
        kept = _Kept(result, run.steps[run.done :], dataclasses.asdict(config.tracking), run.steps[: run.done])
        write_state(folder / _LOGS_OF_PART if complete else path, dataclasses.asdict(kept))
    if complete:
        path.unlink(missing_ok=True)
    else:
        log.warning("what %s lacks of this run is kept in %s", config.tracking.uri, path)


def reopen(
    config: Config, fingerprint: str, parent: Run | None = None, cached: dict[str, Any] | None = None
) -> tuple[Run, dict[str, Any]] | None:
    """Log what the store lacks of a finished run, or has lost since (`cached`); return both, None if nothing."""
    if config.tracking.name == "none":
        return None
    run, path = Run(config, parent), _path(config, fingerprint)
    kept = _read(path, config, "the run is done again")
    if kept:
        log.info("trained before, in %s: logging what %s lacks of it", kept.result["outputs"], config.tracking.uri)
    else:
        warn_of_earlier_versions(path.parent, "only that version can log them, with the same commands")
        if not cached or not run.is_part:
            return None
        path = Path(cached["outputs"], _LOGS_OF_PART)  # its sweep or cross-validation may have another run now
        kept = _read(path, config, "what the tracking store lost of that run, it will lack")
        here = {"trials": None}  # unknown to earlier versions
        if kept is None or kept.tracking | here != dataclasses.asdict(config.tracking) | here:
            return None
    uri = kept.result["model_uri"] or ""
    run.run_id, run.model_uri = kept.result["run_id"], uri if uri.startswith("models:") else None  # else a file's
    run.steps, run.done = [*kept.logged, *kept.steps], len(kept.logged)
    try:
        if not run.is_part:
            run.connect()
        run.complete()
    except InputError:
        raise
    except (*ERRORS, *_IMPOSSIBLE) as error:
        raise InputError(f"{path} cannot be logged: {reason(error)}; remove it to train again") from error
    return run, kept.result


def log_pending(
    config: Config, fingerprint: str, parent: Run | None = None, cached: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Log what is pending of a finished run, or what its store lost, and return its result; None if nothing is."""
    opened = reopen(config, fingerprint, parent, cached)
    return finalize_tracking(*opened, config, fingerprint) if opened else None


def _read(path: Path, config: Config, consequence: str) -> _Kept | None:
    return read_state(path, _Kept, consequence, lambda kept: check_result(path, config, kept.result))


def _path(config: Config, fingerprint: str) -> Path:
    return pending_logs_file(fingerprint, f"{config.tracking.uri} {config.tracking.experiment}")
