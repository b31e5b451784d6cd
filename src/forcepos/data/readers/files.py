"""Finds the files that `data.path` names, and the format of each."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from forcepos.config.schema import TableConfig
from forcepos.data.readers.reader import Reader, is_source
from forcepos.runtime.errors import InputError
from forcepos.runtime.plugin_errors import plugin_name
from forcepos.runtime.wording import name_some

_FORMATS = {
    ".feather": "feather", ".parquet": "parquet", ".csv": "csv", ".tsv": "csv",
    ".txt": "text", ".log": "text", ".dat": "text",
}  # fmt: skip
_ENDINGS = ", ".join(_FORMATS)
_SHOWN = 5


def find_files(config: TableConfig) -> list[Path]:
    """Find the files in natural order of their names: visit_2 before visit_10.

    Raises:
        InputError: there is no file.
    """
    path, reader = Path(config.path), config if isinstance(config, Reader) else None
    if reader and path.is_dir() and is_source(reader, path):
        return [path]
    found = matching_files(config.path, partial(_is_table, config=config), Path.exists if reader else Path.is_file)
    if reader and not path.is_dir():
        others = [str(file) for file in found if not is_source(reader, file)]
        if others:
            raise InputError(
                f"{plugin_name(reader)} does not read {name_some(others, _SHOWN)}: its `matches` says no"
            )
    if not found and path.is_dir():
        wanted = f": none of its files ends with {_ENDINGS}" if config.format == "auto" else ""
        wanted = f": {plugin_name(reader)} reads none of its files" if reader else wanted
        raise InputError(f"data.path={path} is a folder without tables{wanted}")
    if not found:
        raise InputError(f"data.path={path} is not a file, a folder or a pattern that matches a file")
    return found


def matching_files(
    name: str, is_table: Callable[[Path], bool], may_be_given: Callable[[Path], bool] = Path.is_file
) -> list[Path]:
    """Return a file, the tables of a folder, or the files that match a pattern, in natural order."""
    path = Path(name)
    if path.is_dir():
        found = [file for file in path.iterdir() if is_table(file)]
    else:
        # Path.glob takes no absolute pattern; a file's own name may hold what looks like one.
        named = [path] if path.exists() else map(Path, glob.glob(name, recursive=True))  # noqa: PTH207
        found = [file for file in named if may_be_given(file)]
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


def natural_sort_key(name: str) -> list[tuple[int, int, str, str]]:
    """Return a key that sorts names as people do: 2 before 10, numbers, of however many digits, before words."""
    runs = [(run, run.lstrip("0")) for run in re.split(r"([0-9]+)", name) if run]
    return [(0, len(value), value, run) if run.isdecimal() else (1, 0, "", run) for run, value in runs]


def short_names(paths: Sequence[Path]) -> list[str]:
    """Shorten paths for messages: to the name without extension if that is unique, else the name or the path."""
    for shorten in (lambda path: path.stem, lambda path: path.name, str):
        names = [shorten(path) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _is_table(path: Path, config: TableConfig) -> bool:
    if path.name.startswith("."):
        return False
    if isinstance(config, Reader):
        return is_source(config, path)
    return path.is_file() and (config.format != "auto" or path.suffix.lower() in _FORMATS)
