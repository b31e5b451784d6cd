"""Findings of a survey: stuck and saturated channels, classes, and remarks for the user."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from forcepos.commands.inspect.roles import NAMED, ROLES, Guesses
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.wording import name_some

SHOWN = 8  # names in a list
_SATURATED_SHARE = 0.01  # of all rows that lie exactly at the end of the range
_SATURATED_ROWS, _FEW_VALUES = 5, 10  # of a channel with fewer values, rows at an end are nothing unusual
_RARE = 0.1  # of the largest class
_EXACT = 1e15  # whole numbers below this are written with all their digits


def facts(survey: Survey) -> dict[str, Any]:
    """Return what a survey finds, as far as JSON can hold it."""
    recordings, columns = survey.recordings, survey.columns
    times = recordings.times
    count = int(times.pauses.sum()) if times else 0
    if times and "gap_s" in survey.settings:  # pauses that begin a new recording
        count += len(recordings.names) - len(times.names)
    numbers = {name: column for name, column in columns.items() if column.kind != "text" and column.known}
    bounds, signals = recordings.bounds, recordings.signals
    low, high = (one.reduceat(signals, bounds[:, 0]) for one in (np.fmin, np.fmax))
    stuck = ((low == high) & (np.diff(bounds) > 1)).sum(axis=0).tolist()  # recordings in which it never changes
    return {
        "files": len(survey.sources),
        "recordings": len(recordings.names),
        "points": survey.points or None,
        "rows": survey.rows,
        "rate_hz": recordings.rate_hz,
        "gaps": {"count": count, "longest_s": round(float(times.longest_s.max()), 9) if times and count else 0.0},
        "ranges": {name: [column.low, column.high] for name, column in numbers.items()},
        "missing": {name: one.rows - one.known for name, one in columns.items() if one.known < one.rows},
        "stuck": {name: count for name, count in zip(recordings.channels, stuck, strict=True) if count},
        "saturated": _saturated(survey),
        "balance": _balance(survey),
        "guesses": {role: getattr(survey.guesses, role) for role in ROLES},
    }


def _saturated(survey: Survey) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, signal in zip(survey.recordings.channels, survey.recordings.signals.T, strict=True):
        column = survey.columns[name]
        usual = column.known / column.distinct if column.distinct else 1
        many = max(_SATURATED_ROWS, _SATURATED_SHARE * column.known, _SATURATED_ROWS * usual)
        varies = np.float32(column.low) < np.float32(column.high) and (column.distinct or np.inf) >= _FEW_VALUES
        for end, value in (("low", column.low), ("high", column.high)):
            rows = int(np.count_nonzero(signal == np.float32(value)))
            if varies and rows >= many:
                found.setdefault(name, []).append({"end": end, "value": value, "rows": rows})
    return found


def _balance(survey: Survey) -> dict[str, dict[str, int]]:
    """Count the rows of each class, of the label and of columns that may be one."""
    found: dict[str, dict[str, int]] = {}
    for name in (survey.guesses.label, *survey.guesses.candidates):
        if name and (counts := survey.columns[name].counts):
            in_order = sorted(counts, key=lambda value: (isinstance(value, str), value))
            found[name] = {_exact(one): counts[one] for one in in_order}
    return found


def _exact(value: float | str) -> str:
    """Write a value such that different ones stay different."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return f"{value:.0f}" if whole else str(value)


def remarks(survey: Survey, found: dict[str, Any]) -> Iterator[str]:
    """Yield what the user should check and training does not tell, a line each; `found` are the facts."""
    yield from _of_files(survey)
    for column in survey.columns.values():
        missing = column.rows - column.known - column.not_numbers
        if missing:
            yield f"column {column.name}: {quantity(missing, 'value')} missing or not finite"
        if column.not_numbers:
            values = quantity(column.not_numbers, "non-numeric value")
            yield f"column {column.name}: {values}, such as {column.example!r}"
    for name, end in ((name, end) for name, ends in found["saturated"].items() for end in ends):
        which = f"its {end['end']}est value, in {end['rows']} rows: saturated?"
        yield f"column {name} is exactly {end['value']:.6g}, {which}"
    yield from _of_roles(survey.guesses, found["balance"])


def _of_files(survey: Survey) -> Iterator[str]:
    yield from (f"skipped: {line}" for line in [*survey.skipped.values()][:SHOWN])
    names = Counter(path.name for path in [*(source.path for source in survey.sources), *survey.skipped])
    recurring = [name for name, count in names.items() if count > 1]
    if len(recurring) > 1:
        parts = "if they are parts of one trial, set data.join, which puts them side by side"
        yield f"{name_some(recurring, SHOWN)} are in several folders: {parts}"
    for source in survey.sources:
        more = f"; {len(source.row_errors)} such lines" if len(source.row_errors) > 1 else ""
        yield from (f"{row_error}{more}" for row_error in source.row_errors[:1])


def _of_roles(guesses: Guesses, balance: dict[str, dict[str, int]]) -> Iterator[str]:
    if not guesses.positions:
        yield "no position columns found: name them with --positions X Y Z, or set data.targets"
    if not guesses.time:
        yield "no time column found: name it with --time, or set data.rate_hz"
    counts = balance.get(guesses.label or "", {})
    rare = [value for value, count in counts.items() if count < _RARE * max(counts.values())]
    if rare:
        few = f"{name_some(rare, SHOWN)}, {min(counts.values())} compared with {max(counts.values())}"
        yield f"label {guesses.label}: few rows of class {few}"
    if guesses.candidates and not guesses.label:
        few = name_some(guesses.candidates, SHOWN)
        yield f"{few}: few distinct values, so each may be a label; choose one with --label"


def quantity(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'s'[: number != 1]}"


def role(survey: Survey, name: str) -> str:
    """Return the role of a column, or else its kind."""
    guesses = survey.guesses
    roles = {getattr(guesses, one): one for one in reversed(NAMED)} | dict.fromkeys(guesses.candidates, "label?")
    return roles.get(name) or guesses.kinds[name]
