"""Findings of a survey: stuck and saturated channels, classes, remarks for the user, and tables of them."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forcepos.commands.inspect.guesses import NAMED, ROLES
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.wording import first_lines, name_some, shortened, visible, visible_lines, visible_name

SHOWN = 8  # names in a list
_SATURATED_SHARE = 0.01  # of all rows that lie exactly at the end of the range
_SATURATED_ROWS, _FEW_VALUES = 5, 10  # of a channel with fewer values, rows at an end are nothing unusual
_RARE = 0.1  # of the largest class
_EXACT = 1e15  # whole numbers below this are written with all their digits
_WIDTH = 120
_MOST = {"file": 10, "column": 500, "recording": 12, "class": 40}  # rows of a table, by its first column
_COLUMNS = ("column", "kind", "min", "max", "mean", "std", "missing", "distinct", "stuck in")
_RIGHT = {*_COLUMNS[2:], "rows", "%"}


def facts(survey: Survey) -> dict[str, Any]:
    """Return what a survey finds, as far as JSON can hold it."""
    recordings, columns, times = survey.recordings, survey.columns, survey.recordings.times
    count = int(times.pauses.sum()) if times else 0
    if times and "gap_s" in survey.settings:  # pauses that begin a new recording
        count += len(recordings.names) - len(times.names)
    ranges = {name: [one.low, one.high] for name, one in columns.items() if one.kind != "text" and one.known}
    bounds, signals = recordings.bounds, recordings.signals
    low, high = (one.reduceat(signals, bounds[:, 0]) for one in (np.fmin, np.fmax))
    stuck = ((low == high) & (np.diff(bounds) > 1)).sum(axis=0).tolist()  # recordings in which it never changes
    sizes: dict[str, Any] = {"files": len(survey.sources), "recordings": len(recordings.names)}
    sizes |= {"points": survey.points or None, "rows": len(recordings.recording), "rate_hz": recordings.rate_hz}
    longest_s = round(float(times.longest_s.max()), 9) if times and count else 0.0
    sizes |= {"gaps": {"count": count, "longest_s": longest_s}, "ranges": ranges}
    sizes |= {"missing": {name: one.rows - one.known for name, one in columns.items() if one.known < one.rows}}
    sizes |= {"stuck": {name: number for name, number in zip(recordings.channels, stuck, strict=True) if number}}
    sizes |= {"saturated": _saturated(survey), "balance": _balance(survey)}
    return sizes | {"guesses": {role: getattr(survey.guesses, role) for role in ROLES}}


def _saturated(survey: Survey) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, signal in zip(survey.recordings.channels, survey.recordings.signals.T, strict=True):
        column = survey.columns[name]
        usual = column.known / column.distinct if column.distinct else 1
        many = max(_SATURATED_ROWS, _SATURATED_SHARE * column.known, _SATURATED_ROWS * usual)
        varies = np.float32(column.low) < np.float32(column.high) and (column.distinct or np.inf) >= _FEW_VALUES
        for end, value in (("low", column.low), ("high", column.high)) if varies else ():
            if (rows := int(np.count_nonzero(signal == np.float32(value)))) >= many:
                found.setdefault(name, []).append({"end": end, "value": value, "rows": rows})
    return found


def _balance(survey: Survey) -> dict[str, dict[str, int]]:
    """Count the rows of each class, of the label and of columns that may be one; different ones stay apart."""
    found: dict[str, dict[str, int]] = {}
    for name in filter(None, (survey.guesses.label, *survey.guesses.candidates)):
        counts = survey.columns[name].counts or Counter()
        for value in sorted(counts, key=lambda value: (isinstance(value, str), value)):
            whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
            found.setdefault(name, {})[f"{value:.0f}" if whole else str(value)] = counts[value]
    return found


def remarks(survey: Survey, found: dict[str, Any]) -> Iterator[str]:
    """Yield what the user should check and training does not tell, a line each; `found` are the facts."""
    yield from (f"skipped: {line}" for line in [*survey.skipped.values()][:SHOWN])
    names = Counter(path.name for path in [*(source.path for source in survey.sources), *survey.skipped])
    if len(recurring := [name for name, count in names.items() if count > 1]) > 1:
        parts = "if they are parts of one trial, set data.join, which puts them side by side"
        yield f"{name_some(recurring, SHOWN)} are in several folders: {parts}"
    for first, *more in (source.row_errors for source in survey.sources if source.row_errors):
        yield first + (f"; {len(more) + 1} such lines" if more else "")
    for name, one in survey.columns.items():
        words = f"{quantity(one.not_numbers, 'non-numeric value')}, such as {one.example!r}"
        lost = one.rows - one.known - one.not_numbers
        faults = {f"{quantity(lost, 'value')} missing or not finite": lost, words: one.not_numbers}
        yield from (f"column {name}: {fault}" for fault, count in faults.items() if count)
    for name, end in ((name, end) for name, ends in found["saturated"].items() for end in ends):
        which = f"its {end['end']}est value, in {end['rows']} rows: saturated?"
        yield f"column {name} is exactly {end['value']:.6g}, {which}"
    guesses = survey.guesses
    if not guesses.positions:
        yield "no position columns found: name them with --positions X Y Z, or set data.targets"
    if not guesses.time:
        yield "no time column found: name it with --time, or set data.rate_hz"
    counts = found["balance"].get(guesses.label, {})
    if rare := [value for value, count in counts.items() if count < _RARE * max(counts.values())]:
        few = f"{name_some(rare, SHOWN)}, {min(counts.values())} compared with {max(counts.values())}"
        yield f"label {guesses.label}: few rows of class {few}"
    if guesses.candidates and not guesses.label:
        few = name_some(guesses.candidates, SHOWN)
        yield f"{few}: few distinct values, so each may be a label; choose one with --label"


def quantity(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'s'[: number != 1]}"


def show(survey: Survey, found: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print the facts as tables, and lines, on standard error."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    for title, columns, all_rows in _tables(survey, found):
        table, rows = Table(), [*all_rows]
        for name in columns:
            right = name in _RIGHT
            table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
        most = _MOST.get(columns[0], len(rows))
        more = first_lines([row[0] for row in rows], most)[most:]
        for row in [*rows[:most], *([line] for line in more)]:
            table.add_row(*(Text(shortened(visible_name(cell))) for cell in row))
        console.print(Text(shortened(visible(title)), "bold"), table, sep="\n")
    rate = f", {found['rate_hz']:.6g} rows per second" if found["rate_hz"] else ""
    points = f" of {quantity(survey.points, 'point')}" if survey.points else ""
    files, recordings = quantity(found["files"], "file"), quantity(found["recordings"], "recording")
    for line in (f"{files}, {recordings}{points}, {found['rows']} rows{rate}", *lines):
        console.print(Text(visible_lines(line)), soft_wrap=True)


def _tables(survey: Survey, found: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str], Iterable[list[str]]]]:
    guesses, recordings = survey.guesses, survey.recordings
    files = ([str(source.path), source.kind, str(source.layout or "")] for source in survey.sources)
    yield "Files", ("file", "format", "layout"), files
    yield "Columns", _COLUMNS, _columns(survey, found)
    if len(recordings.names) > 1:
        lengths = zip(recordings.names, np.diff(recordings.bounds)[:, 0], strict=True)
        yield "Recordings", ("recording", "rows"), ([name, f"{rows}"] for name, rows in lengths)
    for name, counts in found["balance"].items():
        what, total = "the label" if name == guesses.label else "possibly a label", sum(counts.values())
        shares = ([value, f"{count}", f"{100 * count / total:.1f}"] for value, count in counts.items())
        yield f"Classes of {name}, {what}", ("class", "rows", "%"), shares
    chosen = ((name, getattr(guesses, name) or (), guesses.reasons.get(name, "none found")) for name in ROLES)
    roles = ([name, one if isinstance(one, str) else name_some(one, SHOWN), why] for name, one, why in chosen)
    yield "Guesses", ("role", "columns", "reason"), roles


def _columns(survey: Survey, found: Mapping[str, Any]) -> Iterator[list[str]]:
    guesses = survey.guesses
    roles = {getattr(guesses, one): one for one in reversed(NAMED)} | dict.fromkeys(guesses.candidates, "label?")
    for name, column in survey.columns.items():
        numbers = (f"{value:.5g}" for value in (column.low, column.high, column.mean, column.std))
        shown = numbers if name in found["ranges"] else ("",) * 4
        distinct = "many" if column.distinct is None else f"{column.distinct}"
        count, missing = found["stuck"].get(name, ""), f"{found['missing'].get(name, '')}"
        kind = roles.get(name) or guesses.kinds[name] or column.kind
        yield [name, kind, *shown, missing, distinct, "all" if count == found["recordings"] else f"{count}"]
