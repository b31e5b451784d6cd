"""A table of any format, as the formats' readers offer it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from forcepos.data.readers.layout import Layout
from forcepos.runtime.errors import InputError

WORDS = ("recording", "point", "label")  # roles of columns that hold words
LENIENT_ROWS = 65_536  # of a chunk with all columns


@dataclass(frozen=True)
class Columns:
    """The wanted columns of a table: first those that hold numbers, then those that hold words.

    Attributes:
        roles: feature, target, time, nanoseconds, recording, point or label.
        names: for messages.
        places: their indices in the table.
    """

    roles: tuple[str, ...]
    names: tuple[str, ...]
    places: tuple[int, ...]

    @property
    def numbers(self) -> list[tuple[int, str]]:
        """The index and the name of each column that holds numbers."""
        count = sum(role not in WORDS for role in self.roles)
        return list(zip(self.places[:count], self.names[:count], strict=True))


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
    def rows(self, columns: Columns) -> int:
        """Return an upper bound of the number of rows."""

    @abstractmethod
    def chunks(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """Yield chunks with some or all of the wanted columns, named by their index among these.

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
    """Turn the errors of a file that is not what it seems into an InputError."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} cannot be read as a {kind} file: {reason}") from error
