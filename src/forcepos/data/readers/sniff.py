"""Guesses how a text table is written from its first lines."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from forcepos.data.readers.layout import SPACE, Written, split_fields
from forcepos.data.readers.lines import LONGEST, MARKS, is_number, is_text, lines
from forcepos.data.readers.text import TextTable
from forcepos.runtime.errors import InputError

_LOOKED_AT = 100  # lines from which the format is guessed


def open_text(path: Path) -> TextTable:
    """Guess the format of a text from its first lines.

    Raises:
        InputError: it is not text, or not a table.
    """
    with path.open("rb") as file:
        start = file.read(2 * LONGEST)
    if not is_text(start):
        raise InputError(f"{path} is not a Feather, Parquet or text file")
    try:
        rows = _first_rows(start)
    except InputError as error:
        raise InputError(f"{path} {error}") from error
    separator, mark = _guess_format(rows[1:] or rows)
    table = TextTable(path, Written("text" if separator == SPACE else "csv", separator.decode(), mark))
    _refuse_prose(table, [split_fields(row, separator) for row in rows])
    return table


def _first_rows(start: bytes) -> list[bytes]:
    """Take some lines that are not blank: no notes, and none that may have been cut."""
    rows = list(islice((line for _, _, line in lines(start) if not line.startswith(MARKS)), _LOOKED_AT))
    if not rows:
        raise InputError("has a header but no rows" if start.strip() else "has no rows")
    return rows[:-1] if 1 < len(rows) < _LOOKED_AT and len(start) == 2 * LONGEST else rows


def _guess_format(rows: Sequence[bytes]) -> tuple[bytes, str]:
    """Separator and decimal mark under which most fields are numbers and lines are alike."""
    best: tuple[tuple[float, float], bytes, str] = ((0.0, 0.0), b",", ".")
    for separator in (b";", b"\t", b",", SPACE):
        split = [split_fields(row, separator) for row in rows]
        count, alike = Counter(map(len, split)).most_common(1)[0]
        flat = [field for fields in split for field in fields]
        for mark in ".," if separator != b"," else ".":
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
