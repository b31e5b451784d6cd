"""Tables and remarks on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from rich.console import Console
from rich.table import Table
from rich.text import Text

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.facts import SHOWN, balance, quantity, role, stuck
from forcepos.commands.inspect.names import UNITS
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.wording import first_lines, name_some

_WIDTH = 120
_FILES, _RECORDINGS, _CLASSES = 10, 12, 40


def show(survey: Survey, remarks: Sequence[str], training: Sequence[str]) -> None:
    """Print all tables, remarks and warnings of training."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    for title, columns, rows in _tables(survey):
        console.print(Text(title, "bold"))
        console.print(_table(columns, rows))
    for line in (*_overview(survey), *(f"note: {remark}" for remark in remarks), *training):
        console.print(Text(line), soft_wrap=True)


def _tables(survey: Survey) -> Iterator[tuple[str, Sequence[str], Iterator[Sequence[str]]]]:
    yield "Files", ("file", "format", "layout"), _files(survey)
    yield "Columns", _COLUMNS, (_column(survey, column) for column in survey.columns.values())
    if len(survey.recordings) > 1:
        position = f"mean position ({survey.guesses.unit})" if survey.guesses.positions else ""
        yield "Recordings", ("recording", "rows", position), _recordings(survey)
    for name, counts in balance(survey).items():
        what = "the label" if name == survey.guesses.label else "possibly a label"
        yield f"Classes of {name}, {what}", ("class", "rows", "%"), _classes(counts)
    yield "Guesses", ("role", "columns", "reason"), _guesses(survey)


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> Table:
    table = Table()
    for name in columns:
        right = name in _RIGHT
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


_COLUMNS = ("column", "kind", "unit", "min", "max", "mean", "std", "missing", "distinct", "stuck in")
_RIGHT = {"min", "max", "mean", "std", "missing", "distinct", "stuck in", "rows", "%"}


def _files(survey: Survey) -> Iterator[Sequence[str]]:
    paths = first_lines([str(source.path) for source in survey.sources], _FILES)
    others = [(source.kind, source.layout) for source in survey.sources[:_FILES]]
    yield from ((path, *cells) for path, cells in zip_longest(paths, others, fillvalue=()))


def _column(survey: Survey, column: Column) -> Sequence[str]:
    distinct = f"{column.distinct}" if column.distinct is not None else "many"
    numbers = (f"{value:.5g}" for value in (column.low, column.high, column.mean, column.std))
    shown = tuple(numbers) if column.kind != "text" and column.known else ("",) * 4
    kind = role(survey, column.name) or column.kind
    count = stuck(survey).get(column.name, 0)
    stuck_in = "" if not count else "all" if count == len(survey.recordings) else f"{count}"
    unit = survey.guesses.unit if column.name in survey.guesses.positions else UNITS.get(kind, "")
    return (column.name, kind, unit, *shown, f"{column.missing or ''}", distinct, stuck_in)


def _recordings(survey: Survey) -> Iterator[Sequence[str]]:
    shown = survey.recordings[:_RECORDINGS]
    names = first_lines([recording.name for recording in survey.recordings], _RECORDINGS)
    others = [(str(one.rows), ", ".join(f"{value:.5g}" for value in one.position)) for one in shown]
    yield from ((name, *cells) for name, cells in zip_longest(names, others, fillvalue=()))


def _classes(counts: Mapping[str, int]) -> Iterator[Sequence[str]]:
    for value, count in list(counts.items())[:_CLASSES]:
        yield value, str(count), f"{100 * count / sum(counts.values()):.1f}"


def _guesses(survey: Survey) -> Iterator[Sequence[str]]:
    guesses = survey.guesses
    roles = {
        "time": guesses.time, "positions": guesses.positions, "recording": (guesses.recording,),
        "point": (guesses.point,), "label": (guesses.label,), "features": guesses.features,
    }  # fmt: skip
    for name, columns in roles.items():
        if name in guesses.reasons:
            yield name, name_some([str(column) for column in columns], SHOWN), guesses.reasons[name]
        else:
            yield name, "", "none found"


def _overview(survey: Survey) -> Iterator[str]:
    rate = f", {survey.times.rate_hz:.6g} rows per second" if survey.times.rate_hz else ""
    points = f" of {quantity(len(survey.points), 'point')}" if survey.points else ""
    files, recordings = quantity(len(survey.sources), "file"), quantity(len(survey.recordings), "recording")
    yield f"{files}, {recordings}{points}, {survey.rows} rows{rate}"
