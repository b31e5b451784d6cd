"""Finds the columns of a log by the names in its header, or by position."""

from __future__ import annotations

import re
from collections.abc import Sequence

from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

# How a KUKA controller names what it records of a joint, before the arm's type and the joint's number from 0 on.
_JOINTS = {"axisTauExtMsr": "exT_A", "axisTauMsr": "msT_A", "axisQMsr": "cur_A", "axisQCmd": "comd_A"}
_JOINT = re.compile(rf"({'|'.join(_JOINTS)})[^_\[]*(?:_.*)?\[([0-9]+)\]")
_WRENCH = re.compile(r"cart(Force|Torque)[0-9]*_(?:Tau)?([XYZ])")
_TIMES = {"ZeitInSec": "t_Sec", "ZeitInNanoSec": "t_nSec"}
_SHOWN = 5


def read_fields(names: Sequence[str] | None, columns: Sequence[str]) -> list[str]:
    """Return the column of each field of a line, empty for fields that are not read.

    Columns are found by name if the header has all of them, in any order and among others; else by position.

    Raises:
        InputError: the header names some of the columns, but not at their positions, and lacks others.
    """
    ours = [column_of(name) for name in names or []]
    lacking = [column for column in columns if ours.count(column) != 1]
    if not lacking:
        return [name if name in columns else "" for name in ours]
    known = set(ours) & set(columns)
    in_place = len(ours) == len(columns) and all(
        ours[place] == column for place, column in enumerate(columns) if column in known
    )
    if known and not in_place:
        there = name_some(names or [], _SHOWN)
        raise InputError(f"the header lacks or repeats {name_some(lacking, _SHOWN)}; it has {there}")
    return list(columns)


def column_of(name: str) -> str:
    """Translate a controller's name of a column to the notebook's; return other names as they are."""
    joint, axis = _JOINT.fullmatch(name), _WRENCH.fullmatch(name)
    if joint:
        return f"{_JOINTS[joint[1]]}{int(joint[2]) + 1}"
    if axis:
        return f"{axis[1][0]}{axis[2].lower()}"
    return _TIMES.get(name, name)
