"""Roles of columns, stated by the user or guessed, and what names alone give: kinds and units."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

NAMED = ("recording", "point", "session", "label")  # roles of one column each
ROLES = ("time", "positions", *NAMED, "features")
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001, "in": 25.4}
_LONG = {"sec": "s", "seconds": "s", "msec": "ms", "usec": "us", "µs": "us", "nsec": "ns"}
_SECONDS = {unit: unit for unit in PER_SECOND} | _LONG
_CURRENTS, _ANGLES = {"a", "ma", "amp", "ampere"}, {"deg", "rad", "°", "degrees", "radians"}
_LONGEST = 200  # characters; patterns take a time that grows with the square of a name's length
_PREFIX, _AXES, _NUMBER = r"(.*[_./ :])?", r"[._ \[]?[xyz]\]?", r"[_. ]?\[?\d+\]?"
_ID = r"([_. ]?(id|name|key|index|idx|no|nr|num|number))?"
_METRES = r"([_ ]?[\[(]?mm?[\])]?)"
_WANTED = "(target|cmd|comd|command|commanded|des|desired|setpoint|ref|reference|goal|soll)"
# The first pattern that matches a spatial name, without case and without a unit in brackets, decides.
_PATTERNS = (
    ("seconds", rf"{_PREFIX}(t_?sec|zeitinsec|secs?|stamp_?secs?)"),
    ("nanoseconds", rf"{_PREFIX}(t_?nsec|zeitinnanosec|n(ano)?secs?|stamp_?n(ano)?secs?)"),
    ("time", r".*(time|stamp)([_ ]?(s|ms|us|ns|sec))?|t([_ ]?(s|ms|us|ns|sec))?|zeit.*|uhrzeit|clock"),
    ("recording", rf"(recording|rec|run|trial|visit|episode|experiment|file(name)?|demo){_ID}"),
    ("session", rf"(session|sitting|day|date|user|subject|operator|participant|mounting){_ID}"),
    ("row number", rf"(index|idx|rows?|unnamed: ?\d+|__index.*|(seq(uence)?|frame|step|count(er)?|sample){_ID}|)"),
    ("point", r"key|point(_?(id|name|key))?|contact_?point|touch(ed)?_?point|location|cell"),
    ("label", r"label|class|target_?class|category|sector|.*_label|.*_class|y_true|gesture|state|phase"),
    ("commanded angle", rf"comd_a\d+|axisqcmd.*|d?q_?(cmd|des|d|ref|set|target){_NUMBER}|(q|tau|tau_j|dq|ddq)_d"),
    ("commanded position", rf"{_PREFIX}{_WANTED}(\w*[._])?[xyz]{_METRES}?|[xyz]_d|.*(pos|t_ee)_d({_AXES})?"),
    ("commanded value", rf"{_PREFIX}{_WANTED}([_. ].*|{_NUMBER}|[qf]{_NUMBER})?|.*(tau|tau_j|force)_d{_NUMBER}"),
    ("torque", rf"{_PREFIX}[tm]_?[xyz]( .*)?|.*cart_?torque.*[xyz]|.*(torque|moment){_AXES}"),
    ("torque", r".*wrench[._ ]?t.*[xyz]|.*tcp_force[_ ]?\[?[345]\]?"),
    ("force", rf"{_PREFIX}f_?[xyz]( .*)?|.*force.*_?[xyz]|.*wrench[._ ]?f.*[xyz]|.*tcp_force[_ ]?\[?[012]\]?"),
    ("second force", r"f[xyz]\d"),
    ("second torque", r"t[xyz]\d"),
    ("current", rf"[ci]_?(a_?)?\[?\d+\]?|(.*[_. ])?(motor|joint)?currents?([_. ]?(j|a|joint|motor))?({_NUMBER})?"),
    ("joint torque", r"(ext|mst)_a\d+|axistau.*|.*tau.*\d+\]?|.*torque.*\d+\]?|.*effort.*\d+\]?"),
    ("joint speed", r"(dq|qd|qdot)_?\[?\d+\]?|.*(speed|veloc).*"),
    ("orientation", rf"[abc]|.*(roll|pitch|yaw)(_deg|_rad)?|{_PREFIX}[rq]_?[xyz]|{_PREFIX}qw"),
    ("orientation", rf"{_PREFIX}(rot|ori|quat|euler)\w*[._\[]?([xyzwabc]|\d)\]?|.*pose[_. ]?\[?[3-6]\]?"),
    ("joint angle", r"(cur_)?a_?\d|axisq.*|(.*[_. ])?q_?\[?\d+\]?|j_?\d+|.*(joint|angle|position).*\d+\]?"),
    ("position", rf"(.*(pos|cart|tcp|tip|ee|tool|coord|location|contact|plate|p)\w*[._ ]?)?[xyz]{_METRES}?"),
    ("position", r".*pose[_. ]?\[?[012]\]?"),
)  # fmt: skip
_COMPILED = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _PATTERNS]
_AXIS = re.compile(rf"(.*?)([xyz]|(?<=pose)[_. ]?\[?[012]\]?){_METRES}?", re.IGNORECASE)
_UNIT = re.compile(r"(.*?)\s*[\[(]\s*([^\d\W][^\])]*|°|µ\w)\s*[\])]\s*")


@dataclass
class Guesses:
    """The role of each column, with reasons."""

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
    # Of each column, by its name or values; empty where unknown, with a question mark where uncertain.
    kinds: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def taken(self) -> set[str | None]:
        """Return the columns with a role other than that of a feature."""
        return {*self.time, *self.positions, *self.candidates, *map(self.__getattribute__, NAMED)}


def _without_unit(name: str) -> tuple[str, str]:
    """Split a name into what it says and the unit in brackets, in lower case."""
    found = _UNIT.fullmatch(name[:_LONGEST])
    return (found[1], found[2].strip().lower()) if found and found[1] else (name.strip(), "")


@cache
def kind_of(name: str) -> str:
    """Return the kind of a column by its name; empty where no pattern matches, as for names longer than any."""
    if len(name) > _LONGEST:
        return ""
    bare, unit = _without_unit(name)
    kind = next((kind for kind, pattern in _COMPILED if pattern.fullmatch(bare)), "")
    if unit in _CURRENTS and not kind.startswith("commanded"):
        return "current"
    if not kind and unit in _ANGLES:
        return "joint angle" if bare[-1:].isdigit() else "orientation"
    return kind or {"n": "force", "nm": "torque"}.get(unit, "")


def triples(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return position columns x, y, z whose names differ in nothing else; x and y where there is no z."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        bare, unit = _without_unit(name)
        axis = _AXIS.fullmatch(bare)
        if axis and kind_of(name) == "position":
            found.setdefault((axis[1], axis[3] or unit), {}).setdefault(axis[2].strip("_. []").lower(), name)
    complete = [each for each in found.values() if {*each} >= {"x", "y"} or {*each} >= {"0", "1"}]
    complete.sort(key=len, reverse=True)
    return [tuple(axes[axis] for axis in sorted(axes)) for axes in complete]


def length_unit(name: str) -> str | None:
    """Return mm, cm, m, …, where the name ends with it."""
    bare, unit = _without_unit(name)
    axis = _AXIS.fullmatch(bare)
    unit = unit or (re.sub(r"\W|_", "", axis[3] or "").lower() if axis else "")
    return unit if unit in MM else None


def time_unit(name: str) -> str | None:
    """Return s, ms, us or ns, where the name ends with it."""
    bare, unit = _without_unit(name)
    return _SECONDS.get(unit or re.split(r"[_ ]", bare)[-1].lower() if unit or re.search("[_ ]", bare) else "")
