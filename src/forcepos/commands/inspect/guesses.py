"""Which column is what: told from names and values, each guess with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.names import SIGNALS, kind_of, triples, unit_of_length, unit_of_time
from forcepos.commands.inspect.roles import PER_SECOND, Guesses, Told
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError

CLASSES = 64  # a column with more different values is no label
_FAR_MM = 20.0  # from the base's origin, for coordinates without a name
_RATES_HZ = (4.0, 2000.0)  # of a recording whose unit of time is to be told
_RUNS = {6: ("force?",) * 3 + ("torque?",) * 3, 7: ("joint torque?",) * 7}
_TURN_RAD = np.pi + 1e-3
_NEVER_SIGNALS = frozenset({
    "seconds", "nanoseconds", "time", "row number", "recording", "point", "label", "second force", "second torque",
    "commanded angle", "commanded position", "position", "orientation", "orientation?",
})  # fmt: skip


def guess(columns: Mapping[str, Column], start: Mapping[str, Float64], told: Told) -> Guesses:
    """Time, positions and what cuts the rows into recordings; `start` holds the first values of numbers.

    Raises:
        InputError: a column that was told is not there.
    """
    for name in (told.time, *told.positions, told.point, told.label):
        if name is not None and name not in columns:
            raise InputError(f"no column is called {name}: there are {', '.join(columns)}")
    made = Guesses(kinds={name: kind_of(name) for name in columns})
    _bare_letters(made)
    _time(made, columns, start, told)
    _positions(made, columns, told)
    _groups(made, told)
    return made


def guess_roles(made: Guesses, columns: Mapping[str, Column], told: Told) -> None:
    """Kinds by value, label and features, once all rows are known."""
    made.kinds |= _kinds_by_value(columns, made.kinds)
    _label(made, columns, told)
    _features(made, columns)


def _bare_letters(made: Guesses) -> None:
    """A, B and C are a hand's orientation beside X, Y and Z only."""
    if not triples(list(made.kinds)):
        made.kinds.update({name: "" for name in made.kinds if name.lower() in {"a", "b", "c"}})


def _time(made: Guesses, columns: Mapping[str, Column], start: Mapping[str, Float64], told: Told) -> None:
    pair = [made.first(kind) for kind in ("seconds", "nanoseconds")]
    if told.time is None and pair[0] and pair[1]:
        made.time, made.why["time"] = (pair[0], pair[1]), "by their names, whole seconds and the rest"
        return
    named = [name for name, kind in made.kinds.items() if kind in {"time", "seconds"} and _rises(columns[name])]
    typed = [name for name, column in columns.items() if column.kind == "time"]
    counted = [name for name, column in columns.items() if _counts_rows(column)]
    rising = [name for name, column in columns.items() if name not in counted and _rises(column)]
    for names, why in (
        ([told.time] if told.time else [], "you said so"),
        (typed, "its type is a time"),
        (named, "by its name, and it rises"),
        (rising, "it rises from row to row"),
    ):
        if names:
            unit, how = _unit(names[0], columns[names[0]], start[names[0]])
            made.time, made.time_unit, made.why["time"] = (names[0],), unit, f"{why}; in {unit}, {how}"
            made.kinds[names[0]] = "time"
            break
    made.kinds.update({name: "row number" for name in counted if name not in made.time})


def _rises(column: Column) -> bool:
    steps = column.up + column.down
    return column.kind != "text" and column.up > 0.95 * steps and steps > 0.9 * (column.known - 1) > 1


def _counts_rows(column: Column) -> bool:
    whole = column.kind == "whole" and column.low in {0.0, 1.0}
    return whole and column.high - column.low == column.known - 1 == column.up


def _unit(name: str, column: Column, start: Float64) -> tuple[str, str]:
    if column.kind == "time":
        return "s", "as its type tells"
    if unit_of_time(name):
        return unit_of_time(name) or "s", "as its name ends"
    steps = np.diff(start)
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    for unit, per_second in PER_SECOND.items():
        if _RATES_HZ[0] <= per_second / step <= _RATES_HZ[1]:
            return unit, f"since that makes {per_second / step:.4g} rows per second"
    return "s", "for want of a hint"


def _positions(made: Guesses, columns: Mapping[str, Column], told: Told) -> None:
    numeric = [name for name, column in columns.items() if column.numeric]
    named = triples([name for name in numeric if made.kinds[name] == "position"])
    if told.positions:
        made.positions, made.why["positions"] = told.positions, "you said so"
    elif named:
        made.positions, made.why["positions"] = named[0], "by their names"
    else:
        free = [name for name in numeric if name not in made.time]
        made.positions = next((three for three in _neighbours(free) if _wander(three, columns)), ())
        if made.positions:
            made.why["positions"] = "three neighbours that move smoothly, by tens of millimetres or more"
    if made.positions:
        made.kinds.update(dict.fromkeys(made.positions, "position"))
        made.scale_mm, how = _scale(made.positions, columns)
        made.why["positions"] += f"; in {made.unit}, {how}"


def _neighbours(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(names, names[1:], names[2:], strict=False)


def _wander(names: Sequence[str], columns: Mapping[str, Column]) -> bool:
    """Whether three columns without telling names look like millimetres in the base frame."""
    three = [columns[name] for name in names]
    unnamed = all(kind_of(name) == "" for name in names)
    far = all(_FAR_MM < max(abs(one.low), abs(one.high)) < 5000 for one in three)
    return unnamed and far and all(one.kind == "number" and one.smooth and one.spread > 1 for one in three)


def _scale(names: Sequence[str], columns: Mapping[str, Column]) -> tuple[float, str]:
    named = unit_of_length(names[0])
    if named:
        return named, "as the name ends"
    reach = max(max(abs(columns[name].low), abs(columns[name].high)) for name in names)
    return (1000.0, f"since none is beyond {reach:.3g}") if reach < 5 else (1.0, f"since they reach {reach:.4g}")


def _groups(made: Guesses, told: Told) -> None:
    made.recording = made.first("recording")
    made.point = told.point or made.first("point")
    made.why |= {"recording": "by its name"} if made.recording else {}
    made.why |= {"point": "you said so" if told.point else "by its name"} if made.point else {}


def _kinds_by_value(columns: Mapping[str, Column], kinds: Mapping[str, str]) -> dict[str, str]:
    """Kinds of continuous columns that have none yet, from their ranges, how they move and their neighbours."""
    looks = [(name, _look(columns[name], kinds[name])) for name in columns]
    found: dict[str, str] = {}
    after = ""
    for look, run in groupby(looks, key=lambda pair: pair[1]):
        names = [name for name, _ in run]
        if look == "angle":
            found |= _angles(names, after)
        elif look == "rough":
            found |= dict(zip(names, _RUNS.get(len(names), ()), strict=False))
        after = kinds[names[-1]]
    return found


def _look(column: Column, kind: str) -> str:
    if kind or column.kind != "number" or column.low == column.high or column.distinct is not None:
        return ""
    turns = max(abs(column.low), abs(column.high))
    if turns <= _TURN_RAD and (column.smooth or turns > _TURN_RAD - 2e-3):
        return "angle"
    return "" if column.smooth else "rough"


def _angles(names: Sequence[str], before: str) -> dict[str, str]:
    """The first three after a position are the hand's orientation."""
    hand = 3 if before == "position" and len(names) >= 3 else 0
    return {name: "orientation?" if place < hand else "joint angle?" for place, name in enumerate(names)}


def _label(made: Guesses, columns: Mapping[str, Column], told: Told) -> None:
    taken = {*made.time, *made.positions, made.recording, made.point}
    few = [
        name
        for name, column in columns.items()
        if name not in taken and (column.kind == "text" or column.whole) and 2 <= (column.distinct or 0) <= CLASSES
    ]
    named = [name for name in few if made.kinds[name] == "label"]
    made.label = told.label or next(iter(named), None)
    made.why |= {"label": "you said so" if told.label else "by its name"} if made.label else {}
    by_value = [name for name in few if not made.kinds[name] and _few_beside_rows(columns[name])]
    made.candidates = tuple(name for name in by_value if name != made.label)


def _few_beside_rows(column: Column) -> bool:
    return 10 * (column.distinct or 0) <= column.known


def _features(made: Guesses, columns: Mapping[str, Column]) -> None:
    taken = {*made.time, *made.positions, made.recording, made.point, made.label, *made.candidates}
    free = [
        name
        for name, column in columns.items()
        if name not in taken and column.numeric and column.low < column.high
        and made.kinds[name] not in _NEVER_SIGNALS
    ]  # fmt: skip
    known = [name for name in free if made.kinds[name] in SIGNALS]
    made.features = tuple(known or free)
    if known:
        made.why["features"] = f"by their names: {', '.join(dict.fromkeys(made.kinds[name] for name in known))}"
    elif free:
        made.why["features"] = "all other columns of numbers that change"
