"""CSV files and text separated by whitespace, read a chunk at a time and only the columns that are needed."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from forcepos.data.readers.layout import Layout, Written, find_layout
from forcepos.data.readers.lines import LONGEST, SPACE, Content, decoded, read_times, single_spaced, too_long
from forcepos.data.readers.table import ALL, WORDS, Chunk, Table, Wanted, explained
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, once_each

log = logging.getLogger(__name__)

_PER_COLUMN = 1 << 10  # bytes, at least: thousands of columns take as long a chunk, however few its rows
_SHOWN, _COUNTED = 10, 10_000  # broken lines
# Words have any encoding.
_TYPES = {"words": pa.binary(), "time": pa.binary(), "truth": pa.bool_(), "number": pa.float64(), "": pa.float64()}


class TextTable(Table):
    """A CSV file, or a text with columns separated by whitespace; `content`: of a file inside another."""

    kind = "text"
    layout: Layout

    def __init__(self, path: Path, written: Written | None, content: bytes | None = None) -> None:
        with explained(path, self.kind):
            try:
                self.content = Content(path, content)
                self.layout = find_layout(self.content, written)
            except InputError as error:
                raise InputError(f"{path} {error}") from error
        super().__init__(path, self.layout.names, self.layout.columns)

    def rows(self, columns: Sequence[Wanted]) -> int:  # noqa: ARG002  # the same for every table
        return self.content.ends

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:
        wanted = [(str(one.place), self._kind(one)) for one in columns or self.everything]
        # In reverse, for a column that is both a number and a word is read as a number.
        types = {place: _TYPES[kind] for place, kind in reversed(wanted) if columns or kind == "time"}
        options = csv.ConvertOptions(
            check_utf8=False, column_types=types, include_columns=[*dict(wanted)], strings_can_be_null=not columns,
            null_values=sorted(self.layout.missing), decimal_point=self.layout.decimal,
        )  # fmt: skip
        self.row_errors.clear()
        nuls = f"{self.content.nuls} NUL bytes at its end, as where a logger lost power, were dropped"
        dropped = [f"{self.path}: {note}" for note in (nuls * bool(self.content.nuls), self.layout.cut) if note]
        for note in dropped if strict else ():
            log.warning(note)
        with explained(self.path, self.kind):
            for first, text in self._whole_lines():
                try:
                    batches = self._parsed(text if strict else decoded(text).encode(), first, options, strict)
                    found = [
                        {number: read_times(batch[place], strict) if kind == "time" else batch[place]
                         for number, (place, kind) in enumerate(wanted)} for batch in batches
                    ]  # fmt: skip
                except pa.ArrowInvalid as error:
                    message = self._explained(error, columns or ()) if strict else f"{self.path}: {error}"
                    raise InputError(message) from error
                yield from found
        self.row_errors += [] if strict else dropped

    def _kind(self, column: Wanted) -> str:
        """Return what a column's fields are other than numbers: words, time or truth."""
        found = "words" if column.role in WORDS else self.layout.kinds.get(column.place, "")
        return "" if found == "time" and column.role not in {"time", ALL} else found

    def _parsed(self, text: bytes, first: int, options: csv.ConvertOptions, strict: bool) -> list[pa.RecordBatch]:
        """Parse whole lines into columns named by their index; `first` is the number of the first line."""
        names = [str(place) for place in range(self.layout.width)]
        # With threads, a broken row has no number.
        reading = csv.ReadOptions(column_names=names, block_size=len(text) + 1, use_threads=strict)
        separator, handler = self.layout.separator.decode(), None if strict else partial(self._note, first)
        quote = False if separator == " " else '"'
        parsing = csv.ParseOptions(delimiter=separator, quote_char=quote, invalid_row_handler=handler)
        return list(csv.read_csv(pa.BufferReader(text), reading, parsing, options).to_batches())

    def _note(self, first: int, row: Any) -> str:
        line = f"{self.path}, line {first - 1 + (row.number or 0)} has {row.actual_columns} fields"
        self.row_errors.append(f"{line}, not {row.expected_columns}, and is dropped here")
        return "skip"

    def _whole_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield many lines at once and the number of the first, with one space for any amount of whitespace."""
        first, rest = self.layout.first, b""
        number, size = first.number, _PER_COLUMN * self.layout.width
        for block in chain(self.content.blocks(first.begin, self.layout.end, size), [b""]):
            rest += block
            end = b"\n" if b"\n" in rest else b"\r"
            whole = rest.rfind(end) + 1 if block else len(rest)
            text, rest = rest[:whole], rest[whole:]
            if text and not text.isspace():
                yield number, single_spaced(text) if self.layout.separator == SPACE else text
            number += text.count(end)
            if len(rest) > LONGEST:
                raise InputError(f"{self.path} {too_long(number)}")

    def _explained(self, error: Exception, columns: Sequence[Wanted]) -> str:
        found = list(islice(self.errors(columns), _COUNTED))
        if len(found) > _SHOWN:
            found = once_each([("", line) for line in found], "line")
        if len(found) < 2:
            return f"{self.path}: {found[0]}" if found else f"{self.path} cannot be read: {error}"
        return "\n  ".join([f"{self.path} cannot be read:", *first_lines(found, _SHOWN)])

    def errors(self, columns: Sequence[Wanted]) -> Iterator[str]:
        """Describe each broken line."""
        wanted = [(one.place, one.name, self._kind(one)) for one in columns if one.role not in WORDS]
        for first, text in self._whole_lines():
            for number, line in enumerate(text.splitlines(), first):
                if line and (wrong := self.layout.row_error(line, wanted)):
                    yield f"line {number} {wrong}"
