"""Findings of a survey: stuck and saturated channels, classes, and remarks for the user."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from forcepos.commands.inspect.roles import ROLES
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.wording import name_some

SHOWN = 8  # names in a list
_SATURATED_SHARE = 0.01  # of all rows that lie exactly at the end of the range
_SATURATED_ROWS = 5
_RARE = 0.1  # of the largest class
_EXACT = 1e15  # whole numbers below this are written with all their digits


def facts(survey: Survey) -> dict[str, Any]:
    """Return what a survey finds, as far as JSON can hold it."""
    recordings = survey.recordings
    times = recordings.times
    count = int(times.pauses.sum()) if times else 0
    if times and "gap_s" in survey.settings:  # pauses that begin a new recording
        count += len(recordings.names) - len(times.names)
    numbers = {name: column for name, column in survey.columns.items() if column.kind != "text" and column.known}
    return {
        "files": len(survey.sources),
        "recordings": len(recordings.names),
        "points": survey.points or None,
        "rows": survey.rows,
        "rate_hz": recordings.rate_hz,
        "gaps": {"count": count, "longest_s": round(float(times.longest_s.max()), 9) if times and count else 0.0},
        "ranges": {name: [column.low, column.high] for name, column in numbers.items()},
        "missing": {name: column.missing for name, column in survey.columns.items() if column.missing},
        "stuck": _stuck(survey),
        "saturated": _saturated(survey),
        "balance": balance(survey),
        "guesses": {role: getattr(survey.guesses, role) for role in ROLES},
    }


def _stuck(survey: Survey) -> dict[str, int]:
    """Count the recordings of several rows in which a channel never changes."""
    signals, bounds = survey.recordings.signals, survey.recordings.bounds
    several = np.diff(bounds)[:, 0] > 1
    found = {}
    for name, signal in zip(survey.recordings.channels, signals.T, strict=True):
        low, high = (one.reduceat(signal, bounds[:, 0]) for one in (np.fmin, np.fmax))
        found[name] = int((several & (low == high)).sum())
    return {name: count for name, count in found.items() if count}


def _saturated(survey: Survey) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, signal in zip(survey.recordings.channels, survey.recordings.signals.T, strict=True):
        column = survey.columns[name]
        if np.float32(column.low) == np.float32(column.high) or (column.distinct or np.inf) < 2 * _SATURATED_ROWS:
            continue
        usual = column.known / column.distinct if column.distinct else 1
        many = max(_SATURATED_ROWS, _SATURATED_SHARE * column.known, _SATURATED_ROWS * usual)
        for end, value in (("low", column.low), ("high", column.high)):
            rows = int(np.count_nonzero(signal == np.float32(value)))
            if rows >= many:
                found.setdefault(name, []).append({"end": end, "value": value, "rows": rows})
    return found


def balance(survey: Survey) -> dict[str, dict[str, int]]:
    """Count the rows of each class, of the label and of columns that may be one."""
    found: dict[str, dict[str, int]] = {}
    for name in (survey.guesses.label, *survey.guesses.candidates):
        counts = survey.columns[name].counts if name else None
        if name and counts:
            in_order = sorted(counts, key=lambda value: (isinstance(value, str), value))
            found[name] = {_exact(one): counts[one] for one in in_order}
    return found


def _exact(value: float | str) -> str:
    """Write a value such that different ones stay different."""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < _EXACT else repr(value)
    return str(value)


def remarks(survey: Survey, found: dict[str, Any]) -> list[str]:
    """Return what the user should check and training does not tell, a line each; `found` are the facts."""
    return [*_of_rows(survey), *_of_channels(survey, found), *_of_roles(survey, found)]


def _of_rows(survey: Survey) -> Iterator[str]:
    yield from (f"skipped: {line}" for line in survey.skipped[:SHOWN])
    for source in survey.sources:
        more = f"; {len(source.row_errors)} such lines" if len(source.row_errors) > 1 else ""
        yield from (f"{row_error}{more}" for row_error in source.row_errors[:1])
    for column in survey.columns.values():
        missing = column.missing - column.not_numbers
        if missing and column.missing < column.rows:
            yield f"column {column.name}: {quantity(missing, 'value')} missing or not finite"
        if column.not_numbers:
            values = quantity(column.not_numbers, "non-numeric value")
            yield f"column {column.name}: {values}, such as {column.example!r}"
    empty = [column.name for column in survey.columns.values() if column.missing == column.rows]
    if empty:
        yield f"no values in column {name_some(empty, SHOWN)}"


def _of_channels(survey: Survey, found: dict[str, Any]) -> Iterator[str]:
    constant = [name for name, count in found["stuck"].items() if count == len(survey.recordings.names)]
    if constant:
        yield f"constant in every recording: {name_some(constant, SHOWN)}"
    for name, ends in found["saturated"].items():
        for end in ends:
            which = "minimum" if end["end"] == "low" else "maximum"
            yield f"column {name} is exactly {end['value']:.6g}, its {which}, in {end['rows']} rows: saturated?"


def _of_roles(survey: Survey, found: dict[str, Any]) -> Iterator[str]:
    guesses = survey.guesses
    if not guesses.positions:
        yield "no position columns found: name them with --positions X Y Z, or set data.targets"
    if not guesses.time:
        yield "no time column found: name it with --time, or set data.rate_hz"
    if not guesses.features:
        yield "no column is left for the features: set data.features"
    counts = found["balance"].get(guesses.label, {})
    most = max(counts.values(), default=0)
    rare = [value for value, count in counts.items() if count < _RARE * most]
    if rare:
        few = f"{name_some(rare, SHOWN)}, {min(counts.values())} compared with {most}"
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
    roles = {getattr(guesses, one): one for one in ("session", "recording", "point", "label")}
    if name in guesses.time:
        return "time"
    return "label?" if name in guesses.candidates else roles.get(name) or guesses.kinds[name]
