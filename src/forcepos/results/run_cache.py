"""The run cache: results of finished runs, so that the same run need not be done again."""

import hashlib
import json
import logging
import math
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config, CrossValidationConfig
from forcepos.runtime.paths import finished_file
from forcepos.runtime.state_files import Damaged, parse, read_state, write_state

log = logging.getLogger(__name__)
SKIP_VARIABLE = "FORCEPOS_SKIP_FINISHED"  # set for the jobs of a resumed sweep: when it began
_VERSION = 1  # raise it with a change of the code after which the same run has another result
_NO_MATTER = {"tracking": None, "skip_finished": None}
_Scores = dict[str, float | None]


@dataclass(frozen=True)
class _StoredFold:
    run_id: str | None
    test: _Scores
    baseline: _Scores
    tracking: Literal["complete", "incomplete", "none"]
    outputs: str


@dataclass(frozen=True)
class _StoredResult(_StoredFold):
    """What is used of a stored result; all the rest is passed on as it is."""

    objective: float
    model_uri: str | None
    best_hyperparameters: dict[str, Any] | None
    folds: list[_StoredFold] = field(default_factory=list)


def run_fingerprint(config: Config, data_fingerprint: str) -> str:
    """Return a version and a hash of config and data; where a run is tracked does not matter."""
    values = values_with_plugins(config) | _NO_MATTER
    values["tuner"] |= {"fresh": None, "max_failures": None, "workers": None}
    digest = hashlib.sha256(json.dumps([values, data_fingerprint], sort_keys=True).encode())
    return f"v{_VERSION}-{digest.hexdigest()[:12]}"


def cached_result(config: Config, fingerprint: str, since: str | None = None) -> dict[str, Any] | None:
    """Return the result of a finished run with this fingerprint under this working directory, if asked for.

    Args:
        since: asks for a run that finished later; a time of files. So do the variable and skip_finished=true.
    """
    since = "0" if config.skip_finished else os.environ.get(SKIP_VARIABLE, since)
    if since is None:
        return None
    path = finished_file(fingerprint)
    result = read_state(path, dict[str, Any], "the run is done again", partial(check_result, path, config))
    if result is None:
        if config.skip_finished:
            warn_of_earlier_versions(path.parent, "not reused, since this version's results may differ")
        return None
    result.pop("version", None)  # of the file
    return None if result["tracking"] == "incomplete" or path.stat().st_mtime < float(since) else result


def check_result(path: Path, config: Config, result: dict[str, Any]) -> None:
    """Check the result of a run with this config that was read from a state file, `path`.

    Raises:
        Damaged: a value that is used is missing or of another type.
    """
    stored, split = parse(path, json.dumps(result).encode(), _StoredResult), config.split
    folds = split.folds if isinstance(split, CrossValidationConfig) and split.fold is None else 0
    if not math.isfinite(stored.objective) or len(stored.folds) != folds:
        raise Damaged(f"it holds {len(stored.folds)} folds and the objective {stored.objective}")


def remember_result(fingerprint: str, result: dict[str, Any]) -> None:
    """Keep a finished run's result for `cached_result`."""
    write_state(finished_file(fingerprint), result)


def warn_of_earlier_versions(folder: Path, consequence: str) -> None:
    """Log that `folder` holds files of other versions of forcepos, which this one does not use."""
    others = sum(not path.name.startswith((f"v{_VERSION}-", "sweep-")) for path in folder.glob("*.json"))
    if others:
        log.warning("files of another version of forcepos in %s (%d): %s", folder, others, consequence)
