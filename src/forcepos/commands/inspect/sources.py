"""The tables that are inspected: Feather, Parquet and text, recognised by their content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from forcepos.data.readers.binary import FeatherTable, ParquetTable
from forcepos.data.readers.columns import find_columns
from forcepos.data.readers.files import matching_files
from forcepos.data.readers.sniff import open_text
from forcepos.data.readers.table import Table
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some

_SKIPPED = (".md", ".yaml", ".yml", ".json", ".png", ".svg", ".html", ".log", ".py")


def open_sources(names: Sequence[str]) -> tuple[list[Table], list[str]]:
    """Open the tables among files, folders and patterns, in order; also return why files of folders are skipped.

    Raises:
        InputError: a file is missing, empty or not a table, or tables differ in their columns.
    """
    sources: list[Table] = []
    skipped: list[str] = []
    for path, by_name in _paths(names):
        try:
            source = _open(path)
            _check_same_columns(source, (sources or [source])[0])
            sources.append(source)
        except InputError as error:
            if by_name:
                raise
            skipped.append(str(error))
    if not sources:
        raise InputError("\n  ".join([f"{', '.join(names)}: no tables found", *first_lines(skipped, 10)]))
    return sources, skipped


def _open(path: Path) -> Table:
    """Open a table.

    Raises:
        InputError: it is missing, empty or not a table, or has two columns with the same name.
    """
    table: Table
    try:
        with path.open("rb") as file:
            magic = file.read(8)
        if not magic:
            raise InputError(f"{path} is empty")
        if magic.startswith((b"ARROW1", b"FEA1")):
            table = FeatherTable(path)
        elif magic.startswith(b"PAR1"):
            table = ParquetTable(path)
        else:
            table = open_text(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    find_columns(table, [("", name) for name in table.names or []])
    return table


def _paths(names: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Yield each file, and whether it is named rather than found in a folder."""
    for name in names:
        is_folder = Path(name).is_dir()
        found = matching_files(
            name, lambda path: path.is_file() and path.name[0] != "." and path.suffix.lower() not in _SKIPPED
        )
        if not (found or is_folder):
            raise InputError(f"{name} is not a file, a folder or a pattern that matches a file")
        yield from ((path, not is_folder) for path in found)


def _check_same_columns(source: Table, first: Table) -> None:
    if source.columns == first.columns:
        return
    ours, others = set(source.columns), set(first.columns)
    added = [name for name in source.columns if name not in others]
    missing = [name for name in first.columns if name not in ours]
    differences = [
        f"it {verb} {name_some(names, 5)}" for verb, names in (("adds", added), ("lacks", missing)) if names
    ]
    what = " and ".join(differences) or "their order differs"
    raise InputError(f"{source.path} has different columns from {first.path}: {what}")
