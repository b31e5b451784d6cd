"""Which files `data.path` means, and in which format each is."""

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
    """The files, in the order of their names with numbers counted: visit_2 before visit_10.

    Raises:
        InputError: there are none.
    """
    path = Path(config.path)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in path.iterdir() if _is_table(file, config.format)]
        if not found:
            kinds = _ENDINGS if config.format == "auto" else "any"
            raise InputError(f"data.path={path} is a folder without tables: none of its files ends with {kinds}")
    else:
        found = [Path(file) for file in glob.glob(config.path, recursive=True) if Path(file).is_file()]  # noqa: PTH207  # Path.glob takes no absolute pattern
        if not found:
            raise InputError(f"data.path={path} is no file, no folder, and no pattern that matches a file")
    return sorted(found, key=lambda file: natural_sort_key(str(file)))


def format_of(path: Path, config: TableConfig) -> str:
    """`feather`, `parquet`, `csv` or `text`.

    Raises:
        InputError: neither the config nor the file's ending tells.
    """
    if config.format != "auto":
        return config.format
    known = _FORMATS.get(path.suffix.lower())
    if known is None:
        raise InputError(f"{path} ends with none of {_ENDINGS}: name its format with data.format")
    return known


def natural_sort_key(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts names as people do: 2 before 10, numbers before words."""
    return [
        (0, int(piece), piece) if piece.isdecimal() else (1, 0, piece)
        for piece in re.split(r"([0-9]+)", name)
        if piece
    ]


def short_names(paths: Sequence[Path]) -> list[str]:
    """What each file is called in messages: its name without ending, or as much more as tells files apart."""
    for shorten in (lambda path: path.stem, lambda path: path.name, str):
        names = [shorten(path) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _is_table(path: Path, kind: str) -> bool:
    known = kind != "auto" or path.suffix.lower() in _FORMATS
    return known and path.is_file() and not path.name.startswith(".")
