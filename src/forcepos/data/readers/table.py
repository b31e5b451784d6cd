"""A table of any format, as the formats' readers offer it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from forcepos.data.readers.layout import Layout
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import shortened

WORDS = ("recording", "point", "label", "session", "keep")  # roles of columns that hold words
ALL = ""  # the role of a column of any kind
_LONGEST = 60  # characters of a type in a message
TIMES = (pa.types.is_timestamp, pa.types.is_duration, pa.types.is_time, pa.types.is_date)
_NUMBERS = (
    pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null,
    pa.types.is_timestamp, pa.types.is_duration,
)  # fmt: skip
_KINDS = {
    "numbers": _NUMBERS,  # can be read as float64; timestamps and durations are read as seconds
    "times": (*_NUMBERS, *TIMES),
    "words": (
        *_NUMBERS, *TIMES, pa.types.is_dictionary,
        pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
        pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
    ),
}  # fmt: skip

Chunk = dict[int, pa.Array]  # some rows of columns, by their index among the wanted ones


class Wanted(NamedTuple):
    """A wanted column: its role, such as feature or point, its name in messages, and its index in the table."""

    role: str
    name: str
    place: int


class Table(ABC):
    """A source of rows that is read a chunk at a time."""

    kind: str  # Feather, Parquet, text, or a reader's class
    layout: Layout | None = None  # of a text

    def __init__(self, path: Path, names: Sequence[str] | None, width: int) -> None:
        self.path, self.names, self.width = path, names, width  # names: None where there is no header
        self.title = str(path)  # for messages; says who reads it if that is no reader of ours
        self.left_out: Sequence[str] = ()  # what else the file holds, and why it is no column
        self.row_errors: list[str] = []  # a message for each line that the last reading dropped, if not strict

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, or the numbers of those without a name, unless another has it for a name."""
        names = self.names or [""] * self.width
        return tuple(name or str(place) * (str(place) not in names) for place, name in enumerate(names))

    @property
    def numbered(self) -> dict[str, list[int]]:
        """The place of each column by its number, which counts where no column has this name."""
        return {str(place): [place] for place in range(self.width)}

    @property
    def everything(self) -> list[Wanted]:
        """All columns, of whatever kind they are."""
        return [Wanted(ALL, name, place) for place, name in enumerate(self.columns)]

    @abstractmethod
    def rows(self, columns: Sequence[Wanted]) -> int:
        """Return an upper bound of the number of rows."""

    @abstractmethod
    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:
        """Yield chunks of some or all of the wanted columns; without any, of all columns together.

        Args:
            strict: refuse broken lines; False: drop them and note them in `row_errors`.

        Raises:
            InputError: the file is damaged, a column is of the wrong kind, or a line is broken.
        """


def check_kinds(title: str, columns: Sequence[Wanted], kinds: Sequence[pa.DataType]) -> None:
    """Refuse columns whose types, in the same order, do not suit their roles."""
    wrong: dict[str, list[str]] = {"numbers": [], "words": []}
    for column, kind in zip(columns, kinds, strict=True):
        wanted = "words" if column.role in WORDS else "numbers"
        allowed = _KINDS["times" if column.role == "time" else wanted]
        if column.role != ALL and not any(is_kind(kind) for is_kind in allowed):
            wrong[wanted].append(f"{column.name} holds {shortened(str(kind), _LONGEST)}")
    lines = [f"{', '.join(dict.fromkeys(names))}, not {wanted}" for wanted, names in wrong.items() if names]
    if lines:
        raise InputError(f"{title}: {'; '.join(lines)}")


@contextmanager
def explained(title: object, kind: str, *others: type[Exception]) -> Iterator[None]:
    """Turn the errors of a file that is not what it seems into an InputError; some only show late.

    `others`: what else the library that reads it raises.
    """
    errors = (pa.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, ValueError, *others)
    try:
        yield
    except InputError:
        raise
    except errors as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        reason = "a value is out of range" if isinstance(error, OverflowError) else reason
        raise InputError(f"{title} cannot be read as a {kind} file: {reason}") from error
