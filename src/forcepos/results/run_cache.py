"""The run cache: results of finished runs, so that the same run need not be done again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config
from forcepos.runtime.files import write_json
from forcepos.runtime.paths import finished_file

log = logging.getLogger(__name__)
SKIP_VARIABLE = "FORCEPOS_SKIP_FINISHED"  # set for the jobs of a resumed sweep: when it began
_VERSION = 1  # raise it with a change of the code after which the same run has another result
_NO_MATTER = {"tracking": None, "skip_finished": None}


def run_fingerprint(config: Config, data_fingerprint: str) -> str:
    """Return a version and a hash of config and data; where a run is tracked does not matter."""
    values = dataclasses.asdict(config) | _NO_MATTER
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
    if not path.is_file():
        if config.skip_finished:
            warn_of_earlier_versions(path.parent, "not reused, since this version's results may differ")
        return None
    result: dict[str, Any] = json.loads(path.read_text())
    return None if result.get("tracking") == "incomplete" or path.stat().st_mtime < float(since) else result


def remember_result(fingerprint: str, result: dict[str, Any]) -> None:
    """Keep a finished run's result for `cached_result`."""
    path = finished_file(fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result)


def warn_of_earlier_versions(folder: Path, consequence: str) -> None:
    """Log that `folder` holds files of other versions of forcepos, which this one does not use."""
    others = [path for path in folder.glob("*.json") if not path.name.startswith((f"v{_VERSION}-", "sweep-"))]
    if others:
        log.warning("files of another version of forcepos in %s (%d): %s", folder, len(others), consequence)
