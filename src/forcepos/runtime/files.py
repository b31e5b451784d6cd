"""Write files that are complete or absent, whenever the process ends."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcepos.runtime.wording import visible

if TYPE_CHECKING:  # imports for a third of a second, which writing JSON does not need
    import pandas as pd

_FORMULA = re.compile(r"[=@]|[+-](?![\w., -]*\Z)")  # a number, or a point such as -1,0, is none


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically, as `write_bytes` does."""
    write_bytes(path, (to_json(value, indent=2) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: a process that is killed here leaves the old file, or none."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def to_json(value: Any, indent: int | None = None) -> str:
    """Return `value` as strict JSON, which knows neither NaN nor infinity: both become null."""
    return json.dumps(_strict(value), indent=indent, allow_nan=False)


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _strict(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table whose names may come from anyone, so that no spreadsheet evaluates one as a formula."""
    names = table.select_dtypes(exclude="number").columns
    table.assign(**{name: table[name].map(_as_text) for name in names}).to_csv(path, index=False)


def _as_text(cell: Any) -> Any:
    """Make a text visible, and put an apostrophe before what a spreadsheet would evaluate."""
    text = visible(cell) if isinstance(cell, str) else ""
    return f"'{text}" if _FORMULA.match(text) else text or cell
