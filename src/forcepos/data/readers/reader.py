"""The readers that users write: files of formats of their own, one Python file and one YAML each."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from forcepos.config.schema import TableConfig
from forcepos.data.readers.table import Chunk, Table, Wanted, check_kinds
from forcepos.runtime.errors import InputError, plugin_errors, plugin_name


@dataclass
class Reader(TableConfig, ABC):
    """Read a format of your own. Its YAML has `defaults: [table, _self_]` and `plugin: module.Class`.

    A reader is a dataclass: its fields are the keys under `data`, those of a table and any that it adds with
    `forcepos.key`. One is made for a run. `matches` chooses the sources among the files and folders that
    `data.path` names; of each source, `names` is called once, then `pieces` twice, the first time with one column,
    to count rows. A source may hold many recordings: the column that `data.recording` names tells them apart.
    """

    @abstractmethod
    def matches(self, path: Path, head: bytes) -> bool:
        """Say whether this is a source; `head`: the first 4096 bytes of a file, none of a folder."""

    @abstractmethod
    def names(self, path: Path) -> Sequence[str]:
        """Name all columns."""

    @abstractmethod
    def pieces(self, path: Path, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Yield rows in order, many at once: for each of these columns an array, a list or a series of one length.

        None and NaN stand for missing values. Times are numbers in `data.time_unit`, or of a time type.
        """


def is_source(reader: Reader, path: Path) -> bool:
    """Return whether a reader reads this file or folder; InputError if it fails, or the file cannot be read."""
    try:
        with contextlib.nullcontext() if path.is_dir() else path.open("rb") as file:
            head = file.read(4096) if file else b""
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    with plugin_errors(reader, f"matches for {path}"):
        return bool(reader.matches(path, head))


class PluginTable(Table):
    """A source that a reader of the user's reads."""

    def __init__(self, path: Path, reader: Reader) -> None:
        with plugin_errors(reader, f"names for {path}"):
            names = [str(name) for name in reader.names(path)]
        super().__init__(path, names, len(names))
        self._reader, self.kind, self.title = reader, type(reader).__name__, f"{plugin_name(reader)}: {path}"
        self._count: int | None = None  # of rows, once they are counted

    def rows(self, columns: Sequence[Wanted]) -> int:
        self._count = sum(len(chunk[0]) for chunk in self.chunks(columns[:1]))
        return self._count

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:  # noqa: ARG002  # knows no lines
        wanted = columns or self.everything
        names, rows = [self.columns[one.place] for one in wanted], 0
        with plugin_errors(self._reader, f"pieces for {self.path}"):
            for piece in self._reader.pieces(self.path, list(dict.fromkeys(names))):
                table = pa.table([_as_array(piece[name]) for name in names], names)  # of one length
                rows += len(table)
                if self._count is not None and rows > self._count:
                    raise InputError(f"{self.title}: `pieces` yields more rows the second time")
                check_kinds(self.title, wanted, table.schema.types)
                yield {number: column.combine_chunks() for number, column in enumerate(table.columns)}


def _as_array(values: Any) -> pa.Array | pa.ChunkedArray:
    arrow = isinstance(values, pa.Array | pa.ChunkedArray)
    return values if arrow else pa.array(values, from_pandas=True)
