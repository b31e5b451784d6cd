"""The tables that are inspected: Feather, Parquet and text, recognised by their content."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from forcepos.data.readers.binary import FeatherTable, ParquetTable
from forcepos.data.readers.files import find_columns, matching_files
from forcepos.data.readers.table import Table
from forcepos.data.readers.text import TextTable
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
    for name in names:
        found = matching_files(name, lambda path: path.is_file() and path.suffix.lower() not in _SKIPPED)
        if not found and not Path(name).is_dir():
            raise InputError(f"{name} is not a file, a folder or a pattern that matches a file")
        for path in found:
            try:
                sources.append(_open(path, sources))
            except InputError as error:
                if not Path(name).is_dir():
                    raise
                skipped.append(str(error))
    if not sources:
        raise InputError("\n  ".join([f"{', '.join(names)}: no tables found", *first_lines(skipped, 10)]))
    return sources, skipped


def _open(path: Path, others: Sequence[Table]) -> Table:
    """Open a table.

    Raises:
        InputError: it is missing, empty or not a table, has two columns with the same name, or other columns.
    """
    table: Table
    try:
        with path.open("rb") as file:
            magic = file.read(8)
        if not magic:
            raise InputError(f"{path} is empty")
        if magic.startswith((b"ARROW1", b"FEA1")):
            table = FeatherTable(path)
        else:
            table = ParquetTable(path) if magic.startswith(b"PAR1") else TextTable(path, None)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    find_columns(table, [("", name) for name in table.names or []])
    if others and table.columns != others[0].columns:
        what = " and ".join(_differences(table.columns, others[0].columns)) or "their order differs"
        raise InputError(f"{path} has different columns from {others[0].path}: {what}")
    return table


def _differences(ours: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    for verb, names, there in (("adds", ours, {*others}), ("lacks", others, {*ours})):
        different = [name for name in names if name not in there]
        if different:
            yield f"it {verb} {name_some(different, 5)}"
