"""Findings of a survey: stuck and saturated channels, classes, and remarks for the user."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.reading import GAP_STEPS
from forcepos.commands.inspect.roles import ROLES
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.wording import name_some

SHOWN = 8  # names in a list
_NO_CHANNELS = {"row number", "commanded position", "commanded angle", "position"}
_SATURATED_SHARE = 0.01  # of all rows that lie exactly at the end of the range
_SATURATED_ROWS = 5
_RARE = 0.1  # of the largest class


def facts(survey: Survey) -> dict[str, Any]:
    """Return what a survey finds, as far as JSON can hold it."""
    times = survey.times
    stuck = Counter(name for recording in survey.recordings for name in recording.stuck)
    numbers = {name: column for name, column in survey.columns.items() if column.kind != "text" and column.known}
    return {
        "files": len(survey.sources),
        "recordings": len(survey.recordings),
        "points": len(survey.points) or None,
        "rows": survey.rows,
        "rate_hz": times.rate_hz,
        "gaps": {"count": times.gaps, "longest_s": round(times.longest_s, 9) if times.gaps else 0.0},
        "ranges": {name: [column.low, column.high] for name, column in numbers.items()},
        "missing": {name: column.missing for name, column in survey.columns.items() if column.missing},
        "stuck": {column.name: stuck[column.name] for column in channels(survey) if stuck[column.name]},
        "saturated": _saturated(survey),
        "balance": balance(survey),
        "guesses": {role: getattr(survey.guesses, role) for role in ROLES},
    }


def channels(survey: Survey) -> list[Column]:
    """Return the columns with measurements: not time, positions, names or commands."""
    others = survey.guesses.taken | {name for name, kind in survey.guesses.kinds.items() if kind in _NO_CHANNELS}
    return [column for column in survey.columns.values() if column.numeric and column.name not in others]


def _saturated(survey: Survey) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for column in channels(survey):
        if column.low == column.high or (column.distinct or _SATURATED_ROWS * 2) < _SATURATED_ROWS * 2:
            continue
        usual = column.known / column.distinct if column.distinct else 1
        many = max(_SATURATED_ROWS, _SATURATED_SHARE * column.known, _SATURATED_ROWS * usual)
        for end, value, rows in (("low", column.low, column.at_low), ("high", column.high, column.at_high)):
            if rows >= many:
                found.setdefault(column.name, []).append({"end": end, "value": value, "rows": rows})
    return found


def balance(survey: Survey) -> dict[str, dict[str, int]]:
    """Count the rows of each class, of the label and of columns that may be one."""
    found: dict[str, dict[str, int]] = {}
    for name in (survey.guesses.label, *survey.guesses.candidates):
        counts = survey.columns[name].counts if name else None
        if name and counts:
            in_order = sorted(counts, key=lambda value: (isinstance(value, str), value))
            found[name] = {one if isinstance(one, str) else f"{one:g}": counts[one] for one in in_order}
    return found


def remarks(survey: Survey, found: dict[str, Any]) -> list[str]:
    """Return what the user should check, a line each; `found` are the facts."""
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
    times = survey.times
    if times.gaps:
        longest = f"the longest of {times.longest_s:.3g} s before row {times.longest_row}"
        yield f"time has {quantity(times.gaps, 'gap')} of more than {GAP_STEPS} steps, {longest}"
    if times.back:
        yield f"time goes backwards {quantity(times.back, 'time')}"
    if times.same:
        yield f"{quantity(times.same, 'row')} with the time of the row before"


def _of_channels(survey: Survey, found: dict[str, Any]) -> Iterator[str]:
    constant = [name for name, count in found["stuck"].items() if count == len(survey.recordings)]
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
    roles: dict[str | None, str] = {guesses.recording: "recording", guesses.point: "point", guesses.label: "label"}
    if name in guesses.time:
        return "time"
    return "label?" if name in guesses.candidates else roles.get(name) or guesses.kinds[name]
