"""Runs that are kept: a benchmark that was stopped goes on after those that it has finished."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from forcepos import compose, run


def kept_result(place: Path, *overrides: str) -> dict[str, Any]:
    """Run into `place`, unless that was done before, and return the result."""
    if not (place / "result.json").exists() or (place / ".unfinished").exists():
        print(f"running {place}", file=sys.stderr, flush=True)
        run(compose(*overrides), place)
    return dict(json.loads((place / "result.json").read_text()))
