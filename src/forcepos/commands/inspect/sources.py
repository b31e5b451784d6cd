"""What can be looked at: Feather, Parquet and text tables, told by their content, read a part at a time."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from forcepos.data.readers.sniff import open_text
from forcepos.runtime.errors import InputError

_ROWS_AT_ONCE = 65536
_SKIPPED = (".md", ".yaml", ".yml", ".json", ".png", ".svg", ".html", ".log", ".py")


@dataclass
class Source:
    """A table that is read in parts.

    Attributes:
        header: whether its columns have names of their own; else they are called 0, 1, 2, …
        layout: how a text is written, in words; empty for the others.
        parts: gives its rows in order, a part at a time.
        delimiter, mark: of a text: between fields, and of decimals.
        marked: whether a % or # stands before the header.
        faults: what was wrong with lines that were left out, filled while parts are read.
    """

    path: Path
    kind: str
    columns: tuple[str, ...]
    parts: Callable[[], Iterator[pa.Table]]
    header: bool = True
    layout: str = ""
    delimiter: str = ","
    mark: str = "."
    marked: bool = False
    faults: list[str] = field(default_factory=list)


def open_sources(names: Sequence[str]) -> tuple[list[Source], list[str]]:
    """The tables behind files, folders and patterns, in order, and what was left out of folders.

    Raises:
        InputError: a file is missing, empty or no table, or tables differ in their columns.
    """
    sources: list[Source] = []
    left_out: list[str] = []
    for path, asked in _paths(names):
        try:
            source = open_source(path)
            _check_same_columns(source, sources)
            sources.append(source)
        except InputError as error:
            if asked:
                raise
            left_out.append(str(error))
    if not sources:
        raise InputError("\n  ".join([f"{', '.join(names)}: no tables there", *left_out[:10]]))
    return sources, left_out


def open_source(path: Path) -> Source:
    """A table.

    Raises:
        InputError: it is missing, empty or none.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if not start:
            raise InputError(f"{path} is empty")
        if start.startswith((b"ARROW1", b"FEA1")):
            return _feather(path)
        if start.startswith(b"PAR1"):
            return _parquet(path)
        return _text(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {str(error).partition(chr(10))[0]}") from error


def _paths(names: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Each file, and whether it was asked for by name."""
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
            f"{source.path} has other columns than {sources[0].path}: {_difference(source, sources[0])}"
        )


def _difference(one: Source, other: Source) -> str:
    more = [name for name in one.columns if name not in other.columns]
    less = [name for name in other.columns if name not in one.columns]
    told = [f"it {verb} {', '.join(names[:5])}" for verb, names in (("adds", more), ("lacks", less)) if names]
    return " and ".join(told) or "their order differs"


def _feather(path: Path) -> Source:
    with pa.memory_map(str(path)) as file:
        names = pa.ipc.open_file(file).schema.names

    def parts() -> Iterator[pa.Table]:
        with pa.memory_map(str(path)) as opened:
            reader = pa.ipc.open_file(opened)
            for number in range(reader.num_record_batches):
                yield from _cut(pa.Table.from_batches([reader.get_batch(number)]))

    return Source(path, "Feather", _unique(path, names), parts)


def _parquet(path: Path) -> Source:
    names = parquet.ParquetFile(path).schema_arrow.names

    def parts() -> Iterator[pa.Table]:
        with parquet.ParquetFile(path) as opened:
            for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield pa.Table.from_batches([batch])

    return Source(path, "Parquet", _unique(path, names), parts)


def _text(path: Path) -> Source:
    text = open_text(path)
    faults: list[str] = []

    def parts() -> Iterator[pa.Table]:
        faults.clear()
        for part in text.chunks(faults):
            yield from _cut(part)

    layout = text.layout
    return Source(
        path, "text", _unique(path, text.columns), parts, layout.names is not None, text.style(), text.delimiter,
        layout.decimal, layout.marked, faults,
    )  # fmt: skip


def _cut(table: pa.Table) -> Iterator[pa.Table]:
    for first in range(0, table.num_rows, _ROWS_AT_ONCE):
        yield table.slice(first, _ROWS_AT_ONCE)


def _unique(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise InputError(f"{path} has more than one column named {', '.join(twice[:5])}")
    return tuple(names)
