"""Guesses how a text table is written from its first lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from forcepos.data.readers.layout import SPACE, Written, split_fields
from forcepos.data.readers.lines import LONGEST, is_number, is_text, lines
from forcepos.data.readers.text import TextTable
from forcepos.runtime.errors import InputError

_START = 1 << 17  # bytes from which the format is guessed
_LOOKED_AT = 100  # lines, likewise


def open_text(path: Path) -> TextTable:
    """Guess the format of a text from its first lines.

    Raises:
        InputError: it is not text, or not a table.
    """
    with path.open("rb") as file:
        start = file.read(_START)
        if start.count(b"\n") < _LOOKED_AT // 10:
            start += file.read(2 * LONGEST)  # long lines
    if not is_text(start):
        raise InputError(f"{path} is not a Feather, Parquet or text file")
    rows = _first_lines(path, start)
    separator, mark = _guess_format(rows[1:] or rows)
    kind = "text" if separator == SPACE else "csv"
    table = TextTable(path, Written(kind, separator.decode(), mark, header=None))
    _refuse_prose(table, [split_fields(row, separator) for row in rows])
    return table


def _first_lines(path: Path, start: bytes) -> list[bytes]:
    """Take some lines that are not blank: no notes, and none that may have been cut."""
    try:
        found = [line for _, _, line in lines(start)]
    except InputError as error:
        raise InputError(f"{path} {error}") from error
    whole = found[:-1] if len(start) >= _START and len(found) > 1 else found
    rows = [line for line in whole if not line.startswith((b"%", b"#"))][:_LOOKED_AT]
    if not rows:
        raise InputError(f"{path} has {'a header but no' if found else 'no'} rows")
    return rows


def _guess_format(rows: Sequence[bytes]) -> tuple[bytes, str]:
    """Separator and decimal mark under which most fields are numbers and lines are alike."""
    best: tuple[tuple[float, float], bytes, str] = ((0.0, 0.0), b",", ".")
    for separator in (b";", b"\t", b",", SPACE):
        for mark in ".," if separator != b"," else ".":
            split = [split_fields(row, separator) for row in rows]
            count, alike = Counter(map(len, split)).most_common(1)[0]
            flat = [field for fields in split for field in fields]
            numbers = sum(is_number(field, mark) or not field for field in flat) / max(1, len(flat))
            score = (round(numbers * alike / len(rows), 3) if count > 1 else 0.001 * numbers, count)
            if score > best[0]:
                best = score, separator, mark
    return best[1], best[2]


def _refuse_prose(table: TextTable, split: Sequence[Sequence[str]]) -> None:
    width, alike = Counter(map(len, split)).most_common(1)[0]
    mark = table.layout.decimal
    numbers = any(is_number(field, mark) for fields in split if len(fields) == width for field in fields)
    if not numbers or 2 * alike < len(split):
        raise InputError(
            f"{table.path} is not a table: most lines have no numbers, or differ in their number of fields"
        )
    if width != table.width:
        what = "the header names" if table.names else "the first row has"
        raise InputError(f"{table.path}: {what} {table.width} columns, but most lines have {width} fields")
