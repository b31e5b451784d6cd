"""Finds the columns of a log by the names in its header, or by position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

# How a KUKA controller names what it records of a joint, before the arm's type and the joint's number from 0 on.
_JOINTS = {"axisTauExtMsr": "exT_A", "axisTauMsr": "msT_A", "axisQMsr": "cur_A", "axisQCmd": "comd_A"}
_JOINT = re.compile(rf"({'|'.join(_JOINTS)})[^_\[]*(?:_.*)?\[([0-9]+)\]")
_WRENCH = re.compile(r"cart(Force|Torque)[0-9]*_(?:Tau)?([XYZ])")
_TIMES = {"ZeitInSec": "t_Sec", "ZeitInNanoSec": "t_nSec"}
_SHOWN = 5


@dataclass(frozen=True)
class Layout:
    """The fields of a line.

    Attributes:
        width: number of fields.
        columns: names of the columns that are read.
        places: index of the field of each of them.
    """

    width: int
    columns: tuple[str, ...]
    places: tuple[int, ...]


def layout(names: Sequence[str] | None, columns: Sequence[str]) -> Layout:
    """Find columns by name if the header has all of them, in any order and among others; else by position.

    Raises:
        InputError: the header names some of the columns, but not at their positions, and lacks others.
    """
    ours = [column_of(name) for name in names or []]
    found = {column: ours.index(column) for column in columns if ours.count(column) == 1}
    if len(found) == len(columns):
        return Layout(len(ours), tuple(columns), tuple(found[column] for column in columns))
    known = {column: place for place, column in enumerate(columns) if column in ours}
    in_place = len(ours) == len(columns) and all(ours[place] == column for column, place in known.items())
    if known and not in_place:
        lacking = [column for column in columns if column not in found]
        there = name_some(names or [], _SHOWN)
        raise InputError(f"the header lacks or repeats {name_some(lacking, _SHOWN)}; it has {there}")
    return Layout(len(columns), tuple(columns), tuple(range(len(columns))))


def column_of(name: str) -> str:
    """Translate a controller's name of a column to the notebook's; return other names as they are."""
    joint, axis = _JOINT.fullmatch(name), _WRENCH.fullmatch(name)
    if joint:
        return f"{_JOINTS[joint[1]]}{int(joint[2]) + 1}"
    if axis:
        return f"{axis[1][0]}{axis[2].lower()}"
    return _TIMES.get(name, name)
