"""Kinds and units of columns, as far as their names give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

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
SIGNALS = ("joint torque", "force", "torque", "joint angle")
UNITS = {"force": "N", "second force": "N", "torque": "Nm", "second torque": "Nm", "joint torque": "Nm"}


@cache
def kind_of(name: str) -> str:
    """Return the kind of a column by its name; empty where no pattern matches, as for names longer than any."""
    if len(name) > _LONGEST:
        return ""
    return next((kind for kind, pattern in _COMPILED if pattern.fullmatch(name.strip())), "")


def triples(names: Sequence[str], kind: str = "position") -> list[tuple[str, ...]]:
    """Return columns x, y, z of that kind whose names differ in nothing else; x and y where there is no z."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        axis = _AXIS.fullmatch(name.strip())
        if axis and kind_of(name) == kind:
            found.setdefault((axis[1], axis[3] or ""), {}).setdefault(axis[2].lower(), name)
    spatial = [tuple(axes[axis] for axis in "xyz") for axes in found.values() if len(axes) == 3]
    planar = [(axes["x"], axes["y"]) for axes in found.values() if set(axes) == {"x", "y"}]
    return [*spatial, *planar]


def unit_of_length(name: str) -> float | None:
    """Return millimetres per unit, where the name ends with one."""
    axis = _AXIS.fullmatch(name.strip())
    unit = re.sub(r"\W|_", "", axis[3] or "").lower() if axis else ""
    return {"mm": 1.0, "m": 1000.0}.get(unit)


def unit_of_time(name: str) -> str | None:
    """Return s, ms, us or ns, where the name ends with it."""
    unit = re.search(r"[_ (\[](s|sec|ms|us|ns)[)\]]?$", name.strip(), re.IGNORECASE)
    return {"sec": "s"}.get(unit[1].lower(), unit[1].lower()) if unit else None
