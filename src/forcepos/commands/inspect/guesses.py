"""Guesses of the role of each column from names and values, each with its reason."""

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import numpy as np

from forcepos.commands.inspect.columns import MM, PER_SECOND, Column, read_name, triples
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

NAMED = ("recording", "point", "session", "label")  # roles of one column each
ROLES = ("time", "positions", *NAMED, "features")
_SHOWN = 50  # names of columns
_MOST_CLASSES = 64  # a column with more distinct values is no label
_SMOOTH = "three adjacent columns that vary smoothly, by tens of millimetres or more"
_FAR_MM, _FARTHEST_MM = 20.0, 5000.0  # from the base's origin, for positions in unnamed columns
_METRES = 5.0  # values below are in m
_HALF_TURN_RAD = np.pi + 1e-3
_SIGNALS = ("joint torque", "force", "torque", "joint angle", "current")
_NEVER_SIGNALS = frozenset({
    "seconds", "nanoseconds", "time", "row number", *NAMED, "second force", "second torque", "commanded angle",
    "commanded position", "commanded value", "position", "orientation", "orientation?",
})  # fmt: skip
_RATES_HZ = (4.0, 2000.0)  # plausible range, by which the unit of time is guessed
_SINCE_1970_S = (631_152_000, 4_102_444_800)  # the years 1990 to 2100
_SLOWEST_HZ, _SLOW_HZ, _FASTEST_HZ = 0.01, 0.5, 1e5  # of a clock; a slow one where its name says another unit
_GIVEN = "given on the command line"


@dataclass
class Guesses:
    """The role of each column, with reasons."""

    kinds: dict[str, str]  # of each column; empty where unknown, with a question mark where uncertain
    time: tuple[str, ...] = ()  # the column, or two: whole seconds and nanoseconds
    time_unit: str = "s"
    positions: tuple[str, ...] = ()
    unit: str = "mm"
    recording: str | None = None
    point: str | None = None
    session: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()  # columns that a model may learn from
    candidates: tuple[str, ...] = ()  # columns with so few distinct values that each may be a label
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def taken(self) -> set[str | None]:
        """Return the columns with a role other than that of a feature."""
        return {*self.time, *self.positions, *self.candidates, *map(self.__getattribute__, NAMED)}


def guess(columns: Mapping[str, Column], hints: Namespace) -> Guesses:
    """Guess time, positions, what divides rows into recordings, label and features; refuse unsuitable hints."""
    for name in (hints.time, *hints.positions, hints.point, hints.label):
        if name is not None and name not in columns:
            raise InputError(f"no column named {name}; the columns are {name_some([*columns], _SHOWN)}")
    if hints.time and columns[hints.time].kind == "text":
        raise InputError(f"--time {hints.time}: the column holds text, not times")
    alone = "abc" if not triples(columns) else ""  # beside X, Y and Z they are the orientation of the hand
    guesses = Guesses({name: read_name(name).kind if name.lower() not in [*alone] else "" for name in columns})
    _guess_time(guesses, columns, hints.time)
    _positions(guesses, columns, hints.positions)
    for role, given in (("recording", None), ("point", hints.point), ("session", None)):
        _name(guesses, role, columns, given)
    if guesses.session and not (guesses.recording or guesses.point):
        guesses.recording, guesses.reasons["recording"] = guesses.session, "a session, for want of a better one"
    guesses.kinds |= dict.fromkeys(_turns(guesses, columns), "orientation?")
    _label_and_features(guesses, columns, hints.label)
    return guesses


def _label_and_features(guesses: Guesses, columns: Mapping[str, Column], given: str | None) -> None:
    kinds, free = guesses.kinds, {name: one for name, one in columns.items() if name not in guesses.taken}
    few = {name: one.distinct or 0 for name, one in free.items() if one.discrete}
    few = {name: distinct for name, distinct in few.items() if 2 <= distinct <= _MOST_CLASSES}
    _name(guesses, "label", few, given)
    rest = [name for name in few if name != guesses.label and not kinds[name]]
    guesses.candidates = tuple(name for name in rest if 10 * few[name] <= columns[name].known)
    vary = [name for name, one in free.items() if one.readable and one.low < one.high and 2 * one.known > one.rows]
    left = [name for name in vary if name not in guesses.taken and kinds[name] not in _NEVER_SIGNALS]
    known = [name for name in left if kinds[name] in _SIGNALS]
    guesses.features = tuple(known or left)
    by_names = f"by their names: {', '.join(dict.fromkeys(kinds[name] for name in known))}"
    guesses.reasons |= {"features": by_names if known else "all other numeric columns that vary"} if left else {}


def _name(guesses: Guesses, role: str, names: Iterable[str], given: str | None) -> None:
    """Note the given column, or else the first whose name says its role."""
    name = given or next((name for name in names if guesses.kinds[name] == role), None)
    setattr(guesses, role, name)
    guesses.reasons |= {role: _GIVEN if given else "by its name"} if name else {}


def _positions(guesses: Guesses, columns: Mapping[str, Column], given: Sequence[str]) -> None:
    numeric = [column for column in columns.values() if column.readable]
    by_name = triples(one.name for one in numeric if guesses.kinds[one.name] == "position")
    # What looks like millimetres in the base frame, in columns whose names say nothing.
    plain = {one.name for one in numeric if one.kind == "number" and not read_name(one.name).kind}
    smooth = (one for one in numeric if one.name in plain and one.course.smooth and one.std > 1)
    likely = {one.name for one in smooth if _FAR_MM < one.reach < _FARTHEST_MM}
    free = [one.name for one in numeric if one.name not in guesses.time]
    adjacent = (three for three in zip(free, free[1:], free[2:], strict=False) if likely.issuperset(three))
    found = [(tuple(given), _GIVEN)] if given else [(one, "by their names") for one in by_name]
    for names, reason in (found or [(three, _SMOOTH) for three in adjacent])[:1]:
        unit, reach = read_name(names[0]).unit, max(columns[name].reach for name in names)
        guesses.unit = unit if unit in MM else "m" if reach < _METRES else "mm"
        by_size = f"since no value exceeds {reach:.3g}" if reach < _METRES else f"since values reach {reach:.4g}"
        guesses.positions = names
        guesses.reasons["positions"] = f"{reason}; in {guesses.unit}, {'from the name' if unit in MM else by_size}"
        guesses.kinds |= dict.fromkeys(names, "position")


def _turns(guesses: Guesses, columns: Mapping[str, Column]) -> list[str]:
    """Return the three columns after a position if they look like angles: the orientation of the hand."""
    names = [*columns]
    place = max((names.index(name) + 1 for name in guesses.positions), default=len(names))
    three = [columns[name] for name in names[place : place + 3] if not guesses.kinds[name]]
    numbers = [one for one in three if one.kind == "number" and one.low < one.high and one.distinct is None]
    turns = [one for one in numbers if one.reach <= _HALF_TURN_RAD]
    angles = [one.name for one in turns if one.course.smooth or one.reach > _HALF_TURN_RAD - 2e-3]
    return angles if len(angles) == 3 else []


def _guess_time(guesses: Guesses, columns: Mapping[str, Column], given: str | None) -> None:
    """Note the time, the given column or the likeliest, and its unit; tell counters and other times apart."""
    kinds, readable = guesses.kinds, {name: column for name, column in columns.items() if column.readable}
    for name, reason in [(given, _GIVEN)] if given else _candidates(guesses, columns):
        unit, how = _unit(columns[name])
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
    for name, column in readable.items():
        if kinds[name] in {"", "recording", "session", "point"}:
            stamps = column.low < column.high and _since_1970(column)
            kinds[name] = "seconds" if stamps else "row number" if column.course.counts else kinds[name]
        elif kinds[name] == "row number" and name.lower().startswith("seq") and not column.course.increases:
            kinds[name] = "recording"  # its number stays for many rows


def _candidates(guesses: Guesses, columns: Mapping[str, Column]) -> Iterator[tuple[str, str]]:
    """Yield columns that may hold the time with the reason, the likeliest first."""
    increasing = [name for name, column in columns.items() if column.course.increases]
    yield from ((name, "from its type") for name in increasing if columns[name].kind == "time")
    numbers = [name for name in increasing if columns[name].readable]
    times = (name for name in numbers if guesses.kinds[name] in {"time", "seconds", "nanoseconds"})
    yield from ((name, "by its name, and it increases") for name in times)
    clocks = (one for one in numbers if not columns[one].course.counts or _since_1970(columns[one]))
    yield from ((name, "it increases from row to row") for name in clocks if not guesses.kinds[name])


def _unit(column: Column) -> tuple[str, str]:
    """Return the unit of a time and the reason; no unit where its years would lie beyond 2100."""
    units, step = {"s": 1.0} if column.kind == "time" else PER_SECOND, column.course.step or 1.0
    rates = {unit: per / step for unit, per in units.items() if column.reach / per <= _SINCE_1970_S[1]}
    if column.kind == "time" or not rates:
        return "".join(rates), "from its type"
    by_name, by_size = read_name(column.name).unit, _since_1970(column)
    slowest_hz = _SLOW_HZ if by_name in PER_SECOND and by_name != by_size else _SLOWEST_HZ
    if by_size and slowest_hz <= rates[by_size] <= _FASTEST_HZ:
        return by_size, "since it then counts from 1970, as clocks do"
    if by_name in rates:
        return by_name, "from its name"
    for unit, rate in rates.items():
        if _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
            return unit, f"which gives {rate:.4g} rows per second"
    return "s" if "s" in rates else "", "by default"


def _since_1970(column: Column) -> str:
    """Return the unit in which a column's size makes it a time of our days; empty where none does."""
    first, last = _SINCE_1970_S
    units = (unit for unit, per in PER_SECOND.items() if first <= column.low / per <= column.high / per <= last)
    return next(units, "")
