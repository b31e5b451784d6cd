"""Roles of columns, stated by the user or guessed, and what names alone give: kinds and units."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

ROLES = ("time", "positions", "recording", "point", "label", "features")
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_LONGEST = 200  # characters; patterns take a time that grows with the square of a name's length
_SECONDS = r"([_ ]?[\[(]?(s|ms|us|ns|sec)[\])]?)"
_METRES = r"([_ ]?[\[(]?mm?[\])]?)"
# The first pattern that matches a spatial name, without case, decides.
_PATTERNS = (
    ("seconds", r"t_?sec|zeitinsec|secs?|stamp_?secs?"),
    ("nanoseconds", r"t_?nsec|zeitinnanosec|n(ano)?secs?|stamp_?n(ano)?secs?"),
    ("time", rf"t|.*(time|stamp){_SECONDS}?|t{_SECONDS}|zeit.*"),
    ("row number", r"index|idx|row|unnamed: ?\d+|__index_level_\d+__|"),
    ("recording", r"(recording|rec|run|trial|visit|episode|session|experiment|file(name)?|seq|demo)(_?id)?"),
    ("point", r"key|point(_?(id|name|key))?|contact_?point|touch(ed)?_?point|location|cell"),
    ("label", r"label|class|target_?class|category|sector|.*_label|.*_class|y_true|gesture|state"),
    ("force", r"f_?[xyz]|.*force.*_?[xyz]|.*wrench.*f.*[xyz]"),
    ("second force", r"f[xyz]\d"),
    ("torque", r"[tm]_?[xyz]|.*cart_?torque.*[xyz]|.*(torque|moment)_?[xyz]|.*wrench.*t.*[xyz]"),
    ("second torque", r"t[xyz]\d"),
    ("joint torque", r"(ext|mst)_a\d+|axistau.*|.*tau.*\d+\]?|.*torque.*\d+\]?|.*effort.*\d+\]?"),
    ("joint speed", r"(dq|qd|qdot)_?\[?\d+\]?|.*(speed|veloc).*"),
    ("commanded angle", r"comd_a\d+|axisqcmd.*|q_?(cmd|des|d)_?\[?\d+\]?"),
    ("joint angle", r"(cur_)?a_?\d|axisq.*|q_?\[?\d+\]?|j_?\d+|.*(joint|angle|position).*\d+\]?"),
    ("commanded position", rf".*(comd|cmd|command|setpoint|desired|goal|des)_?\w*[._]?[xyz]{_METRES}?"),
    ("orientation", r"[abc]|.*(roll|pitch|yaw)|[rq][xyz]|qw|(.*_)?(rot|ori|quat)\w*[._]?[xyzwabc]"),
    ("position", rf"(.*(pos|cart|tcp|tip|ee|tool|coord|location|contact|plate|p)\w*[._ ]?)?[xyz]{_METRES}?"),
)  # fmt: skip
_COMPILED = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _PATTERNS]
_AXIS = re.compile(rf"(.*?)([xyz]){_METRES}?", re.IGNORECASE)


@dataclass
class Guesses:
    """The role of each column, with reasons."""

    time: tuple[str, ...] = ()  # the column, or two: whole seconds and nanoseconds
    time_unit: str = "s"
    origin: float = 0.0  # a time near all others: relative to it, steps keep the precision of the file
    positions: tuple[str, ...] = ()
    scale_mm: float = 1.0
    recording: str | None = None
    point: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()  # columns that a model may learn from
    candidates: tuple[str, ...] = ()  # columns with so few distinct values that each may be a label
    # Of each column, by its name or values; empty where unknown, with a question mark where uncertain.
    kinds: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        return {1.0: "mm", 1000.0: "m"}[self.scale_mm]

    @property
    def taken(self) -> set[str | None]:
        """Return the columns with a role other than that of a feature."""
        return {*self.time, *self.positions, *self.candidates, self.recording, self.point, self.label}


@cache
def kind_of(name: str) -> str:
    """Return the kind of a column by its name; empty where no pattern matches, as for names longer than any."""
    if len(name) > _LONGEST:
        return ""
    return next((kind for kind, pattern in _COMPILED if pattern.fullmatch(name.strip())), "")


def triples(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return position columns x, y, z whose names differ in nothing else; x and y where there is no z."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        axis = _AXIS.fullmatch(name.strip())
        if axis and kind_of(name) == "position":
            found.setdefault((axis[1], axis[3] or ""), {}).setdefault(axis[2].lower(), name)
    complete = sorted((each for each in found.values() if {*each} >= {"x", "y"}), key=len, reverse=True)
    return [tuple(axes[axis] for axis in sorted(axes)) for axes in complete]


def mm_per_unit(name: str) -> float | None:
    """Return millimetres per unit, where the name ends with one."""
    axis = _AXIS.fullmatch(name.strip())
    unit = re.sub(r"\W|_", "", axis[3] or "").lower() if axis else ""
    return {"mm": 1.0, "m": 1000.0}.get(unit)


def time_unit(name: str) -> str | None:
    """Return s, ms, us or ns, where the name ends with it."""
    unit = re.search(r"[_ (\[](s|sec|ms|us|ns)[)\]]?$", name.strip(), re.IGNORECASE)
    return {"sec": "s"}.get(unit[1].lower(), unit[1].lower()) if unit else None
