"""What a survey finds: as JSON, in remarks for the user, and in tables."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.guesses import NAMED
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.wording import first_lines, name_some, shortened, visible, visible_lines, visible_name

SHOWN = 8  # names in a list
_SATURATED_SHARE = 0.01  # of all rows that lie exactly at the end of the range
_SATURATED_ROWS, _FEW_VALUES = 5, 10  # of a channel with fewer values, rows at an end are nothing unusual
_RARE = 0.1  # of the largest class
_WIDTH = 120
_COLUMNS = ("column", "kind", "min", "max", "mean", "std", "missing", "distinct", "stuck in")
_RIGHT = {*_COLUMNS[2:], "rows", "%"}


def facts(survey: Survey) -> dict[str, Any]:
    """Return what a survey finds, as far as JSON can hold it."""
    recordings, columns, times = survey.recordings, survey.columns, survey.recordings.times
    signals, first, guesses = recordings.signals, recordings.bounds[:, 0], survey.guesses
    pauses = int(times.pauses.sum()) if times else 0
    if times and "gap_s" in survey.settings:  # pauses that begin a new recording
        pauses += len(recordings.names) - len(times.names)
    never = np.fmin.reduceat(signals, first) == np.fmax.reduceat(signals, first)  # changes in a recording
    stuck = zip(recordings.channels, (never & (np.diff(recordings.bounds) > 1)).sum(axis=0).tolist(), strict=True)
    labels = filter(None, (guesses.roles["label"], *guesses.candidates))
    return {
        "files": len(survey.sources), "recordings": len(recordings.names), "points": survey.points or None,
        "rows": len(recordings.recording), "rate_hz": recordings.rate_hz,
        "gaps": {"count": pauses, "longest_s": round(float(times.longest_s.max()), 9) if times and pauses else 0.0},
        "ranges": {name: [one.low, one.high] for name, one in columns.items() if one.low <= one.high},
        "missing": {name: one.rows - one.known for name, one in columns.items() if one.known < one.rows},
        "stuck": {name: count for name, count in stuck if count},
        "saturated": {name: ends for name in recordings.channels if (ends := _saturated(columns[name]))},
        "balance": {name: columns[name].counts or {} for name in labels},
        "guesses": guesses.roles,
    }  # fmt: skip


def _saturated(one: Column) -> list[dict[str, Any]]:
    usual = one.known / one.distinct if one.distinct else 1
    many = max(_SATURATED_ROWS, _SATURATED_SHARE * one.known, _SATURATED_ROWS * usual)
    ends = zip(one.at_ends.items(), (one.low, one.high), strict=True)
    found = [{"end": end, "value": value, "rows": rows} for (end, rows), value in ends if rows >= many]
    return found if one.low < one.high and (one.distinct or np.inf) >= _FEW_VALUES else []


def remarks(survey: Survey, found: dict[str, Any]) -> list[str]:
    """Return what the user should check and training does not tell, a line each; `found` are the facts."""
    roles, candidates = survey.guesses.roles, survey.guesses.candidates
    lines = [f"skipped: {line}" for line in [*survey.skipped.values()][:SHOWN]]
    names = Counter(path.name for path in [*(source.path for source in survey.sources), *survey.skipped])
    if len(recurring := [name for name, count in names.items() if count > 1]) > 1:
        parts = "if they are parts of one trial, set data.join, which puts them side by side"
        lines += [f"{name_some(recurring, SHOWN)} are in several folders: {parts}"]
    for first, *more in (source.row_errors for source in survey.sources if source.row_errors):
        lines += [first + (f"; {len(more) + 1} such lines" if more else "")]
    for name, one in survey.columns.items():
        lines += _faults(one, found["saturated"].get(name, ()))
    if not roles["positions"]:
        lines += ["no position columns found: name them with --positions X Y Z, or set data.targets"]
    if not roles["time"]:
        lines += ["no time column found: name it with --time, or set data.rate_hz"]
    counts = found["balance"].get(roles["label"], {})
    if rare := [value for value, count in counts.items() if count < _RARE * max(counts.values())]:
        few = f"{name_some(rare, SHOWN)}, {min(counts.values())} compared with {max(counts.values())}"
        lines += [f"label {roles['label']}: few rows of class {few}"]
    if candidates and not roles["label"]:
        few = f"{name_some(candidates, SHOWN)}: few distinct values, so each may be a label"
        lines += [f"{few}; choose one with --label"]
    return lines


def _faults(one: Column, saturated: Iterable[dict[str, Any]]) -> Iterator[str]:
    if lost := one.rows - one.known - len(one.faults):
        yield f"column {one.name}: {quantity(lost, 'value')} missing or not finite"
    if one.faults:
        yield f"column {one.name}: {quantity(len(one.faults), 'non-numeric value')}, such as {one.faults[0][:30]!r}"
    for end in saturated:
        which = f"its {end['end']}est value, in {end['rows']} rows: saturated?"
        yield f"column {one.name} is exactly {end['value']:.6g}, {which}"


def quantity(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'s'[: number != 1]}"


def show(survey: Survey, found: dict[str, Any], lines: Iterable[str]) -> None:
    """Print the facts as tables, and lines, on standard error."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    for title, most, columns, rows in _tables(survey, found):
        table = Table()
        for name in columns:
            right = name in _RIGHT
            table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
        more = first_lines([row[0] for row in rows], most)[most:]
        for row in [*rows[:most], *([line] for line in more)]:
            table.add_row(*(Text(shortened(visible_name(str(cell)))) for cell in row))
        console.print(Text(shortened(visible(title)), "bold"), table, sep="\n")
    rate = f", {found['rate_hz']:.6g} rows per second" if found["rate_hz"] else ""
    points = f" of {quantity(survey.points, 'point')}" if survey.points else ""
    files, recordings = quantity(found["files"], "file"), quantity(found["recordings"], "recording")
    for line in (f"{files}, {recordings}{points}, {found['rows']} rows{rate}", *lines):
        console.print(Text(visible_lines(line)), soft_wrap=True)


def _tables(survey: Survey, found: dict[str, Any]) -> Iterator[tuple[str, int, Sequence[str], list[list[Any]]]]:
    """Yield titles, how many rows are shown, the names of columns, and all rows."""
    guesses, recordings, label = survey.guesses, survey.recordings, survey.guesses.roles["label"]
    files = [[source.path, source.kind, source.layout or ""] for source in survey.sources]
    yield "Files", 10, ("file", "format", "layout"), files
    roles = {guesses.roles[one]: one for one in reversed(NAMED)} | dict.fromkeys(guesses.candidates, "label?")
    rows = []
    for name, one in survey.columns.items():
        numbers = [f"{value:.5g}" * (name in found["ranges"]) for value in (one.low, one.high, one.mean, one.std)]
        distinct, stuck = "many" if one.distinct is None else one.distinct, found["stuck"].get(name, "")
        kind, missing = roles.get(name) or one.kind or one.type, found["missing"].get(name, "")
        rows += [[name, kind, *numbers, missing, distinct, "all" if stuck == found["recordings"] else stuck]]
    yield "Columns", 500, _COLUMNS, rows
    if len(recordings.names) > 1:
        lengths = zip(recordings.names, np.diff(recordings.bounds)[:, 0], strict=True)
        yield "Recordings", 12, ("recording", "rows"), [[*pair] for pair in lengths]
    for name, counts in found["balance"].items():
        what, total = "the label" if name == label else "possibly a label", sum(counts.values())
        shares = [[value, count, f"{100 * count / total:.1f}"] for value, count in counts.items()]
        yield f"Classes of {name}, {what}", 40, ("class", "rows", "%"), shares
    chosen = ((role, [one] if isinstance(one, str) else one or []) for role, one in guesses.roles.items())
    why = [[role, name_some(names, SHOWN), guesses.reasons.get(role, "none found")] for role, names in chosen]
    yield "Guesses", len(why), ("role", "columns", "reason"), why
