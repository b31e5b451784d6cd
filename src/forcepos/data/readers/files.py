"""Finds the files that `data.path` names, and the format of each."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from forcepos.config.schema import TableConfig
from forcepos.runtime.errors import InputError

_FORMATS = {
    ".feather": "feather", ".parquet": "parquet", ".csv": "csv", ".tsv": "csv",
    ".txt": "text", ".log": "text", ".dat": "text",
}  # fmt: skip
_ENDINGS = ", ".join(_FORMATS)


def find_files(config: TableConfig) -> list[Path]:
    """Find the files in natural order of their names: visit_2 before visit_10.

    Raises:
        InputError: there is no file.
    """
    path = Path(config.path)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in path.iterdir() if _is_table(file, config.format)]
        if not found:
            wanted = f": none of its files ends with {_ENDINGS}" if config.format == "auto" else ""
            raise InputError(f"data.path={path} is a folder without tables{wanted}")
    else:
        found = [Path(file) for file in glob.glob(config.path, recursive=True) if Path(file).is_file()]  # noqa: PTH207  # Path.glob takes no absolute pattern
        if not found:
            raise InputError(f"data.path={path} is not a file, a folder or a pattern that matches a file")
    return sorted(found, key=lambda file: natural_sort_key(str(file)))


def format_of(path: Path, config: TableConfig) -> str:
    """Return `feather`, `parquet`, `csv` or `text`.

    Raises:
        InputError: neither the config nor the file's extension names a format.
    """
    if config.format != "auto":
        return config.format
    known = _FORMATS.get(path.suffix.lower())
    if known is None:
        raise InputError(f"{path} ends with none of {_ENDINGS}: set data.format")
    return known


def natural_sort_key(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts names as people do: 2 before 10, numbers before words."""
    return [(0, int(run), run) if run.isdecimal() else (1, 0, run) for run in re.split(r"([0-9]+)", name) if run]


def short_names(paths: Sequence[Path]) -> list[str]:
    """Shorten paths for messages: to the name without extension if that is unique, else the name or the path."""
    for shorten in (lambda path: path.stem, lambda path: path.name, str):
        names = [shorten(path) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _is_table(path: Path, kind: str) -> bool:
    known = kind != "auto" or path.suffix.lower() in _FORMATS
    return known and path.is_file() and not path.name.startswith(".")
