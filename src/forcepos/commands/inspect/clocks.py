"""Guesses of the time among columns: clocks, their units, and counters that are none."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import PER_SECOND, Guesses, time_unit
from forcepos.data.recordings import Float64

GIVEN = "given on the command line"
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
    return Course(up > 0.95 * moves and moves > least > 0.9, ones > least > 1, smooth, median_step(steps))


def guess_time(
    guesses: Guesses, columns: Mapping[str, Column], courses: Mapping[str, Course], given: str | None
) -> None:
    """Note the time, the given column or the likeliest, and its unit."""
    pair = None if given else _seconds_and_rest(guesses, columns)
    if pair:
        guesses.time, guesses.reasons["time"] = pair, "by their names, whole seconds and the rest"
        return
    for name, reason in [(given, GIVEN)] if given else _time_candidates(guesses, columns, courses):
        unit, how = _unit(name, columns[name], courses[name].step or 1.0)
        if unit or given:
            guesses.time, guesses.time_unit = (name,), unit or "s"
            guesses.kinds[name], guesses.reasons["time"] = "time", f"{reason}; in {guesses.time_unit}, {how}"
            return


def guess_counters(guesses: Guesses, columns: Mapping[str, Column], courses: Mapping[str, Course]) -> None:
    """Tell numbers of rows, and times that are not the time, from all else."""
    for name, course in courses.items():
        if name in guesses.time:
            continue
        if guesses.kinds[name] in {"", "recording", "session", "point"}:
            if columns[name].readable and columns[name].low < columns[name].high and _since_1970(columns[name]):
                guesses.kinds[name] = "seconds"
            elif course.counts:
                guesses.kinds[name] = "row number"
        elif guesses.kinds[name] == "row number" and name.lower().startswith("seq") and not course.increases:
            guesses.kinds[name] = "recording"  # its number stays for many rows


def _seconds_and_rest(guesses: Guesses, columns: Mapping[str, Column]) -> tuple[str, str] | None:
    whole = [name for name, kind in guesses.kinds.items() if kind == "seconds" and columns[name].readable]
    for name, kind in guesses.kinds.items():
        column = columns[name]
        if (
            kind == "nanoseconds"
            and whole
            and column.readable
            and 0 <= column.low <= column.high < PER_SECOND["ns"]
        ):
            return max(whole, key=lambda one: SequenceMatcher(None, one, name).ratio()), name
    return None


def _time_candidates(
    guesses: Guesses, columns: Mapping[str, Column], courses: Mapping[str, Course]
) -> Iterator[tuple[str, str]]:
    """Yield columns that may hold the time with the reason, the likeliest first."""
    increasing = [name for name, course in courses.items() if course.increases]
    yield from ((name, "from its type") for name in increasing if columns[name].kind == "time")
    numbers = [name for name in increasing if columns[name].readable]
    by_name = (name for name in numbers if guesses.kinds[name] in {"time", "seconds", "nanoseconds"})
    yield from ((name, "by its name, and it increases") for name in by_name)
    unnamed = (name for name in numbers if not guesses.kinds[name])
    clocks = (name for name in unnamed if not courses[name].counts or _since_1970(columns[name]))
    yield from ((name, "it increases from row to row") for name in clocks)


def _unit(name: str, column: Column, step: float) -> tuple[str, str]:
    """Return the unit of a time and the reason; no unit where its years would lie beyond 2100."""
    if column.kind == "time":
        return "s" if (column.begin_ns or 0) / 1e9 + column.high <= _SINCE_1970_S[1] else "", "from its type"
    by_name, by_size = time_unit(name), _since_1970(column)
    slowest = _SLOWEST_HZ if by_name in {None, by_size} else _SLOW_HZ
    if by_size and slowest <= PER_SECOND[by_size] / step <= _FASTEST_HZ:
        return by_size, "since it then counts from 1970, as clocks do"
    reach = max(abs(column.low), abs(column.high))
    possible = {unit: per for unit, per in PER_SECOND.items() if reach / per <= _SINCE_1970_S[1]}
    if by_name in possible:
        return by_name, "from its name"
    for unit, per_second in possible.items():
        if _RATES_HZ[0] <= per_second / step <= _RATES_HZ[1]:
            return unit, f"which gives {per_second / step:.4g} rows per second"
    return "s" if "s" in possible else "", "by default"


def _since_1970(column: Column) -> str:
    """Return the unit in which a column's size makes it a time of our days; empty where none does."""
    for unit, per_second in PER_SECOND.items():
        if _SINCE_1970_S[0] <= column.low / per_second <= column.high / per_second <= _SINCE_1970_S[1]:
            return unit
    return ""


def median_step(steps: Float64) -> float:
    """Return the median of the steps forward; 0 where there is none."""
    forward = steps[steps > 0]
    return float(np.median(forward)) if len(forward) else 0.0
