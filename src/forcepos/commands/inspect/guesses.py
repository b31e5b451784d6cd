"""Guesses of the role of each column from names and values, each with its reason."""

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from forcepos.commands.inspect.columns import MM, Column, read_name, triples
from forcepos.data.readers.times import SECONDS
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

NAMED = ("recording", "point", "session", "label")  # roles of one column each
_MOST_CLASSES = 64  # a column with more distinct values is no label
_SMOOTH = "three adjacent columns that vary smoothly, by tens of millimetres or more"
_FAR_MM, _FARTHEST_MM = 20.0, 5000.0  # from the base's origin, for positions in unnamed columns
_METRES = 5.0  # values below are in m
_HALF_TURN_RAD = np.pi + 1e-3
_SIGNALS = ("joint torque", "force", "torque", "joint angle", "current")
_RATES_HZ = (4.0, 2000.0)  # plausible range, by which the unit of time is guessed
_SINCE_1970_S = (631_152_000, 4_102_444_800)  # the years 1990 to 2100
_CLOCKS_HZ = (0.5, 1e5)  # rows per second of a time since 1970
_CUT_STEPS, _CUT_S = 20, 1.0  # a step longer than both starts a new recording, where no column does
_GIVEN = "given on the command line"


class Guesses:
    """The role of each column; guessing them, the kinds of columns become what their values say.

    Attributes:
        roles: of one column each, or None; of several: time (whole seconds, nanoseconds), positions, features.
        reasons: why, for each role that was found.
        candidates: columns with so few distinct values that each may be a label.
    """

    def __init__(self, columns: Mapping[str, Column], hints: Namespace) -> None:
        """Take the hints and guess the other roles; an InputError says which hint does not suit."""
        for name in (hints.time, *hints.positions, hints.point, hints.label):
            if name is not None and name not in columns:
                raise InputError(f"no column named {name}; the columns are {name_some([*columns], 50)}")
        if hints.time and columns[hints.time].type == "text":
            raise InputError(f"--time {hints.time}: the column holds text, not times")
        self.roles: dict[str, Any] = {"time": (), "positions": (), **dict.fromkeys(NAMED), "features": ()}
        self.reasons, self.candidates, self._columns = dict[str, str](), tuple[str, ...](), columns
        self._readable = [one for one in columns.values() if one.readable]
        for name in () if triples(columns) else {*"abcABC"} & {*columns}:  # beside X, Y and Z, an orientation
            columns[name].kind = ""
        self._time_unit = self._find_time(hints.time)
        self._unit = self._find_positions(hints.positions)
        for role, given in (("recording", None), ("point", hints.point), ("session", None)):
            self._find_named(role, columns.values(), given)
        if self.roles["session"] and not (self.roles["recording"] or self.roles["point"]):
            self._take("recording", self.roles["session"], "a session, for want of a better one")
        self._find_label_and_features(hints.label)

    @property
    def taken(self) -> set[str | None]:
        """Return the columns with a role other than that of a feature."""
        each = (self.roles[name] for name in NAMED)
        return {*self.roles["time"], *self.roles["positions"], *self.candidates, *each}

    def _take(self, role: str, names: str | Sequence[str], reason: str, kind: str = "") -> None:
        self.roles[role], self.reasons[role] = names, reason
        for name in names if kind else ():
            self._columns[name].kind = kind

    def _find_named(self, role: str, columns: Iterable[Column], given: str | None) -> None:
        """Take the given column, or else the first whose name says its role."""
        if name := given or next((one.name for one in columns if one.kind == role), None):
            self._take(role, name, _GIVEN if given else "by its name")

    def _find_label_and_features(self, given: str | None) -> None:
        free = [one for one in self._columns.values() if one.name not in self.taken]
        few = [one for one in free if one.discrete and 2 <= (one.distinct or 0) <= _MOST_CLASSES]
        self._find_named("label", few, given)
        rest = (one for one in few if not one.kind and 10 * (one.distinct or 0) <= one.known)
        self.candidates = tuple(one.name for one in rest if one.name != self.roles["label"])
        vary = [one for one in free if one.readable and one.low < one.high and 2 * one.known > one.rows]
        left = [one for one in vary if one.name not in self.taken and one.kind in {"", "joint speed", *_SIGNALS}]
        known = [one for one in left if one.kind in _SIGNALS]
        by_names = f"by their names: {', '.join(dict.fromkeys(one.kind for one in known))}"
        if left:
            reason = by_names if known else "all other numeric columns that vary"
            self._take("features", tuple(one.name for one in known or left), reason)

    def _find_positions(self, given: Sequence[str]) -> str:
        """Find the positions, and orientations that follow them; return the unit of the positions."""
        found = [(tuple(given), _GIVEN)] if given else []
        by_name = triples(one.name for one in self._readable if one.kind == "position")
        found += [(three, "by their names") for three in by_name]
        # What looks like millimetres in the base frame, in columns whose names say nothing.
        likely = {one.name for one in self._readable if one.type == "number" and not read_name(one.name).kind
            and one.smooth and one.std > 1 and _FAR_MM < one.reach < _FARTHEST_MM}  # fmt: skip
        free = [one.name for one in self._readable if one.name not in self.roles["time"]]
        adjacent = zip(free, free[1:], free[2:], strict=False)
        found += [(three, _SMOOTH) for three in adjacent if likely.issuperset(three)]
        for names, reason in found[:1]:
            unit, reach = read_name(names[0]).unit, max(self._columns[name].reach for name in names)
            how = "from the name"
            if unit not in MM:
                by_size = ("m", f"since no value exceeds {reach:.3g}"), ("mm", f"since values reach {reach:.4g}")
                unit, how = by_size[reach >= _METRES]
            self._take("positions", names, f"{reason}; in {unit}, {how}", "position")
            every = [*self._columns.values()]
            after = every[max(map([*self._columns].index, names)) + 1 :][:3]
            turns = [one for one in after if not one.kind and one.type == "number" and one.distinct is None
                and one.reach <= _HALF_TURN_RAD and (one.smooth or one.reach > _HALF_TURN_RAD - 2e-3)]  # fmt: skip
            for one in turns if len(turns) == 3 else ():
                one.kind = "orientation?"
            return unit
        return "mm"

    def _find_time(self, given: str | None) -> str:
        """Find the likeliest time and return its unit; tell counters and other times apart."""
        found = ((column, reason, *_unit(column)) for column, reason in self._clocks(given))
        column, reason, unit, how = next((one for one in found if one[2] or given), (None, "", "s", ""))
        whole = [one.name for one in self._readable if one.kind == "seconds"]
        rest = [one.name for one in self._readable if one.kind == "nanoseconds" and one.high * SECONDS["ns"] < 1]
        if whole and rest and not given:
            self._take("time", (whole[0], rest[0]), "by their names, whole seconds and the rest", "time")
            unit = "s"
        elif column:
            unit = unit or "s"
            self._take("time", (column.name,), f"{reason}; in {unit}, {how}", "time")
        for one in self._readable:
            if one.kind in {"", "recording", "session", "point"}:
                stamps = one.low < one.high and _since_1970(one)
                one.kind = "seconds" if stamps else "row number" if one.counts_rows else one.kind
            elif one.kind == "row number" and one.name.lower().startswith("seq") and not one.increases:
                one.kind = "recording"  # its number stays for many rows
        return unit

    def _clocks(self, given: str | None) -> Iterator[tuple[Column, str]]:
        """Yield columns that may hold the time with the reason, the likeliest first."""
        if given:
            yield self._columns[given], _GIVEN
        increasing = [one for one in self._columns.values() if one.increases]
        yield from ((one, "from its type") for one in increasing if one.type == "time")
        numbers = [one for one in increasing if one.readable]
        named = (one for one in numbers if one.kind in {"time", "seconds", "nanoseconds"})
        yield from ((one, "by its name, and it increases") for one in named)
        others = (one for one in numbers if not one.kind and (not one.counts_rows or _since_1970(one)))
        yield from ((one, "it increases from row to row") for one in others)

    def keys(self) -> dict[str, Any]:
        """Return the keys under `data` that say so, None for what training needs and nothing tells."""
        roles, columns = self.roles, self._columns
        recording, point, session, label = (roles[name] for name in NAMED)
        few, many = ((columns[name].distinct or 0) if name else 0 for name in (recording, point))
        visits = bool(point and (not recording or 0 < few < many))
        time, nanoseconds = (*roles["time"], None, None)[:2]
        step_s = columns[time].step * SECONDS[self._time_unit] if time else 0.0
        step_s = columns[nanoseconds].step * SECONDS["ns"] if nanoseconds else step_s
        pauses = step_s and not point and recording in {None, session}
        used = [*roles["features"], *roles["positions"], *roles["time"], *filter(None, (recording, point, label))]
        needed: dict[str, Any] = {"features": [*roles["features"]] or None}
        needed |= {"targets": [*roles["positions"]] or ([] if label else None)}
        needed |= {} if time else {"rate_hz": None}
        keys = {
            "target_scale_mm": MM[self._unit] if self._unit != "mm" else None, "label": label,
            "recording": None if visits else recording, "visits": visits or None, "point": point,
            "gap_s": float(f"{max(_CUT_STEPS * step_s, _CUT_S):.3g}") if pauses else None, "session": session,
            "time": time, "time_unit": self._time_unit if time else None, "nanoseconds": nanoseconds,
            "missing": "drop" if any(columns[name].known < columns[name].rows for name in used) else None,
        }  # fmt: skip
        return needed | {key: value for key, value in keys.items() if value is not None}


def _unit(column: Column) -> tuple[str, str]:
    """Return the unit of a time and the reason; no unit where its years would lie beyond 2100."""
    units, step = ["s"] if column.type == "time" else [*SECONDS], column.step or 1.0
    possible = (unit for unit in units if column.reach * SECONDS[unit] <= _SINCE_1970_S[1])
    rates = {unit: 1 / (step * SECONDS[unit]) for unit in possible}
    if column.type == "time" or not rates:
        return "".join(rates), "from its type"
    by_name, by_size = read_name(column.name).unit, _since_1970(column)
    if by_size and _CLOCKS_HZ[0] <= rates[by_size] <= _CLOCKS_HZ[1]:
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
    return next((unit for unit, s in SECONDS.items() if first <= column.low * s <= column.high * s <= last), "")
