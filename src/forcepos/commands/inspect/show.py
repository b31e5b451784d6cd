"""What a person sees: tables on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.facts import balance, counted, role, some, stuck
from forcepos.commands.inspect.names import UNITS
from forcepos.commands.inspect.survey import Survey

_WIDTH = 120
_FILES, _RECORDINGS, _CLASSES = 10, 12, 40


def show(seen: Survey, remarks: Sequence[str], training: Sequence[str]) -> None:
    """Print everything."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    for title, columns, rows in _tables(seen):
        console.print(Text(title, "bold"))
        console.print(_table(columns, rows))
    for line in (*_overview(seen), *(f"look at: {remark}" for remark in remarks), *training):
        console.print(Text(line), soft_wrap=True)


def _tables(seen: Survey) -> Iterator[tuple[str, Sequence[str], Iterator[Sequence[str]]]]:
    yield "Files", ("file", "kind", "how it is written"), _files(seen)
    yield "Columns", _COLUMNS, (_column(seen, column) for column in seen.columns.values())
    if len(seen.recordings) > 1:
        place = f"mean position ({seen.guesses.unit})" if seen.guesses.positions else ""
        yield "Recordings", ("recording", "rows", place), _recordings(seen)
    for name, counts in balance(seen).items():
        what = "label" if name == seen.guesses.label else "a label perhaps"
        yield f"Classes of {name}, {what}", ("class", "rows", "%"), _classes(counts)
    yield "Guesses", ("what", "columns", "why"), _guesses(seen)


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> Table:
    table = Table()
    for name in columns:
        right = name in _RIGHT
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


_COLUMNS = ("column", "kind", "unit", "least", "greatest", "mean", "spread", "missing", "values", "stuck in")
_RIGHT = {"least", "greatest", "mean", "spread", "missing", "values", "stuck in", "rows", "%"}


def _files(seen: Survey) -> Iterator[Sequence[str]]:
    for source in seen.sources[:_FILES]:
        yield str(source.path), source.kind, source.layout
    if len(seen.sources) > _FILES:
        yield f"… and {len(seen.sources) - _FILES} more", "", ""


def _column(seen: Survey, column: Column) -> Sequence[str]:
    values = f"{column.distinct}" if column.distinct is not None else "many"
    numbers = (f"{value:.5g}" for value in (column.low, column.high, column.mean, column.spread))
    shown = tuple(numbers) if column.kind != "text" and column.known else ("",) * 4
    kind = role(seen, column.name) or column.kind
    count = stuck(seen).get(column.name, 0)
    held = "" if not count else "all" if count == len(seen.recordings) else f"{count}"
    unit = seen.guesses.unit if column.name in seen.guesses.positions else UNITS.get(kind, "")
    return (column.name, kind, unit, *shown, f"{column.missing or ''}", values, held)


def _recordings(seen: Survey) -> Iterator[Sequence[str]]:
    for one in seen.recordings[:_RECORDINGS]:
        yield one.name, str(one.rows), ", ".join(f"{value:.5g}" for value in one.place)
    if len(seen.recordings) > _RECORDINGS:
        yield f"… and {len(seen.recordings) - _RECORDINGS} more", "", ""


def _classes(counts: Mapping[str, int]) -> Iterator[Sequence[str]]:
    for value, count in list(counts.items())[:_CLASSES]:
        yield value, str(count), f"{100 * count / sum(counts.values()):.1f}"


def _guesses(seen: Survey) -> Iterator[Sequence[str]]:
    guesses = seen.guesses
    named = {
        "time": guesses.time, "positions": guesses.positions, "recording": (guesses.recording,),
        "point": (guesses.point,), "label": (guesses.label,), "features": guesses.features,
    }  # fmt: skip
    for what, columns in named.items():
        if what in guesses.why:
            yield what, some([str(column) for column in columns]), guesses.why[what]
        else:
            yield what, "", "none found"


def _overview(seen: Survey) -> Iterator[str]:
    rate = f", {seen.times.rate_hz:.6g} rows per second" if seen.times.rate_hz else ""
    points = f" of {counted(len(seen.points), 'point')}" if seen.points else ""
    files, recordings = counted(len(seen.sources), "file"), counted(len(seen.recordings), "recording")
    yield f"{files}, {recordings}{points}, {seen.rows} rows{rate}"
