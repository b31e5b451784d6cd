"""Columns: what the name of each says, and what its values are."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from forcepos.data.readers.files import natural_sort_key
from forcepos.data.readers.lines import MISSING, decoded
from forcepos.data.readers.rows import Numbers
from forcepos.data.recordings import Float64

MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001, "in": 25.4}
_SECONDS = {"sec": "s", "seconds": "s", "msec": "ms", "usec": "us", "µs": "us", "nsec": "ns"}
_BY_UNIT = {"n": "force", "nm": "torque", "a": "current", "ma": "current"}
_ANGLES = {"deg", "rad", "°"}
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
    ("second force", r"[ft][xyz]\d"),
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
_PROBED = 50_000  # values that tell how a column goes on from row to row
_MOSTLY = 0.8  # share of numbers among texts above which the others are faults
# What the names of Arrow's types begin with.
_TYPES = {"integer": "u?int|bool", "number": "half|float|double|decimal", "time": "time|date|duration"}


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
    kind = kind or _BY_UNIT.get(unit, "")
    if unit in _ANGLES and not kind:
        kind = "joint angle" if bare[-1:].isdigit() else "orientation"
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


class Column:
    """A column: its `kind`, by its name until its values say otherwise, and statistics of them, of times in s.

    readable: training can read numbers; not those that are written as texts, of which `faults` are no numbers.
    counts: of each value; None if there are too many. discrete: it holds texts or whole numbers.
    The first values increase; count rows, maybe anew in each recording; or are smooth, with steps that are small
    compared with the standard deviation. step: the median of those forward, 0 where there is none.
    """

    @np.errstate(over="ignore", invalid="ignore")  # of the squares of huge values
    def __init__(self, name: str, chunks: Sequence[pa.Array]) -> None:
        """Describe chunks as `plain` makes them."""
        self.name, self.kind, values = name, read_name(name).kind, _joined(chunks)
        numbers, self.type = _numbers(values), _type(values.type)
        finite, known = numbers[np.isfinite(numbers)], len(values) - values.null_count
        self.readable = self.type in {"number", "integer"}
        written = self.type == "text" and len(finite) > _MOSTLY * known
        self.faults = values.filter(np.isnan(numbers)).drop_null().to_pylist() if written else []
        self.type = "number" if written else self.type
        if self.type == "text":
            numbers = finite = np.empty(0)
        self.rows, self.known = len(values), known if self.type == "text" else len(finite)
        measures = [finite.min(), finite.max(), finite.mean(), finite.std()] if len(finite) else []
        self.low, self.high, self.mean, self.std = map(float, measures or [np.inf, -np.inf, 0, 0])
        self.reach = max(abs(self.low), abs(self.high))
        self.at_ends = {"low": int((finite == self.low).sum()), "high": int((finite == self.high).sum())}
        exact = self.type in {"text", "integer"}
        self.counts = _count(values.drop_null() if exact else pa.chunked_array([finite]))
        self.distinct = None if self.counts is None else len(self.counts)
        whole = self.type == "number" and all(float(one).is_integer() for one in self.counts or ["0.5"])
        self.discrete = whole or exact
        start = numbers[:_PROBED][np.isfinite(numbers[:_PROBED])]
        steps, least = np.diff(start), 0.9 * (len(start) - 1)
        up, moves, ones = (int(np.count_nonzero(one)) for one in (steps > 0, steps != 0, steps == 1))
        self.increases, self.counts_rows = up > 0.95 * moves and moves > least > 0.9, ones > least > 1
        self.smooth = moves > 0 and bool(np.sqrt(np.mean(steps**2)) < 0.1 * np.std(start))
        self.step = float(np.median(steps[steps > 0])) if up else 0.0


def plain(values: pa.Array) -> pa.Array:
    """Return values that are no numbers or times as texts, null where training takes them for missing."""
    if values.null_count == len(values):
        return pa.nulls(len(values))
    if _type(values.type) != "text":
        return values
    known = ((one, decoded(one) if isinstance(one, bytes) else str(one)) for one in values.to_pylist())
    return pa.array([None if one is None or text in MISSING else text for one, text in known], pa.string())


def _type(kind: pa.DataType) -> str:
    """Return integer, number, time, text, or empty where there is no value at all."""
    known = (one for one, names in _TYPES.items() if re.match(names, str(kind)))
    return "empty" if pa.types.is_null(kind) else next(known, "text")


def _joined(chunks: Sequence[pa.Array]) -> pa.ChunkedArray:
    tables = [pa.table([chunk], ["values"]) for chunk in chunks]
    try:
        return pa.concat_tables(tables, promote_options="permissive")["values"]
    except pa.ArrowException:  # such as numbers in one and words in another
        return pa.chunked_array([one.cast(pa.string()) for one in chunks])


def _numbers(values: pa.ChunkedArray) -> Float64:
    """Return numbers, times in seconds, NaN where a value is missing or no number."""
    if _type(values.type) != "text":
        return Numbers().read(values.combine_chunks(), "")
    words = values.combine_chunks().dictionary_encode()
    known = pd.to_numeric(pd.Series([*words.dictionary.to_pylist(), None], dtype=object), errors="coerce")
    return np.asarray(known.to_numpy(np.float64)[words.indices.fill_null(-1).to_numpy()])


def _count(values: pa.ChunkedArray) -> dict[str, int] | None:
    """Count each value by its text, whole numbers without a point; None if too many are distinct."""
    few = len(values[: 4 * _MOST_DISTINCT].unique()) <= _MOST_DISTINCT
    found = [tuple(one.values()) for one in values.value_counts().to_pylist()] if few else []
    found.sort(key=lambda one: natural_sort_key(one[0]) if isinstance(one[0], str) else one[0])
    counts = {str(one).removesuffix(".0") if isinstance(one, float) else str(one): count for one, count in found}
    return counts if few and len(counts) <= _MOST_DISTINCT else None
