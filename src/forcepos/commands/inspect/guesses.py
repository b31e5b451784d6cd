"""Guesses of the role of each column from names and values, each with its reason."""

from argparse import Namespace
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np

from forcepos.commands.inspect.clocks import GIVEN, course_of, guess_counters, guess_time
from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import Guesses, kind_of, length_unit, triples
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_SHOWN = 50  # names of columns
_MOST_CLASSES = 64  # a column with more distinct values is no label
_SMOOTH = "three adjacent columns that vary smoothly, by tens of millimetres or more"
_FAR_MM = 20.0  # from the base's origin, for positions in unnamed columns
_HALF_TURN_RAD = np.pi + 1e-3
_KINDS_OF_ROUGH = {6: ("force?",) * 3 + ("torque?",) * 3, 7: ("joint torque?",) * 7}
_SIGNALS = ("joint torque", "force", "torque", "joint angle", "current")
_NEVER_SIGNALS = frozenset({
    "seconds", "nanoseconds", "time", "row number", "recording", "point", "session", "label", "second force",
    "second torque", "commanded angle", "commanded position", "commanded value", "position", "orientation",
    "orientation?",
})  # fmt: skip


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
    courses = {name: course_of(values) for name, values in start.items()}
    guesses.smooth = frozenset(name for name, course in courses.items() if course.smooth)
    guess_time(guesses, columns, courses, hints.time)
    guess_counters(guesses, columns, courses)
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
        guesses.reasons[role] = GIVEN if given else "by its name"
    return name


def _positions(guesses: Guesses, columns: Mapping[str, Column], hints: Namespace) -> None:
    numeric = [name for name, column in columns.items() if column.readable]
    by_name = triples(name for name in numeric if guesses.kinds[name] == "position")
    if hints.positions or by_name:
        names, reason = (tuple(hints.positions), GIVEN) if hints.positions else (by_name[0], "by their names")
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
