"""What columns without telling names may be, told from their values. A question mark says that it is a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from forcepos.commands.inspect.columns import Column

_RUNS = {6: ("force?",) * 3 + ("torque?",) * 3, 7: ("joint torque?",) * 7}
_TURN_RAD = np.pi + 1e-3


def kinds_by_value(columns: Mapping[str, Column], kinds: Mapping[str, str]) -> dict[str, str]:
    """Kinds of continuous columns that have none yet, from their ranges, how they move and their neighbours."""
    looks = [(name, _look(columns[name], kinds[name])) for name in columns]
    found: dict[str, str] = {}
    after = ""
    for look, run in groupby(looks, key=lambda pair: pair[1]):
        names = [name for name, _ in run]
        if look == "angle":
            found |= _angles(names, after)
        elif look == "rough":
            found |= dict(zip(names, _RUNS.get(len(names), ()), strict=False))
        after = kinds[names[-1]]
    return found


def _look(column: Column, kind: str) -> str:
    if kind or column.kind != "number" or column.low == column.high or column.distinct is not None:
        return ""
    turns = max(abs(column.low), abs(column.high))
    if turns <= _TURN_RAD and (column.smooth or turns > _TURN_RAD - 2e-3):
        return "angle"
    return "" if column.smooth else "rough"


def _angles(names: Sequence[str], before: str) -> dict[str, str]:
    """The first three after a position are the hand's orientation."""
    hand = 3 if before == "position" and len(names) >= 3 else 0
    return {name: "orientation?" if place < hand else "joint angle?" for place, name in enumerate(names)}
