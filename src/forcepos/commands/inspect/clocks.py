"""Guesses of the time among columns: clocks, their units, and counters that are none."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import GIVEN, PER_SECOND, Guesses, time_unit
from forcepos.data.recordings import Float64

_RATES_HZ = (4.0, 2000.0)  # plausible range, by which the unit of time is guessed
_SINCE_1970_S = (631_152_000, 4_102_444_800)  # the years 1990 to 2100
_SLOWEST_HZ, _SLOW_HZ, _FASTEST_HZ = 0.01, 0.5, 1e5  # of a clock; a slow one where its name says another unit


class Course(NamedTuple):
    """What the first values of a column do from row to row."""

    increases: bool
    counts: bool  # rows, from whatever number on, and maybe anew in each recording
    smooth: bool  # in steps that are small compared with the standard deviation
    step: float  # the median of the steps forward; 0 where there is none


@np.errstate(over="ignore", invalid="ignore")  # of the squares of huge values
def course_of(values: Float64) -> Course:
    """Describe (rows,) values."""
    known = values[np.isfinite(values)]
    steps, least = np.diff(known), 0.9 * (len(known) - 1)
    up, moves, ones = (int(one.sum()) for one in (steps > 0, steps != 0, steps == 1))
    smooth = moves > 0 and bool(np.sqrt(np.mean(steps**2)) < 0.1 * np.std(known))
    step = float(np.median(steps[steps > 0])) if up else 0.0
    return Course(up > 0.95 * moves and moves > least > 0.9, ones > least > 1, smooth, step)


def guess_time(
    guesses: Guesses, columns: Mapping[str, Column], courses: Mapping[str, Course], given: str | None
) -> None:
    """Note the time, the given column or the likeliest, and its unit; tell counters and other times apart."""
    kinds, readable = guesses.kinds, [name for name, column in columns.items() if column.readable]
    for name, reason in [(given, GIVEN)] if given else _candidates(guesses, columns, courses):
        unit, how = _unit(name, columns[name], courses[name].step or 1.0)
        if unit or given:
            guesses.time, guesses.time_unit = (name,), unit or "s"
            guesses.reasons["time"] = f"{reason}; in {guesses.time_unit}, {how}"
            break
    whole = [name for name in readable if kinds[name] == "seconds"]
    for rest in (name for name in readable if kinds[name] == "nanoseconds"):
        if whole and columns[rest].high < PER_SECOND["ns"] and not given:  # of several, the one named most like it
            first = max(whole, key=lambda name: SequenceMatcher(None, name, rest).ratio())
            guesses.time, guesses.time_unit = (first, rest), "s"
            guesses.reasons["time"] = "by their names, whole seconds and the rest"
    kinds |= dict.fromkeys(guesses.time, "time")
    for name in readable:
        if kinds[name] in {"", "recording", "session", "point"}:
            counts = "row number" if courses[name].counts else kinds[name]
            kinds[name] = "seconds" if columns[name].varies and _since_1970(columns[name]) else counts
        elif kinds[name] == "row number" and name.lower().startswith("seq") and not courses[name].increases:
            kinds[name] = "recording"  # its number stays for many rows


def _candidates(
    guesses: Guesses, columns: Mapping[str, Column], courses: Mapping[str, Course]
) -> Iterator[tuple[str, str]]:
    """Yield columns that may hold the time with the reason, the likeliest first."""
    increasing = [name for name, course in courses.items() if course.increases]
    numbers = [name for name in increasing if columns[name].readable]
    named = [name for name in numbers if guesses.kinds[name] in {"time", "seconds", "nanoseconds"}]
    others = (name for name in numbers if not guesses.kinds[name])
    yield from ((name, "from its type") for name in increasing if columns[name].kind == "time")
    yield from ((name, "by its name, and it increases") for name in named)
    for name in others:
        if not courses[name].counts or _since_1970(columns[name]):
            yield name, "it increases from row to row"


def _unit(name: str, column: Column, step: float) -> tuple[str, str]:
    """Return the unit of a time and the reason; no unit where its years would lie beyond 2100."""
    units = {"s": 1.0} if column.kind == "time" else PER_SECOND
    rates = {unit: per / step for unit, per in units.items() if column.reach / per <= _SINCE_1970_S[1]}
    if column.kind == "time" or not rates:
        return "".join(rates), "from its type"
    by_name, by_size = time_unit(name), _since_1970(column)
    slowest_hz = _SLOWEST_HZ if by_name in {None, by_size} else _SLOW_HZ
    if by_size and slowest_hz <= rates[by_size] <= _FASTEST_HZ:
        return by_size, "since it then counts from 1970, as clocks do"
    if by_name in rates:
        return by_name, "from its name"
    likely = next((unit for unit, rate in rates.items() if _RATES_HZ[0] <= rate <= _RATES_HZ[1]), "")
    if likely:
        return likely, f"which gives {rates[likely]:.4g} rows per second"
    return "s" if "s" in rates else "", "by default"


def _since_1970(column: Column) -> str:
    """Return the unit in which a column's size makes it a time of our days; empty where none does."""
    first, last = _SINCE_1970_S
    units = (unit for unit, per in PER_SECOND.items() if first <= column.low / per <= column.high / per <= last)
    return next(units, "")
