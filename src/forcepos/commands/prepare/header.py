"""Which columns a log has: by the names in its header, or by position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from forcepos.runtime.errors import InputError

# How a KUKA controller names what it records of a joint, before the arm's type and the joint's number from 0 on.
_JOINTS = {"axisTauExtMsr": "exT_A", "axisTauMsr": "msT_A", "axisQMsr": "cur_A", "axisQCmd": "comd_A"}
_JOINT = re.compile(rf"({'|'.join(_JOINTS)})[^_\[]*(?:_.*)?\[([0-9]+)\]")
_WRENCH = re.compile(r"cart(Force|Torque)[0-9]*_(?:Tau)?([XYZ])")
_TIMES = {"ZeitInSec": "t_Sec", "ZeitInNanoSec": "t_nSec"}
_SHOWN = 5


@dataclass(frozen=True)
class Layout:
    """How a line is read.

    Attributes:
        width: fields of a line.
        columns: what is taken of it.
        places: in which field each of them stands.
    """

    width: int
    columns: tuple[str, ...]
    places: tuple[int, ...]


def layout(names: Sequence[str] | None, columns: Sequence[str]) -> Layout:
    """By names where a header has all of them, in any order and among others; else by position.

    Raises:
        InputError: the header names some of the columns, at other places than their own, and lacks others.
    """
    ours = [column_of(name) for name in names or []]
    found = {column: ours.index(column) for column in columns if ours.count(column) == 1}
    if len(found) == len(columns):
        return Layout(len(ours), tuple(columns), tuple(found[column] for column in columns))
    known = {column: place for place, column in enumerate(columns) if column in ours}
    in_place = len(ours) == len(columns) and all(ours[place] == column for column, place in known.items())
    if known and not in_place:
        lacking = [column for column in columns if column not in found]
        raise InputError(f"the header lacks, or names twice, {_some(lacking)}; it has {_some(names or [])}")
    return Layout(len(columns), tuple(columns), tuple(range(len(columns))))


def column_of(name: str) -> str:
    """The notebook's name of what a controller calls `name`; itself where that is all there is to know."""
    joint, axis = _JOINT.fullmatch(name), _WRENCH.fullmatch(name)
    if joint:
        return f"{_JOINTS[joint[1]]}{int(joint[2]) + 1}"
    if axis:
        return f"{axis[1][0]}{axis[2].lower()}"
    return _TIMES.get(name, name)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
