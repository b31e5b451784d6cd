"""Finds what the config names: files, the format of each, and their columns, by name or by number."""

import difflib
import glob
import re
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from forcepos.config.schema import TableConfig
from forcepos.data.readers.reader import Reader, is_source
from forcepos.data.readers.table import WORDS, Table, Wanted
from forcepos.runtime.errors import InputError, plugin_name
from forcepos.runtime.wording import name_some, visible_name

FORMATS = {
    ".feather": "feather", ".parquet": "parquet", ".csv": "csv", ".tsv": "csv",
    ".txt": "text", ".log": "text", ".dat": "text",
    ".npy": "numpy", ".npz": "numpy", ".mat": "matlab", ".bag": "ros", ".db3": "ros", ".mcap": "ros",
}  # fmt: skip
ENDINGS = ", ".join(FORMATS)
_SHOWN = 20
_COMPARED = 1000  # names, and characters of a name: a comparison takes long


def find_files(config: TableConfig) -> list[Path]:
    """Find the files in natural order of their names: visit_2 before visit_10.

    Raises:
        InputError: there is no file.
    """
    path, reader = Path(config.path), config if isinstance(config, Reader) else None
    if reader and path.is_dir() and is_source(reader, path):
        return [path]

    def is_table(path: Path) -> bool:
        named = config.format != "auto" or path.suffix.lower() in FORMATS
        return is_source(reader, path) if reader else path.is_file() and named

    found = matching_files(config.path, is_table, Path.exists if reader else Path.is_file)
    others = [str(file) for file in found if reader and not path.is_dir() and not is_source(reader, file)]
    if others:
        raise InputError(f"{plugin_name(reader)} does not read {name_some(others, _SHOWN)}: its `matches` says no")
    if not found and path.is_dir():
        wanted = f": none of its files ends with {ENDINGS}" if config.format == "auto" else ""
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
        found = [file for file in path.iterdir() if not file.name.startswith(".") and is_table(file)]
    else:
        # Path.glob takes no absolute pattern; a file's own name may hold what looks like one.
        named = [path] if path.exists() else map(Path, glob.glob(name, recursive=True))  # noqa: PTH207
        found = [file for file in named if may_be_given(file)]
    return sorted(found, key=lambda file: natural_sort_key(str(file)))


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


def wanted_columns(config: TableConfig) -> list[tuple[str, str]]:
    """List role and column, as the config names them: columns of numbers first, then columns of words."""
    # With a rate, a time in two columns was never read; one in one column may go backwards, which is reported.
    timed = config.nanoseconds is None or config.rate_hz is None or config.gap_s is not None
    wanted = {
        "feature": config.features,
        "target": config.targets,
        **{role: [getattr(config, role)] for role in ("time", "nanoseconds") if timed},
        **{role: [getattr(config, role)] for role in WORDS if role != "keep"},
        "keep": config.keep,
    }
    return [(role, name) for role, names in wanted.items() for name in names or () if name is not None]


def find_columns(table: Table, wanted: Sequence[tuple[str, str]]) -> list[Wanted]:
    """Find columns, given by role and name, among a table's names, or among the numbers of its columns.

    Raises:
        InputError: some are missing or there more than once; names all of them.
    """
    present: dict[str, list[int]] = {}
    for place, name in enumerate(table.names or []):
        present.setdefault(name, []).append(place)
    numbered = {str(place): [place] for place in range(table.width)}
    found = {name: present.get(name) or numbered.get(name, []) for _, name in wanted}
    missing = [name for name, places in found.items() if not places]
    twice = [name for name, places in found.items() if len(places) > 1]
    problems = []
    if missing:
        there = _present(missing, table.names, table.width)
        left_out = f"; no columns are {name_some(table.left_out, _SHOWN)}" if table.left_out else ""
        problems.append(f"{table.title} lacks {name_some(missing, _SHOWN)}; it has {there}{left_out}")
    if twice:
        problems.append(f"{table.title} has more than one column named {name_some(twice, _SHOWN)}")
    if problems:
        raise InputError("\n  ".join(problems))
    shown = {name: visible_name(name) if name in present else f"column {name}" for name in found}
    return [Wanted(role, shown[name], found[name][0]) for role, name in wanted]


def _present(missing: Sequence[str], names: Sequence[str] | None, width: int) -> str:
    """Name the columns that are there, those most similar to a missing one first."""
    if names is None:
        return f"{width} columns without names, 0 to {width - 1}"
    lower = {name.lower(): name for name in reversed(names[:_COMPARED]) if len(name) < _COMPARED}
    near = (difflib.get_close_matches(name[:_COMPARED].lower(), lower, n=3) for name in missing[:_SHOWN])
    return name_some([*dict.fromkeys([*map(lower.__getitem__, chain(*near)), *names])], _SHOWN)
