"""A table of any format, as the formats' readers offer it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from forcepos.data.readers.layout import Layout
from forcepos.runtime.errors import InputError

WORDS = ("recording", "point", "label")  # roles of columns that hold words
LENIENT_ROWS = 65_536  # of a chunk with all columns

Chunk = dict[int, pa.Array]  # some rows of columns, by their index among the wanted ones


class Wanted(NamedTuple):
    """A wanted column: its role, such as feature or point, its name in messages, and its index in the table."""

    role: str
    name: str
    place: int


def numbers(columns: Sequence[Wanted]) -> list[Wanted]:
    """Return the columns that hold numbers."""
    return [column for column in columns if column.role not in WORDS]


class Table(ABC):
    """A file that is read a chunk at a time.

    Attributes:
        kind: Feather, Parquet or text.
        names: of the columns, None where there is no header.
        layout: of a text.
        row_errors: lines that the last `lenient_chunks` dropped, one message each.
    """

    kind: str
    layout: Layout | None = None

    def __init__(self, path: Path, names: Sequence[str] | None, width: int) -> None:
        self.path, self.names, self.width = path, names, width
        self.row_errors: list[str] = []

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, or their numbers where there is no header."""
        return tuple(map(str, range(self.width)) if self.names is None else self.names)

    @abstractmethod
    def rows(self, columns: Sequence[Wanted]) -> int:
        """Return an upper bound of the number of rows."""

    @abstractmethod
    def chunks(self, columns: Sequence[Wanted]) -> Iterator[Chunk]:
        """Yield chunks of some or all of the wanted columns.

        Raises:
            InputError: the file is damaged, or a line is broken.
        """

    @abstractmethod
    def lenient_chunks(self) -> Iterator[pa.RecordBatch]:
        """Yield chunks of all columns, dropping broken lines.

        Raises:
            InputError: the file is damaged.
        """


@contextmanager
def explained(path: Path, kind: str) -> Iterator[None]:
    """Turn the errors of a file that is not what it seems into an InputError; some only show late."""
    try:
        yield
    except (pa.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        reason = "a value is out of range" if isinstance(error, OverflowError) else reason
        raise InputError(f"{path} cannot be read as a {kind} file: {reason}") from error
