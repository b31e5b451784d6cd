"""Feather and Parquet, a piece at a time and only the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from forcepos.data.tables.columns import Columns
from forcepos.errors import InputError

_ROWS = 8192
_BUFFER = 1 << 16  # bytes: a row group's columns are read through it, not whole


@contextmanager
def _explained(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a {kind} file: {error}") from error


class FeatherTable:
    """A Feather file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _explained(path, "Feather"), pa.OSFile(str(path)) as file:
            reader = pa.ipc.open_file(file)
            self._schema = reader.schema
            self.names: list[str] | None = list(reader.schema.names)
            self.width = len(self.names)

    def rows(self, columns: Columns) -> int:
        """How many there are; reads one column."""
        return sum(piece.num_rows for piece in self._read(columns.numbers[:1]))

    def pieces(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """The wanted columns, in their order."""
        _check_types(self.path, self._schema, columns)
        places = list(columns.places)
        for piece in self._read(places):
            read = sorted(set(places))
            yield pa.RecordBatch.from_arrays(
                [piece.column(read.index(place)) for place in places], names=[str(n) for n in range(len(places))]
            )

    def _read(self, places: Any) -> Iterator[pa.RecordBatch]:
        options = pa.ipc.IpcReadOptions(included_fields=sorted(set(places)), use_threads=False)
        with _explained(self.path, "Feather"), pa.OSFile(str(self.path)) as file:
            reader = pa.ipc.open_file(file, options=options)
            for number in range(reader.num_record_batches):
                piece = reader.get_batch(number)
                piece.validate(full=True)
                yield from (piece.slice(first, _ROWS) for first in range(0, piece.num_rows, _ROWS))


class ParquetTable:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _explained(path, "Parquet"), pq.ParquetFile(path) as file:
            self._schema = file.schema_arrow
            self._rows = file.metadata.num_rows
            self.names: list[str] | None = list(file.schema_arrow.names)
            self.width = len(self.names)

    def rows(self, columns: Columns) -> int:  # noqa: ARG002  # the same for every table
        """How many there are."""
        return int(self._rows)

    def pieces(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """The wanted columns, in their order."""
        _check_types(self.path, self._schema, columns)
        names = [self._schema.names[place] for place in columns.places]
        with (
            _explained(self.path, "Parquet"),
            pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file,
        ):
            for piece in file.iter_batches(_ROWS, columns=sorted(set(names)), use_threads=False):
                piece.validate(full=True)
                yield pa.RecordBatch.from_arrays(
                    [piece.column(name) for name in names], names=[str(n) for n in range(len(names))]
                )


def _check_types(path: Path, schema: pa.Schema, columns: Columns) -> None:
    wrong = [
        f"{name} holds {schema.field(place).type}"
        for place, name in zip(columns.numbers, columns.names, strict=False)
        if not _is_numeric(schema.field(place).type)
    ]
    if wrong:
        raise InputError(f"{path}: {', '.join(dict.fromkeys(wrong))}, not numbers")


def _is_numeric(kind: pa.DataType) -> bool:
    """Whether it can be read as float64; times and durations too, as `seconds` does."""
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null,
            pa.types.is_timestamp, pa.types.is_duration,
        )
    )  # fmt: skip
