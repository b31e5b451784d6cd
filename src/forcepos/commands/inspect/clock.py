"""Which column holds the time, and in which unit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.names import unit_of_time
from forcepos.commands.inspect.roles import PER_SECOND, Guesses, Told
from forcepos.data.recordings import Float64

_RATES_HZ = (4.0, 2000.0)  # of a recording whose unit of time is to be told


def guess_time(made: Guesses, columns: Mapping[str, Column], start: Mapping[str, Float64], told: Told) -> None:
    pair = [made.first(kind) for kind in ("seconds", "nanoseconds")]
    if told.time is None and pair[0] and pair[1]:
        made.time, made.why["time"] = (pair[0], pair[1]), "by their names, whole seconds and the rest"
        return
    named = [name for name, kind in made.kinds.items() if kind in {"time", "seconds"} and _rises(columns[name])]
    typed = [name for name, column in columns.items() if column.kind == "time"]
    counted = [name for name, column in columns.items() if _counts_rows(column)]
    rising = [name for name, column in columns.items() if name not in counted and _rises(column)]
    for names, why in (
        ([told.time] if told.time else [], "you said so"),
        (typed, "its type is a time"),
        (named, "by its name, and it rises"),
        (rising, "it rises from row to row"),
    ):
        if names:
            unit, how = _unit(names[0], columns[names[0]], start[names[0]])
            made.time, made.time_unit, made.why["time"] = (names[0],), unit, f"{why}; in {unit}, {how}"
            made.kinds[names[0]] = "time"
            break
    made.kinds.update({name: "row number" for name in counted if name not in made.time})


def _rises(column: Column) -> bool:
    steps = column.up + column.down
    return column.kind != "text" and column.up > 0.95 * steps and steps > 0.9 * (column.known - 1) > 1


def _counts_rows(column: Column) -> bool:
    whole = column.kind == "whole" and column.low in {0.0, 1.0}
    return whole and column.high - column.low == column.known - 1 == column.up


def _unit(name: str, column: Column, start: Float64) -> tuple[str, str]:
    if column.kind == "time":
        return "s", "as its type tells"
    if unit_of_time(name):
        return unit_of_time(name) or "s", "as its name ends"
    steps = np.diff(start)
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    for unit, per_second in PER_SECOND.items():
        if _RATES_HZ[0] <= per_second / step <= _RATES_HZ[1]:
            return unit, f"since that makes {per_second / step:.4g} rows per second"
    return "s", "for want of a hint"
