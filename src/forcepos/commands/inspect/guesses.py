"""Guesses of the role of each column from names and values, each with its reason."""

from argparse import Namespace
from collections.abc import Iterable, Mapping

import numpy as np

from forcepos.commands.inspect.clocks import course_of, guess_time
from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.roles import GIVEN, Guesses, kind_of, length_unit, triples
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_SHOWN = 50  # names of columns
_MOST_CLASSES = 64  # a column with more distinct values is no label
_SMOOTH = "three adjacent columns that vary smoothly, by tens of millimetres or more"
_FAR_MM, _FARTHEST_MM = 20.0, 5000.0  # from the base's origin, for positions in unnamed columns
_METRES = 5.0  # values below are in m
_HALF_TURN_RAD = np.pi + 1e-3
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
    _positions(guesses, columns, hints)
    guesses.recording = _named(guesses, "recording", columns)
    guesses.point = _named(guesses, "point", columns, hints.point)
    guesses.session = _named(guesses, "session", columns)
    if guesses.session and not (guesses.recording or guesses.point):
        guesses.recording, guesses.reasons["recording"] = guesses.session, "a session, for want of a better one"
    _label_and_features(guesses, columns, hints)
    return guesses


def _label_and_features(guesses: Guesses, columns: Mapping[str, Column], hints: Namespace) -> None:
    guesses.kinds |= dict.fromkeys(_turns(guesses, columns), "orientation?")
    kinds, taken = guesses.kinds, guesses.taken
    few = {name: one.distinct or 0 for name, one in columns.items() if name not in taken and one.discrete}
    few = {name: distinct for name, distinct in few.items() if 2 <= distinct <= _MOST_CLASSES}
    guesses.label = _named(guesses, "label", few, hints.label)
    rest = [name for name in few if name != guesses.label and not kinds[name]]
    guesses.candidates = tuple(name for name in rest if 10 * few[name] <= columns[name].known)
    vary = [name for name, one in columns.items() if one.readable and one.varies and 2 * one.known > one.rows]
    free = [name for name in vary if name not in guesses.taken and kinds[name] not in _NEVER_SIGNALS]
    known = [name for name in free if kinds[name] in _SIGNALS]
    guesses.features = tuple(known or free)
    by_names = f"by their names: {', '.join(dict.fromkeys(kinds[name] for name in known))}"
    guesses.reasons |= {"features": by_names if known else "all other numeric columns that vary"} if free else {}


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
        alike = (three for three in adjacent if all(_like_a_position(columns[one], guesses) for one in three))
        names, reason = next(alike, ()), _SMOOTH
    if names:
        by_unit, reach = length_unit(names[0]), max(columns[name].reach for name in names)
        guesses.unit = by_unit or ("m" if reach < _METRES else "mm")
        by_size = f"since no value exceeds {reach:.3g}" if reach < _METRES else f"since values reach {reach:.4g}"
        guesses.positions = names
        guesses.reasons["positions"] = f"{reason}; in {guesses.unit}, {'from the name' if by_unit else by_size}"
        guesses.kinds |= dict.fromkeys(names, "position")


def _like_a_position(column: Column, guesses: Guesses) -> bool:
    """Return whether a column without a known name looks like millimetres in the base frame."""
    smooth = column.kind == "number" and column.name in guesses.smooth and column.std > 1
    return smooth and not kind_of(column.name) and _FAR_MM < column.reach < _FARTHEST_MM


def _turns(guesses: Guesses, columns: Mapping[str, Column]) -> list[str]:
    """Return the three columns after a position if they look like angles: the orientation of the hand."""
    names = [*columns]
    place = max((names.index(name) + 1 for name in guesses.positions), default=len(names))
    three = [columns[name] for name in names[place : place + 3] if not guesses.kinds[name]]
    numbers = [one for one in three if one.kind == "number" and one.varies and one.distinct is None]
    turns = [one.name for one in numbers if one.reach <= _HALF_TURN_RAD]
    all_turn = all(name in guesses.smooth or columns[name].reach > _HALF_TURN_RAD - 2e-3 for name in turns)
    return turns if len(turns) == 3 and all_turn else []
