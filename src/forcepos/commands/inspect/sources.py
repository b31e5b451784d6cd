"""Feather, Parquet and text tables, recognised by their content and read a chunk at a time."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from forcepos.data.readers.sniff import open_text
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some

_ROWS_AT_ONCE = 65536
_SKIPPED = (".md", ".yaml", ".yml", ".json", ".png", ".svg", ".html", ".log", ".py")


@dataclass
class Source:
    """A table that is read in chunks.

    Attributes:
        header: whether its columns have names of their own; else they are called 0, 1, 2, …
        layout: of a text, in words; empty for the others.
        chunks: yields its rows in order, a chunk at a time.
        delimiter, decimal: of a text: field separator and decimal mark.
        header_marked: whether the header begins with % or #.
        row_errors: of lines that are dropped, filled while chunks are read.
    """

    path: Path
    kind: str
    columns: tuple[str, ...]
    chunks: Callable[[], Iterator[pa.Table]]
    header: bool = True
    layout: str = ""
    delimiter: str = ","
    decimal: str = "."
    header_marked: bool = False
    row_errors: list[str] = field(default_factory=list)


def open_sources(names: Sequence[str]) -> tuple[list[Source], list[str]]:
    """Open the tables among files, folders and patterns, in order; also return why files of folders are skipped.

    Raises:
        InputError: a file is missing, empty or not a table, or tables differ in their columns.
    """
    sources: list[Source] = []
    skipped: list[str] = []
    for path, by_name in _paths(names):
        try:
            source = open_source(path)
            _check_same_columns(source, sources)
            sources.append(source)
        except InputError as error:
            if by_name:
                raise
            skipped.append(str(error))
    if not sources:
        raise InputError("\n  ".join([f"{', '.join(names)}: no tables found", *first_lines(skipped, 10)]))
    return sources, skipped


def open_source(path: Path) -> Source:
    """Open a table.

    Raises:
        InputError: it is missing, empty or not a table.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(8)
        if not magic:
            raise InputError(f"{path} is empty")
        if magic.startswith((b"ARROW1", b"FEA1")):
            return _feather(path)
        if magic.startswith(b"PAR1"):
            return _parquet(path)
        return _text(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {str(error).partition(chr(10))[0]}") from error


def _paths(names: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Yield each file, and whether it is named rather than found in a folder."""
    for name in names:
        path = Path(name)
        if path.is_dir():
            yield from ((inside, False) for inside in sorted(path.iterdir()) if _may_be_table(inside))
        elif path.exists() or not glob.has_magic(name):
            if not path.is_file():
                raise InputError(f"{name} is neither a file nor a folder")
            yield path, True
        else:
            found = [Path(one) for one in sorted(glob.glob(name)) if Path(one).is_file()]  # noqa: PTH207
            if not found:
                raise InputError(f"no file matches {name}")
            yield from ((one, True) for one in found)


def _may_be_table(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in _SKIPPED


def _check_same_columns(source: Source, sources: Sequence[Source]) -> None:
    if sources and source.columns != sources[0].columns:
        raise InputError(
            f"{source.path} has different columns from {sources[0].path}: {_difference(source, sources[0])}"
        )


def _difference(one: Source, other: Source) -> str:
    added = [name for name in one.columns if name not in other.columns]
    missing = [name for name in other.columns if name not in one.columns]
    differences = [
        f"it {verb} {name_some(names, 5)}" for verb, names in (("adds", added), ("lacks", missing)) if names
    ]
    return " and ".join(differences) or "their order differs"


def _feather(path: Path) -> Source:
    with pa.memory_map(str(path)) as file:
        names = pa.ipc.open_file(file).schema.names

    def chunks() -> Iterator[pa.Table]:
        with pa.memory_map(str(path)) as opened:
            reader = pa.ipc.open_file(opened)
            for number in range(reader.num_record_batches):
                yield from _sliced(pa.Table.from_batches([reader.get_batch(number)]))

    return Source(path, "Feather", _unique(path, names), chunks)


def _parquet(path: Path) -> Source:
    names = parquet.ParquetFile(path).schema_arrow.names

    def chunks() -> Iterator[pa.Table]:
        with parquet.ParquetFile(path) as opened:
            for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield pa.Table.from_batches([batch])

    return Source(path, "Parquet", _unique(path, names), chunks)


def _text(path: Path) -> Source:
    text = open_text(path)
    row_errors: list[str] = []

    def chunks() -> Iterator[pa.Table]:
        row_errors.clear()
        for chunk in text.chunks(row_errors):
            yield from _sliced(chunk)

    layout = text.layout
    return Source(
        path, "text", _unique(path, text.columns), chunks, layout.names is not None, text.style(), text.delimiter,
        layout.decimal, layout.marked, row_errors,
    )  # fmt: skip


def _sliced(table: pa.Table) -> Iterator[pa.Table]:
    for first in range(0, table.num_rows, _ROWS_AT_ONCE):
        yield table.slice(first, _ROWS_AT_ONCE)


def _unique(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise InputError(f"{path} has more than one column named {name_some(repeated, 5)}")
    return tuple(names)
