"""Checks of recordings before anything is trained on them."""

from collections.abc import Callable, Iterator

import numpy as np

from forcepos.data.checks.copies import copies
from forcepos.data.checks.short import longest_runs
from forcepos.data.checks.values import outliers, plate, signs, stuck, units
from forcepos.data.recordings import Float32, Float64, Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some

_SHOWN = 10
_AXES = ("x", "y", "z")
_TOO_SIMILAR = 0.999  # absolute correlation
_ROWS_LOOKED_AT = 20_000  # evenly spread over all: a correlation of 0.999 is then accurate to 0.00002
_ROUNDING = 1e-10  # a variance below this share of the squared values is rounding error


@np.errstate(over="ignore", invalid="ignore")  # of huge values, which are warned about themselves
def check(recordings: Recordings, window: int) -> list[str]:
    """Check recordings, and return warnings about values that are unlikely to be right.

    Raises:
        InputError: values are missing or not finite, or a recording is shorter than one window;
            one line for each recording and column; or a recording is there twice.
    """
    too_short = (
        f"recording {name}: {rows} rows, too short for one window of {window}"
        for name, rows in zip(recordings.names, longest_runs(recordings).tolist(), strict=True)
        if rows < window
    )
    if problems := [*_not_finite(recordings), *too_short]:
        raise InputError("\n  ".join(["the recordings cannot be used:", *first_lines(problems, _SHOWN)]))
    return [warning for warnings in _WARNINGS for warning in warnings(recordings)]


def _not_finite(recordings: Recordings) -> Iterator[str]:
    for values, columns in ((recordings.signals, recordings.channels), (recordings.positions, _AXES)):
        for column in np.flatnonzero(~np.isfinite(values).all(axis=0)):
            rows = np.flatnonzero(~np.isfinite(values[:, column]))
            found = np.unique(recordings.recording[rows], return_index=True, return_counts=True)
            for number, first, count in zip(*found, strict=True):
                yield (
                    f"recording {recordings.names[number]}, column {columns[column]}: {count} values missing "
                    f"or not finite, the first in row {rows[first] - recordings.bounds[number, 0]}; "
                    "data.missing=drop drops such rows"
                )


def _constant(recordings: Recordings) -> Iterator[str]:
    signals, bounds = recordings.signals, recordings.bounds
    same = np.array([(signals[start:stop] == signals[start]).all(axis=0) for start, stop in bounds])
    for column in np.flatnonzero(same.any(axis=0)):
        stuck = [recordings.names[number] for number in np.flatnonzero(same[:, column])]
        where = "every recording" if len(stuck) == len(same) else f"recording {name_some(stuck, _SHOWN)}"
        yield f"column {recordings.channels[column]} never changes in {where}"


def _likely_leakage(recordings: Recordings) -> Iterator[str]:
    """Describe each feature that follows a target so closely that it is likely to be derived from it."""
    rows = slice(None, None, -(-len(recordings.signals) // _ROWS_LOOKED_AT))
    targets = _standardized(recordings.positions[rows, [_AXES.index(axis) for axis in recordings.axes]])
    for name, signal in zip(recordings.channels, recordings.signals[rows].T, strict=True):
        for axis, correlation in zip(recordings.axes, _standardized(signal[:, None])[:, 0] @ targets, strict=True):
            if abs(correlation) > _TOO_SIMILAR:
                yield (
                    f"feature {name} is likely leakage: its correlation with target {axis} is {correlation:.5f}; "
                    "remove it from data.features unless a sensor measures it"
                )


def _standardized(values: Float32) -> Float64:
    """(rows, columns) around 0 and of length 1; 0 in columns that do not vary."""
    centred = values - values.mean(axis=0, dtype=np.float64)
    square = (centred**2).sum(axis=0)
    varies = square > _ROUNDING * np.square(values, dtype=np.float64).sum(axis=0)
    return np.asarray(centred / np.sqrt(np.where(varies, square, np.inf)))


_WARNINGS: tuple[Callable[[Recordings], Iterator[str]], ...] = (
    copies, _constant, stuck, outliers, units, signs, plate, _likely_leakage,
)  # fmt: skip
