"""How data.path says which files it means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forcepos.commands.inspect.sources import Source


def data_path(asked: Sequence[str], sources: Sequence[Source]) -> str | None:
    """One file, or a pattern that matches these files and no others; None where there is none."""
    files = sorted(source.path for source in sources)
    if len(files) == 1:
        return str(files[0])
    folders, endings = {path.parent for path in files}, {path.suffix for path in files}
    if len(folders) != 1 or len(endings) != 1:
        return None
    (folder,), (ending,) = folders, endings
    patterns = [*(name for name in asked if "*" in name), f"{folder.as_posix()}/*{ending}"]
    return next((pattern for pattern in patterns if _matches(pattern) == files), None)


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern)
    return sorted(found for found in path.parent.glob(path.name) if found.is_file())
