"""What a survey means: channels that are stuck or saturated, classes, and what a person should look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.survey import Survey
from forcepos.commands.inspect.times import GAP_STEPS

_SHOWN = 8
_SATURATED_SHARE = 0.01  # of all rows that lie exactly at the end of the range
_SATURATED_ROWS = 5
_ALIKE = 0.999  # absolute correlation from which a feature is a target in disguise
_RARE = 0.1  # of the largest class


def channels(seen: Survey) -> list[Column]:
    """Columns that something was measured in: not time, places, names or commands."""
    guesses = seen.guesses
    others = {
        *guesses.time,
        *guesses.positions,
        *guesses.candidates,
        guesses.recording,
        guesses.point,
        guesses.label,
    }
    never = {"row number", "commanded position", "commanded angle", "position"}
    return [
        column
        for column in seen.columns.values()
        if column.name not in others and column.numeric and guesses.kinds[column.name] not in never
    ]


def stuck(seen: Survey) -> dict[str, int]:
    """In how many recordings a channel has one value only."""
    counts = {column.name: 0 for column in channels(seen)}
    for recording in seen.recordings:
        for name in recording.stuck:
            if name in counts:
                counts[name] += 1
    return {name: count for name, count in counts.items() if count}


def saturated(seen: Survey) -> dict[str, list[dict[str, Any]]]:
    """Where many rows of a channel lie exactly at the end of its range."""
    found: dict[str, list[dict[str, Any]]] = {}
    for column in channels(seen):
        if column.low == column.high or (column.distinct or _SATURATED_ROWS * 2) < _SATURATED_ROWS * 2:
            continue
        for end, value, rows in (("low", column.low, column.at_low), ("high", column.high, column.at_high)):
            usual = column.known / column.distinct if column.distinct else 1
            if rows >= max(_SATURATED_ROWS, _SATURATED_SHARE * column.known, _SATURATED_ROWS * usual):
                found.setdefault(column.name, []).append({"end": end, "value": value, "rows": rows})
    return found


def balance(seen: Survey) -> dict[str, dict[str, int]]:
    """Rows of each class, of the label and of columns that may be one."""
    names = [name for name in (seen.guesses.label, *seen.guesses.candidates) if name]
    return {
        name: {_class(value): count for value, count in sorted(counts.items(), key=_order)}
        for name in names
        if (counts := seen.columns[name].counts)
    }


def _class(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else value


def _order(item: tuple[float | str, int]) -> tuple[bool, float, str]:
    value = item[0]
    return (isinstance(value, str), 0.0 if isinstance(value, str) else value, str(value))


def disguised(seen: Survey) -> dict[str, str]:
    """Features that follow a target so closely that they are one in disguise, each with its target."""
    found = {}
    columns = {name: seen.sample[:, 2 + place] for place, name in enumerate(seen.numbers)}
    for target in seen.guesses.positions:
        for feature in seen.guesses.features:
            one, other = columns.get(target), columns.get(feature)
            if one is not None and other is not None and abs(_correlation(one, other)) > _ALIKE:
                found[feature] = target
    return found


def _correlation(one: Any, other: Any) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 3 or not one[both].std() or not other[both].std():
        return 0.0
    return float(np.corrcoef(one[both], other[both])[0, 1])


def remarks(seen: Survey) -> list[str]:
    """What a person should look at, a line each."""
    return [*_of_files(seen), *_of_values(seen), *_of_time(seen), *_of_channels(seen), *_of_roles(seen)]


def _of_files(seen: Survey) -> Iterator[str]:
    yield from (f"left out: {line}" for line in seen.left_out[:_SHOWN])
    for source in seen.sources:
        faults = source.faults
        more = f"; {len(faults)} such lines" if len(faults) > 1 else ""
        yield from (f"{fault}{more}" for fault in faults[:1])


def _of_values(seen: Survey) -> Iterator[str]:
    for column in seen.columns.values():
        if column.missing - column.not_numbers and column.missing < column.rows:
            yield f"column {column.name}: {column.missing - column.not_numbers} values missing or not finite"
        if column.not_numbers:
            example = f"such as {column.example!r}"
            yield f"column {column.name}: {column.not_numbers} values that are no numbers, {example}"
    empty = [column.name for column in seen.columns.values() if column.missing == column.rows]
    if empty:
        yield f"nothing in column {some(empty)}"


def _of_time(seen: Survey) -> Iterator[str]:
    times = seen.times
    if times.gaps:
        yield (
            f"time has {times.gaps} gaps of more than {GAP_STEPS} steps, the longest of {times.longest_s:.3g} s "
            f"before row {times.longest_row}"
        )
    if times.back:
        yield f"time goes back {times.back} times"
    if times.same:
        yield f"{times.same} rows have the time of the row before"


def _of_channels(seen: Survey) -> Iterator[str]:
    every = len(seen.recordings)
    held: dict[int, list[str]] = {}
    for name, count in stuck(seen).items():
        if count == every or name in seen.guesses.features:
            held.setdefault(count, []).append(name)
    for count, names in sorted(held.items(), reverse=True):
        where = "any recording" if count == every else f"{count} of {every} recordings"
        yield f"never changing in {where}: {some(names)}"
    for name, ends in saturated(seen).items():
        for one in ends:
            value = f"its {'least' if one['end'] == 'low' else 'greatest'} value"
            yield f"column {name} is exactly {one['value']:.6g}, {value}, in {one['rows']} rows: saturated?"
    for feature, target in disguised(seen).items():
        yield f"column {feature} follows {target} so closely that a model would only copy it"


def _of_roles(seen: Survey) -> Iterator[str]:
    guesses = seen.guesses
    if not guesses.positions:
        yield "no columns with positions found: name them with --positions X Y Z, or set data.targets"
    if not guesses.time:
        yield "no column with the time found: name it with --time, or set data.rate_hz"
    if not guesses.features:
        yield "no column is left to learn from: set data.features"
    for name, counts in balance(seen).items():
        rare = [value for value, count in counts.items() if count < _RARE * max(counts.values())]
        if rare and name == guesses.label:
            fewest, most = min(counts.values()), max(counts.values())
            yield f"label {name}: few rows of class {some(rare)}, {fewest} against {most}"
    if guesses.candidates and not guesses.label:
        yield f"{some(guesses.candidates)}: so few values that each may be a label; --label takes one"


def some(names: Any) -> str:
    """A list of names that does not grow too long."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def counted(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}{'s'[: number != 1]}"


def role(seen: Survey, name: str) -> str:
    """What a column is taken for."""
    guesses = seen.guesses
    roles: dict[str | None, str] = {guesses.recording: "recording", guesses.point: "point", guesses.label: "label"}
    if name in guesses.time:
        return "time"
    return "label?" if name in guesses.candidates else roles.get(name) or guesses.kinds[name]
