"""A table of any format, a user's own too, and its words, whatever type each file gives them."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.data.readers.layout import Layout
from forcepos.data.readers.lines import MISSING, decoded, is_number
from forcepos.data.recordings import Int32
from forcepos.runtime.errors import InputError, plugin_errors, plugin_name
from forcepos.runtime.wording import shortened, visible_name

WORDS = ("recording", "point", "label", "session", "keep")  # roles of columns that hold words
ALL = ""  # the role of a column of any kind
TIMES = (pa.types.is_timestamp, pa.types.is_duration, pa.types.is_time, pa.types.is_date)
# The beginnings of types' names; numbers can be read as float64, timestamps and durations as seconds.
_NUMBERS = "u?int|halffloat|float|double|bool|decimal|null|timestamp|duration"
_KINDS = {"numbers": _NUMBERS, "times": f"{_NUMBERS}|time|date"}
_KINDS["words"] = f"{_KINDS['times']}|dictionary|(large_)?(string|binary)"

# As programs write numbers. 007 is none, and stays the word it is: different digits may be different names.
_PLAIN = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][+-][0-9]{1,3})?")
_TRUTH = {"true": "1", "false": "0"}

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

        A damaged file, a column of the wrong kind, and a broken line are an InputError; without `strict`, broken
        lines are dropped and noted in `row_errors`.
        """


def check_kinds(title: str, columns: Sequence[Wanted], kinds: Sequence[pa.DataType]) -> None:
    """Refuse columns whose types, in the same order, do not suit their roles."""
    wrong: dict[str, dict[str, None]] = {}
    for column, kind in zip(columns, kinds, strict=True):
        wanted = "words" if column.role in WORDS else "numbers"
        allowed = _KINDS["times" if column.role == "time" else wanted]
        if column.role != ALL and not re.match(allowed, str(kind)):
            wrong.setdefault(wanted, {})[f"{column.name} holds {shortened(str(kind), 60)}"] = None
    if wrong:
        lines = [f"{', '.join(names)}, not {wanted}" for wanted, names in sorted(wrong.items())]
        raise InputError(f"{title}: {'; '.join(lines)}")


@contextmanager
def explained(title: object, kind: str, *others: type[Exception]) -> Iterator[None]:
    """Turn errors of a file that is not what it seems, and `others` of its library, into one InputError."""
    errors = (pa.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, ValueError, *others)
    try:
        yield
    except InputError:
        raise
    except errors as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        reason = "a value is out of range" if isinstance(error, OverflowError) else reason
        raise InputError(f"{title} cannot be read as a {kind} file: {reason}") from error


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
        with nullcontext() if path.is_dir() else path.open("rb") as file:
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
                each, arrow = (piece[name] for name in names), pa.Array | pa.ChunkedArray
                arrays = [one if isinstance(one, arrow) else pa.array(one, from_pandas=True) for one in each]
                table = pa.table(arrays, names)  # of one length
                rows += len(table)
                if self._count is not None and rows > self._count:
                    raise InputError(f"{self.title}: `pieces` yields more rows the second time")
                check_kinds(self.title, wanted, table.schema.types)
                yield {number: column.combine_chunks() for number, column in enumerate(table.columns)}


class Words:
    """Words, numbered from 0 on as they appear. 3, 3.0 and the text 3.00 are one, as true and 1, false and 0."""

    def __init__(self, count: int, role: str, exact: bool = False) -> None:
        # Exact texts are taken as they are, even empty ones, others without spaces around them.
        self.role, self.exact = role, exact
        self.names, self._known = list[str](), dict[str, int]()
        self.numbers: Int32 = np.empty(count, np.int32)  # of each row; -1 where there is no word

    def number(self, name: str, key: str) -> int:
        """Return the number of a name, a new one for a new key; names with different keys are different."""
        if key not in self._known:
            self._known[key] = len(self.names)
            self.names.append(visible_name(name))
        return self._known[key]

    def encode(self, column: pa.Array, prefix: str = "") -> Int32:
        """Return the number of each of a column's values, (rows,)."""
        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        column = column.cast(pa.float32()) if pa.types.is_float16(column.type) else column
        encoded = column.dictionary_encode()
        places, values = np.asarray(encoded.indices.fill_null(-1), np.int64), encoded.dictionary.to_pylist()
        if pa.types.is_float32(column.type):  # 0.1, not 0.10000000149011612
            values = [value if value is None else np.float32(value) for value in values]
        words = map(self._word, values)
        # True is 1: the name is the first that was read, the key one for both.
        keys = ((word, _TRUTH.get(word.lower(), word) if word else word) for word in words)
        numbers = [-1 if word is None else self.number(prefix + word, f"{prefix}\0{key}") for word, key in keys]
        return np.asarray(np.array([*numbers, -1], np.int32)[places])  # the last one for places of -1

    def _word(self, value: object) -> str | None:
        """Return the one word for a value, None if it is missing."""
        if value is None or value != value:  # noqa: PLR0124  # NaN is no word
            return None
        if isinstance(value, float | np.floating):
            return str(int(value)) if float(value).is_integer() else _written(str(value))
        text = decoded(value) if isinstance(value, bytes) else str(value)
        text = text if self.exact else text.strip()
        return None if text in MISSING and (text or not self.exact) else _written(text)

    @property
    def values(self) -> NDArray[Any]:
        """(count,) float64 where all words are numbers, all different; else the words as objects."""
        named: NDArray[Any] = np.array(self.names, object)
        if all(is_number(name, ".") for name in self.names) and len({*map(float, self.names)}) == len(self.names):
            named = named.astype(np.float64)
        return np.asarray(named[self.numbers])


def _written(text: str) -> str:
    """Write a plain number with all its digits and no others, `3` for `3.00`; leave any other text as it is."""
    if not _PLAIN.fullmatch(text):
        return text
    digits = f"{Decimal(text):f}"  # exact, where a float would lose digits of large numbers
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits == "-0" else digits
