"""One text log: the point and the visit from its name, its columns by the names in its header or by position."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from operator import eq
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from forcepos.data.readers.files import path_pattern
from forcepos.data.readers.layout import Written
from forcepos.data.readers.table import Wanted
from forcepos.data.readers.text import TextTable
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

# How a KUKA controller names what it records of a joint, before the arm's type and the joint's number from 0 on.
_JOINTS = {"axisTauExtMsr": "exT_A", "axisTauMsr": "msT_A", "axisQMsr": "cur_A", "axisQCmd": "comd_A"}
_JOINT = re.compile(rf"({'|'.join(_JOINTS)})[^_\[]*(?:_.*)?\[([0-9]+)\]")
_WRENCH = re.compile(r"^cart([FT])(?:orce|orque)[0-9]*_(?:Tau)?([XYZ])$")
_TIMES = {"ZeitInSec": "t_Sec", "ZeitInNanoSec": "t_nSec"}
_SHOWN = 5
# A regular expression for each field of data.pattern.
_FIELDS = {"experiment": r".+", "visit": r"[0-9]{1,9}", "i": r"-?[0-9]{1,9}", "j": r"-?[0-9]{1,9}"}
_KNOWN = ", ".join(f"{{{field}}}" for field in _FIELDS)
_TO_SPACES = bytes.maketrans(b"\x0b\x0c;", b"   ")


class Visit(NamedTuple):
    """The visit that a log's name gives, ordered as the recordings are written."""

    experiment: str
    number: int
    i: int
    j: int

    @property
    def point(self) -> str:
        """The point's name in the notebook's format."""
        return f"{self.i},{self.j}"


def read_log(name: str, content: bytes, columns: Sequence[str]) -> tuple[pa.Table, bool]:
    """Read a log: fields separated by spaces, tabs or semicolons, with decimal points or decimal commas.

    Returns:
        the rows (rows, columns) of float64, and whether the last line was dropped with a warning, since it has no
        end: its last number may lack digits.

    Raises:
        InputError: it is empty, not text, has other columns, or has a broken line; names log and line.
    """
    mark = "," if content.count(b",") > content.count(b".") else "."
    table = TextTable(Path(name), Written("text", " ", mark, ended=True), content.translate(_TO_SPACES))
    ours = [column_of(one) for one in table.names or []]
    if lacking := [column for column in columns if ours.count(column) != 1]:
        if sum(one in columns for one in ours) > sum(map(eq, ours, columns)):  # positions contradict known names
            there = name_some(table.names or [], _SHOWN)
            raise InputError(f"{name}: the header lacks or repeats {name_some(lacking, _SHOWN)}; it has {there}")
        ours = [*columns]
    table.width = len(ours)
    table.layout = replace(table.layout, width=len(ours), missing=frozenset())
    wanted = [Wanted("feature", column, ours.index(column)) for column in columns]
    try:
        chunks = [pa.table([*chunk.values()], columns) for chunk in table.chunks(wanted)]
    except InputError as error:
        broken = list(table.errors(wanted))
        if len(broken) < 2:
            raise
        raise InputError(f"{name}: {broken[0]}; {len(broken)} lines are broken") from error
    return pa.concat_tables(chunks), table.layout.cut is not None


def column_of(name: str) -> str:
    """Translate a controller's name of a column to the notebook's; return other names as they are."""
    if joint := _JOINT.fullmatch(name):
        return f"{_JOINTS[joint[1]]}{int(joint[2]) + 1}"
    return _TIMES.get(name, _WRENCH.sub(lambda axis: f"{axis[1]}{axis[2].lower()}", name))


def pattern_of_names(pattern: str) -> re.Pattern[str]:
    """Compile data.pattern, which logs' names match.

    Raises:
        InputError: the pattern lacks a field, or has one that is unknown or there twice.
    """
    fields = re.findall(r"\{([^{}]*)\}", pattern)
    unknown = [f"cannot have {{{field}}}" for field in fields if field not in _FIELDS]
    twice = [f"has {{{field}}} twice" for field in fields if fields.count(field) > 1]
    lacking = [f"lacks {{{field}}}" for field in ("i", "j") if field not in fields]
    for wrong in [*unknown, *twice, *lacking][:1]:
        raise InputError(f"data.pattern={pattern} {wrong}: it takes {_KNOWN}, each once, and needs i and j")
    return path_pattern(pattern, {f"{{{one}}}": f"(?P<{one}>{of})" for one, of in _FIELDS.items()})


def visit_of(name: str, pattern: re.Pattern[str]) -> Visit | None:
    """Return the visit of a file with this name, whatever its folder; None if it is no log."""
    found = pattern.fullmatch(name.rpartition("/")[2])
    if found is None or found[0].startswith("."):
        return None
    fields = {"experiment": "", "visit": "0"} | found.groupdict()
    return Visit(fields["experiment"], *(int(fields[one]) for one in ("visit", "i", "j")))


def undistinguished(visits: Sequence[tuple[Visit, str]]) -> list[str]:
    """Describe visits in order, each with its file's name, that the Feather file could not distinguish."""
    lines = []
    for (before, name), (after, other) in pairwise(visits):
        both, point = f"{name} and {other}", after.point
        if before == after:
            lines.append(f"{both} are the same visit of {point}: {{visit}} in data.pattern distinguishes visits")
        elif before.point == point:
            why = "no other point lies between them"
            lines.append(f"{both}, both visits of {point}, would become one recording: {why}")
    return lines
