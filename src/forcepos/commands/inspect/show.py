"""Tables and remarks on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.facts import SHOWN, balance, quantity, role, stuck
from forcepos.commands.inspect.names import UNITS
from forcepos.commands.inspect.roles import ROLES
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.wording import first_lines, name_some, shortened, visible, visible_lines, visible_name

_WIDTH = 120
_MOST = {"file": 10, "column": 500, "recording": 12, "class": 40}  # rows of a table, by its first column


def show(survey: Survey, remarks: Sequence[str], training: Sequence[str]) -> None:
    """Print all tables, remarks and warnings of training."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    for title, columns, rows in _tables(survey):
        console.print(Text(shortened(visible(title)), "bold"))
        console.print(_table(columns, [*rows]))
    for line in (*_overview(survey), *(f"note: {remark}" for remark in remarks), *training):
        console.print(Text(visible_lines(line)), soft_wrap=True)


def _tables(survey: Survey) -> Iterator[tuple[str, Sequence[str], Iterable[Sequence[str]]]]:
    files = ((str(source.path), source.kind, str(source.layout or "")) for source in survey.sources)
    yield "Files", ("file", "format", "layout"), files
    counts = stuck(survey)
    yield "Columns", _COLUMNS, (_column(survey, column, counts) for column in survey.columns.values())
    if len(survey.recordings) > 1:
        position = f"mean position ({survey.guesses.unit})" if survey.guesses.positions else ""
        yield (
            "Recordings",
            ("recording", "rows", position),
            (
                (each.name, str(each.rows), ", ".join(f"{value:.5g}" for value in each.position))
                for each in survey.recordings
            ),
        )
    for name, counts in balance(survey).items():
        what = "the label" if name == survey.guesses.label else "possibly a label"
        yield f"Classes of {name}, {what}", ("class", "rows", "%"), _classes(counts)
    yield "Guesses", ("role", "columns", "reason"), _guesses(survey)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table()
    for name in columns:
        right = name in _RIGHT
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    most = _MOST.get(columns[0], len(rows))
    more = first_lines([row[0] for row in rows], most)[most:]
    for row in [*rows[:most], *([line] for line in more)]:
        table.add_row(*(Text(shortened(visible_name(cell))) for cell in row))
    return table


_COLUMNS = ("column", "kind", "unit", "min", "max", "mean", "std", "missing", "distinct", "stuck in")
_RIGHT = {"min", "max", "mean", "std", "missing", "distinct", "stuck in", "rows", "%"}


def _column(survey: Survey, column: Column, counts: Mapping[str, int]) -> Sequence[str]:
    distinct = f"{column.distinct}" if column.distinct is not None else "many"
    numbers = (f"{value:.5g}" for value in (column.low, column.high, column.mean, column.std))
    shown = tuple(numbers) if column.kind != "text" and column.known else ("",) * 4
    kind = role(survey, column.name) or column.kind
    count = counts.get(column.name, 0)
    stuck_in = "" if not count else "all" if count == len(survey.recordings) else f"{count}"
    unit = (
        survey.guesses.unit if column.name in survey.guesses.positions else UNITS.get(kind.removesuffix("?"), "")
    )
    return (column.name, kind, unit, *shown, f"{column.missing or ''}", distinct, stuck_in)


def _classes(counts: Mapping[str, int]) -> Iterator[Sequence[str]]:
    total = sum(counts.values())
    return ((value, str(count), f"{100 * count / total:.1f}") for value, count in counts.items())


def _guesses(survey: Survey) -> Iterator[Sequence[str]]:
    for name in ROLES:
        columns = getattr(survey.guesses, name) or ()
        shown = columns if isinstance(columns, str) else name_some(columns, SHOWN)
        yield name, shown, survey.guesses.reasons.get(name, "none found")


def _overview(survey: Survey) -> Iterator[str]:
    rate = f", {survey.times.rate_hz:.6g} rows per second" if survey.times.rate_hz else ""
    points = f" of {quantity(len(survey.points), 'point')}" if survey.points else ""
    files, recordings = quantity(len(survey.sources), "file"), quantity(len(survey.recordings), "recording")
    yield f"{files}, {recordings}{points}, {survey.rows} rows{rate}"
