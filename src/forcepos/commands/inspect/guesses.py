"""Guesses of the role of each column from names and values, each with its reason."""

from argparse import Namespace
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import NamedTuple

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import PER_SECOND, Guesses, kind_of, length_unit, time_unit, triples
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_SHOWN = 50  # names of columns
_MOST_CLASSES = 64  # a column with more distinct values is no label
_GIVEN = "given on the command line"
_SMOOTH = "three adjacent columns that vary smoothly, by tens of millimetres or more"
_FAR_MM = 20.0  # from the base's origin, for positions in unnamed columns
_RATES_HZ = (4.0, 2000.0)  # plausible range, by which the unit of time is guessed
_SINCE_1970_S = (631_152_000, 4_102_444_800)  # the years 1990 to 2100
_SLOWEST_HZ, _SLOW_HZ, _FASTEST_HZ = 0.01, 0.5, 1e5  # of a clock; a slow one where its name says another unit
_HALF_TURN_RAD = np.pi + 1e-3
_KINDS_OF_ROUGH = {6: ("force?",) * 3 + ("torque?",) * 3, 7: ("joint torque?",) * 7}
_SIGNALS = ("joint torque", "force", "torque", "joint angle", "current")
_NEVER_SIGNALS = frozenset({
    "seconds", "nanoseconds", "time", "row number", "recording", "point", "session", "label", "second force",
    "second torque", "commanded angle", "commanded position", "commanded value", "position", "orientation",
    "orientation?",
})  # fmt: skip


class _Course(NamedTuple):
    """What the first values of a column do from row to row."""

    increases: bool
    counts: bool  # rows, from whatever number on, and maybe anew in each recording
    smooth: bool  # in steps that are small compared with the standard deviation
    step: float  # the median of the steps forward; 0 where there is none


@np.errstate(over="ignore", invalid="ignore")  # of the squares of huge values
def _course(values: Float64) -> _Course:
    known = values[np.isfinite(values)]
    steps, least = np.diff(known), 0.9 * (len(known) - 1)
    up, moves = np.count_nonzero(steps > 0), np.count_nonzero(steps)
    smooth = moves > 0 and bool(np.sqrt(np.mean(steps**2)) < 0.1 * np.std(known))
    counts = least > 1 and np.count_nonzero(steps == 1) > least
    return _Course(up > 0.95 * moves and moves > least > 0.9, counts, smooth, median_step(steps))


def guess(columns: Mapping[str, Column], start: Mapping[str, Float64], hints: Namespace) -> Guesses:
    """Guess time, positions and what divides rows into recordings; `start` holds the first numbers of each column.

    Raises:
        InputError: a column of the hints does not exist, or the one of the time holds text.
    """
    for name in (hints.time, *hints.positions, hints.point, hints.label):
        if name is not None and name not in columns:
            raise InputError(f"no column named {name}; the columns are {name_some([*columns], _SHOWN)}")
    if hints.time and columns[hints.time].kind == "text":
        raise InputError(f"--time {hints.time}: the column holds text, not times")
    guesses = Guesses(kinds={name: kind_of(name) for name in columns})
    if not triples(columns):  # only beside X, Y and Z are A, B and C the orientation of the hand
        guesses.kinds |= {name: "" for name in columns if name.lower() in {"a", "b", "c"}}
    courses = {name: _course(values) for name, values in start.items()}
    guesses.smooth = frozenset(name for name, course in courses.items() if course.smooth)
    _time(guesses, columns, courses, hints)
    _counters(guesses, columns, courses)
    _positions(guesses, columns, hints)
    guesses.recording = _named(guesses, "recording", columns)
    guesses.point = _named(guesses, "point", columns, hints.point)
    guesses.session = _named(guesses, "session", columns)
    if guesses.session and not (guesses.recording or guesses.point):
        guesses.recording, guesses.reasons["recording"] = guesses.session, "a session, for want of a better one"
    return guesses


def guess_roles(guesses: Guesses, columns: Mapping[str, Column], hints: Namespace) -> None:
    """Add kinds by value, label and features, once all rows are known."""
    guesses.kinds |= _kinds_by_value(guesses, columns)
    taken = guesses.taken
    free = {name: column for name, column in columns.items() if name not in taken}
    few = {name: one for name, one in free.items() if 2 <= (one.distinct or 0) <= _MOST_CLASSES and one.discrete}
    guesses.label = _named(guesses, "label", few, hints.label)
    guesses.candidates = tuple(
        name
        for name, column in few.items()
        if name != guesses.label and not guesses.kinds[name] and 10 * (column.distinct or 0) <= column.known
    )
    _features(guesses, columns)


def _named(guesses: Guesses, role: str, names: Iterable[str], given: str | None = None) -> str | None:
    """Return the given column, or else the first whose name says its role; note the reason."""
    name = given or next((name for name in names if guesses.kinds[name] == role), None)
    if name:
        guesses.reasons[role] = _GIVEN if given else "by its name"
    return name


def _time(
    guesses: Guesses, columns: Mapping[str, Column], courses: Mapping[str, _Course], hints: Namespace
) -> None:
    pair = None if hints.time else _seconds_and_rest(guesses, columns)
    if pair:
        guesses.time, guesses.reasons["time"] = pair, "by their names, whole seconds and the rest"
        return
    for name, reason in [(hints.time, _GIVEN)] if hints.time else _time_candidates(guesses, columns, courses):
        unit, how = _unit(name, columns[name], courses[name].step or 1.0)
        if unit or hints.time:
            guesses.time, guesses.time_unit = (name,), unit or "s"
            guesses.kinds[name], guesses.reasons["time"] = "time", f"{reason}; in {guesses.time_unit}, {how}"
            return


def _counters(guesses: Guesses, columns: Mapping[str, Column], courses: Mapping[str, _Course]) -> None:
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
    guesses: Guesses, columns: Mapping[str, Column], courses: Mapping[str, _Course]
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


def _positions(guesses: Guesses, columns: Mapping[str, Column], hints: Namespace) -> None:
    numeric = [name for name, column in columns.items() if column.readable]
    by_name = triples(name for name in numeric if guesses.kinds[name] == "position")
    if hints.positions or by_name:
        names, reason = (tuple(hints.positions), _GIVEN) if hints.positions else (by_name[0], "by their names")
    else:
        free = [name for name in numeric if name not in guesses.time]
        adjacent = zip(free, free[1:], free[2:], strict=False)
        alike = (three for three in adjacent if _look_like_positions(three, columns, guesses.smooth))
        names, reason = next(alike, ()), _SMOOTH
    if names:
        guesses.kinds |= dict.fromkeys(names, "position")
        guesses.unit, how = _length_unit(names, columns)
        guesses.positions, guesses.reasons["positions"] = names, f"{reason}; in {guesses.unit}, {how}"


def _look_like_positions(names: Sequence[str], columns: Mapping[str, Column], smooth: Collection[str]) -> bool:
    """Return whether three columns without known names look like millimetres in the base frame."""
    three = [columns[name] for name in names]
    unnamed = all(kind_of(name) == "" for name in names)
    far = all(_FAR_MM < max(abs(one.low), abs(one.high)) < 5000 for one in three)
    smooth_enough = all(one.kind == "number" and one.name in smooth and one.std > 1 for one in three)
    return unnamed and far and smooth_enough


def _length_unit(names: Sequence[str], columns: Mapping[str, Column]) -> tuple[str, str]:
    by_name = length_unit(names[0])
    if by_name:
        return by_name, "from the name"
    reach = max(max(abs(columns[name].low), abs(columns[name].high)) for name in names)
    if reach < 5:
        return "m", f"since no value exceeds {reach:.3g}"
    return "mm", f"since values reach {reach:.4g}"


def _kinds_by_value(guesses: Guesses, columns: Mapping[str, Column]) -> dict[str, str]:
    """Return uncertain kinds of continuous columns without one, from their ranges, smoothness and neighbours."""
    found: dict[str, str] = {}
    before, kinds, smooth = "", guesses.kinds, guesses.smooth
    for shape, run in groupby(columns, lambda name: "" if kinds[name] else _shape(columns[name], name in smooth)):
        names = [*run]
        if shape == "angle":  # the first three after a position are the orientation of the hand
            hand = 3 if before == "position" and len(names) >= 3 else 0
            found |= dict.fromkeys(names[:hand], "orientation?") | dict.fromkeys(names[hand:], "joint angle?")
        elif shape == "rough":
            found |= dict(zip(names, _KINDS_OF_ROUGH.get(len(names), ()), strict=False))
        before = kinds[names[-1]]
    return found


def _shape(column: Column, smooth: bool) -> str:
    if column.kind != "number" or column.low == column.high or column.distinct is not None:
        return ""
    reach_rad = max(abs(column.low), abs(column.high))
    if reach_rad <= _HALF_TURN_RAD and (smooth or reach_rad > _HALF_TURN_RAD - 2e-3):
        return "angle"
    return "" if smooth else "rough"


def _features(guesses: Guesses, columns: Mapping[str, Column]) -> None:
    varying = [name for name, column in columns.items() if column.readable and column.low < column.high]
    free = [name for name in varying if name not in guesses.taken and guesses.kinds[name] not in _NEVER_SIGNALS]
    free = [name for name in free if 2 * columns[name].missing < columns[name].rows]
    known = [name for name in free if guesses.kinds[name] in _SIGNALS]
    guesses.features = tuple(known or free)
    if known:
        kinds = dict.fromkeys(guesses.kinds[name] for name in known)
        guesses.reasons["features"] = f"by their names: {', '.join(kinds)}"
    elif free:
        guesses.reasons["features"] = "all other numeric columns that vary"
