"""Columns: what the name of each says, its values as numbers or texts, and statistics of them, chunk by chunk."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.data.readers.lines import MISSING, decoded
from forcepos.data.readers.rows import Numbers
from forcepos.data.readers.table import TIMES
from forcepos.data.recordings import Float64

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001, "in": 25.4}
_SECONDS = {"sec": "s", "seconds": "s", "msec": "ms", "usec": "us", "µs": "us", "nsec": "ns"}
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
_MOST_DISTINCT = 1000  # a column with more distinct values is taken for continuous
_PROBED = 50_000  # values of which the course is looked at
_MOSTLY = 0.8  # share of numbers among texts above which the others are faults


class Name(NamedTuple):
    """What the name of a column says; what it does not say is empty."""

    kind: str = ""
    stem: tuple[str, str] = "", ""  # which x, y and z of one position share
    axis: str = ""
    unit: str = ""


@cache
def read_name(name: str) -> Name:
    """Read a name; of one that is longer than any, nothing is known."""
    if len(name) > _LONGEST:
        return Name()
    found = _UNIT.fullmatch(name)
    bare, unit = (found[1], found[2].strip().lower()) if found and found[1] else (name.strip(), "")
    kind = next((kind for kind, pattern in _COMPILED if pattern.fullmatch(bare)), "")
    if unit in _CURRENTS and not kind.startswith("commanded"):
        kind = "current"
    elif unit in _ANGLES and not kind:
        kind = "joint angle" if bare[-1:].isdigit() else "orientation"
    kind = kind or {"n": "force", "nm": "torque"}.get(unit, "")
    place, words = _AXIS.fullmatch(bare), re.split("[_ ]", bare)
    stem, axis, ending = place.groups("") if place else ("", "", "".join(words[1:][-1:]))
    unit = unit or re.sub(r"\W|_", "", ending).lower()
    return Name(kind, (stem, unit), axis.strip("_. []").lower(), _SECONDS.get(unit, unit))


def triples(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return position columns x, y, z whose names differ in nothing else; x and y where there is no z."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        kind, stem, axis, _ = read_name(name)
        if axis and kind == "position":
            found.setdefault(stem, {}).setdefault(axis, name)
    complete = [axes for axes in found.values() if {*axes} >= {"x", "y"} or {*axes} >= {"0", "1"}]
    return [tuple(axes[axis] for axis in sorted(axes)) for axes in sorted(complete, key=len, reverse=True)]


class Course(NamedTuple):
    """What the first values of a column do from row to row."""

    increases: bool
    counts: bool  # rows, from whatever number on, and maybe anew in each recording
    smooth: bool  # in steps that are small compared with the standard deviation
    step: float  # the median of the steps forward; 0 where there is none


@dataclass
class Column:
    """Statistics of one column."""

    name: str
    kind: str = "empty"  # or number, integer, time (in s), text
    as_text: bool = False  # numbers, but written as texts: training does not read them
    rows: int = 0
    known: int = 0
    not_numbers: int = 0  # values of a numeric column that are none; `example` is the first of them
    example: str = ""
    low: float = np.inf
    high: float = -np.inf
    mean: float = 0.0
    squares: float = 0.0  # of deviations from the mean
    # How often each value occurs, integers of whatever size; None where there are more than _MOST_DISTINCT.
    counts: Counter[float | str] | None = field(default_factory=Counter)
    start: Float64 = field(default_factory=lambda: np.empty(0))  # the first _PROBED values; NaN where no number

    @cached_property
    @np.errstate(over="ignore", invalid="ignore")  # of the squares of huge values
    def course(self) -> Course:
        known = self.start[np.isfinite(self.start)] if self.kind != "text" else self.start[:0]
        steps, least = np.diff(known), 0.9 * (len(known) - 1)
        up, moves, ones = (int(one.sum()) for one in (steps > 0, steps != 0, steps == 1))
        smooth = moves > 0 and bool(np.sqrt(np.mean(steps**2)) < 0.1 * np.std(known))
        step = float(np.median(steps[steps > 0])) if up else 0.0
        return Course(up > 0.95 * moves and moves > least > 0.9, ones > least > 1, smooth, step)

    @property
    def readable(self) -> bool:
        """Return whether training can read it as numbers."""
        return self.kind in {"number", "integer"} and not self.as_text

    @property
    def reach(self) -> float:
        return max(abs(self.low), abs(self.high))

    @property
    def std(self) -> float:
        return float(np.sqrt(self.squares / max(1, self.known)))

    @property
    def distinct(self) -> int | None:
        return None if self.counts is None else len(self.counts)

    @property
    def discrete(self) -> bool:
        """Return whether all values are texts or whole numbers, of whatever type."""
        if self.kind != "number" or self.counts is None:
            return self.kind in {"integer", "text"}
        return all(not isinstance(value, str) and value == int(value) for value in self.counts)

    @np.errstate(over="ignore", invalid="ignore")  # of the squares of huge values
    def add(self, values: pa.Array) -> None:
        """Add rows."""
        kind, numbers = _numbers(values)
        self.start = np.append(self.start, numbers[: _PROBED - len(self.start)])
        both, self.rows = {self.kind, kind} - {"empty"} or {"empty"}, self.rows + len(values)
        self.kind = both.pop() if len(both) == 1 else "number" if both == {"number", "integer"} else "text"
        finite = numbers[np.isfinite(numbers)]
        if self.kind == "text":
            words, finite = _texts(values).drop_null(), finite[:0]
            self.known += len(words)
            self._count(words)
        elif kind == "number" and not (pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)):
            self.as_text = True
            words = _texts(values).filter(pa.array(np.isnan(numbers))).drop_null()
            self.not_numbers += len(words)
            self.example = self.example or (words[0].as_py()[:30] if len(words) else "")
        if len(finite):
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
            step, share = float(finite.mean()) - self.mean, len(finite) / (self.known + len(finite))
            self.squares += float(((finite - self.mean - step) ** 2).sum()) + step * (step * share * self.known)
            self.mean += step * share
            self.known += len(finite)
            self._count(values.drop_null() if pa.types.is_integer(values.type) else pa.array(finite))

    def _count(self, values: pa.Array) -> None:
        if self.counts is not None and len(values[: 4 * _MOST_DISTINCT].unique()) <= _MOST_DISTINCT:
            for found in pc.value_counts(values).to_pylist():
                self.counts[found["values"]] += found["counts"]
            self.counts = self.counts if len(self.counts) <= _MOST_DISTINCT else None
        else:
            self.counts = None


def _numbers(values: pa.Array) -> tuple[str, Float64]:
    """Return the kind of a column and its numbers, times in seconds; NaN where a value is missing or no number."""
    kind = values.type
    if values.null_count == len(values):
        return "empty", np.full(len(values), np.nan)
    time, whole = any(is_kind(kind) for is_kind in TIMES), pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if time or whole or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "time" if time else "integer" if whole else "number", Numbers().read(values, "")
    words = pd.Series(_texts(values).to_pylist(), dtype=object)
    numbers = pd.to_numeric(words, errors="coerce").to_numpy(np.float64)
    return "number" if np.isfinite(numbers).sum() > _MOSTLY * words.notna().sum() else "text", numbers


def _texts(values: pa.Array) -> pa.Array:
    """Return values as texts, whatever they are; null where training takes them for missing."""
    known = ((one, decoded(one) if isinstance(one, bytes) else str(one)) for one in values.to_pylist())
    return pa.array([None if one is None or text in MISSING else text for one, text in known], pa.string())
