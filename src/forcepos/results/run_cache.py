"""Which runs are finished: so that the same one need not be done again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config
from forcepos.runtime.files import write_json
from forcepos.runtime.paths import finished_file

SKIP_VARIABLE = "FORCEPOS_SKIP_FINISHED"  # set for the jobs of a sweep that is gone on with
_NO_MATTER = {"tracking": None, "skip_finished": None}


def run_fingerprint(config: Config, data_fingerprint: str) -> str:
    """Twelve hexadecimal digits over config, code and data; where a run is recorded does not matter."""
    values = dataclasses.asdict(config) | _NO_MATTER
    values["tuner"] |= {"fresh": None, "max_failures": None, "workers": None}
    digest = hashlib.sha256(json.dumps([values, data_fingerprint], sort_keys=True).encode())
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def earlier_result(config: Config, fingerprint: str) -> dict[str, Any] | None:
    """The result of a run with this fingerprint that was finished under this working directory, if asked for."""
    path = finished_file(fingerprint)
    if not (config.skip_finished or os.environ.get(SKIP_VARIABLE)) or not path.is_file():
        return None
    result: dict[str, Any] = json.loads(path.read_text())
    return None if result.get("tracking") == "incomplete" else result


def remember_result(fingerprint: str, result: dict[str, Any]) -> None:
    """Keep a finished run's result for `earlier_result`."""
    path = finished_file(fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, result)
