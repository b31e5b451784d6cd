"""Checks the time of rows: their rate, pauses, time that goes back or stands still, and how even its steps are."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_SHOWN = 5
_STEPS_LOOKED_AT = 1_000_000
_PAUSE, _LONG, _MANY = 5, 20, 0.005  # median steps of a pause, and of one worth a warning; a share of all steps
_UNEVEN, _SAME = 1.5, 0.05  # median steps; a share of a recording's steps
_FEW = 20  # steps: too few to tell
_ALIKE = 1.25  # rates within this factor
_SLOWEST_HZ, _USUAL_HZ, _FASTEST_HZ = 1.0, 200.0, 50_000.0
_DAY_S, _HOUR_S = 86_400, 3600
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
_huge = np.errstate(over="ignore", invalid="ignore")  # the differences of huge values make no rate


class Steps(NamedTuple):
    """Steps of one kind: how many (recordings,), and the largest in s, with its recording and the row after."""

    counts: NDArray[np.int64]
    largest_s: float
    recording: int
    row: int  # from the recording's first, 0, on


class Times(NamedTuple):
    """What time is like from row to row within recordings; rates and jitter are NaN where unknown."""

    names: tuple[str, ...]  # of the recordings, before they are split
    steps: NDArray[np.int64]  # (recordings,)
    rates_hz: Floats  # (recordings,) rows per second between pauses
    jitter: Floats  # (recordings,) width of the middle 90 % of steps, in median steps
    pauses: Steps  # of more than five median steps
    back: Steps  # of time that goes back, its size positive
    same: Steps  # of zero


@_huge
def rate_of(time_s: Floats, recording: Ints, config: TableConfig, strict: bool) -> float | None:
    """Return the rate from the median step of time within a recording.

    Raises:
        InputError: time does not advance, if `strict`; None otherwise.
    """
    every = 1 if config.nanoseconds else max(1, len(time_s) // _STEPS_LOOKED_AT)
    steps = time_s[1::every] - time_s[:-1:every]
    steps = steps[recording[1::every] == recording[:-1:every]]
    step = float(np.median(steps)) if len(steps) else np.nan
    if not step > 0:
        if not strict:
            return None
        often = " from most rows to the next" if len(steps) and steps.max() > 0 else ""
        raise InputError(f"{_time(config)} does not advance{often}: set data.rate_hz, or name another column")
    # Rounded as each kind of file always was: the fingerprint of the recordings depends on it.
    return round(1 / step, 6) if config.nanoseconds else float(f"{1 / step:.6g}")


@_huge
def steps_of(time_s: Floats, recording: Ints, breaks: Ints, dropped: Ints) -> Floats:
    """Return the (rows - 1,) steps of time, less the usual time of the `dropped` rows before the rows `breaks`.

    A clock that starts again at midnight goes on, in `time_s` too: a step of about a day back is one forward.
    """
    steps = np.diff(time_s)
    midnight = (steps > -_DAY_S) & (steps <= _HOUR_S - _DAY_S) & (recording[1:] == recording[:-1])
    for row in (np.flatnonzero(midnight) + 1).tolist():
        steps[row - 1] += _DAY_S
        time_s[row : np.searchsorted(recording, recording[row], side="right")] += _DAY_S
    for number in np.unique(recording[breaks]).tolist():
        first, end = np.searchsorted(recording, [number, number + 1])
        here = recording[breaks] == number
        rows, usual = breaks[here] - 1, np.median(steps[first : end - 1])
        steps[rows] = np.maximum(steps[rows] - dropped[here] * usual, np.minimum(steps[rows], usual))
    return steps


@_huge
def measure(steps: Floats, recording: Ints, names: Sequence[str]) -> Times:
    """Measure the (rows - 1,) steps of time, NaN between recordings, whose numbers (rows,) rise."""
    number, inside = recording[1:], ~np.isnan(steps)
    low, median, high = np.full((3, len(names)), np.nan)
    for which, (start, stop) in enumerate(pairwise(np.searchsorted(number, range(len(names) + 1)).tolist())):
        ordered = np.sort(steps[start:stop][inside[start:stop]])
        if len(ordered) and ordered[len(ordered) // 2] > 0:
            ordered = ordered[: np.searchsorted(ordered, _PAUSE * ordered[len(ordered) // 2], side="right")]
            low[which], median[which], high[which] = np.quantile(ordered, [0.05, 0.5, 0.95], method="nearest")
    regular = inside & (steps >= 0) & (steps <= _PAUSE * median[number])
    total_s = np.bincount(number, np.where(regular, steps, 0), len(names))
    kinds = (steps > _PAUSE * median[number], steps < 0, steps == 0)
    return Times(
        tuple(names),
        np.bincount(number[inside], minlength=len(names)),
        np.bincount(number[regular], minlength=len(names)) / np.where(total_s > 0, total_s, np.nan),
        (high - low) / median,
        *(_kind(kind, steps, recording) for kind in kinds),
    )


def _kind(which: NDArray[np.bool_], steps: Floats, recording: Ints) -> Steps:
    counts = np.bincount(recording[1:][which], minlength=int(recording[-1]) + 1)
    if not which.any():
        return Steps(counts, 0.0, 0, 0)
    row = int(np.argmax(np.where(which, np.abs(steps), -1))) + 1
    number = int(recording[row])
    return Steps(counts, float(abs(steps[row - 1])), number, row - int(np.searchsorted(recording, number)))


def time_warnings(times: Times, config: TableConfig) -> Iterator[str]:
    """Describe what is wrong with the time of recordings, a line for each kind of fault."""
    rates, names = times.rates_hz, times.names
    known = np.flatnonzero(np.isfinite(rates) & (times.steps >= min(_FEW, times.steps.max())))
    known = known[np.argsort(rates[known], kind="stable")]
    usual = float(np.median(rates[known])) if len(known) else _USUAL_HZ
    if not _SLOWEST_HZ <= usual <= _FASTEST_HZ:
        yield f"{_time(config)} has {usual:.4g} rows per second: {_likely_unit(usual, config.time_unit)}"
    elif config.rate_hz and len(known) and not 1 / _ALIKE < usual / config.rate_hz < _ALIKE:
        yield f"{_time(config)} has {usual:.4g} rows per second, but data.rate_hz={config.rate_hz:g}"
    if len(known) and rates[known[-1]] > _ALIKE * rates[known[0]]:
        alike: dict[str, list[str]] = {}
        for one in known.tolist():
            alike.setdefault(f"{float(f'{rates[one]:.2g}'):g} Hz", []).append(names[one])
        shown = name_some([f"{rate} in {name_some(those, 3)}" for rate, those in alike.items()], _SHOWN)
        yield (
            f"recordings have different rates, {shown}: a window takes another time in each; "
            "give data.path those of one rate, or see whether data.time_unit holds for all"
        )
    yield from _of_steps(times, _time(config))


def _of_steps(times: Times, time: str) -> Iterator[str]:
    names, pauses, back = times.names, times.pauses, times.back
    total, step_s = int(pauses.counts.sum()), 1 / times.rates_hz[pauses.recording]
    new, even = "to begin a new recording there", "set data.rate_hz if rows are evenly spaced"
    if total and (pauses.largest_s > _LONG * step_s or total > _MANY * times.steps.sum()):
        gap_s = float(f"{2 * _PAUSE * step_s:.2g}")
        yield (
            f"{time} has {total} pause{'s'[: total != 1]} of more than {_PAUSE} steps, {_most(pauses.counts, names)}"
            f"; the longest, {pauses.largest_s:.3g} s, is before row {pauses.row} of {names[pauses.recording]}: "
            f"windows cross them; set data.gap_s={gap_s:g} {new}"
        )
    if back.counts.any():
        where = f"furthest by {back.largest_s:.3g} s before row {back.row} of {names[back.recording]}"
        yield f"{time} goes backwards, {_most(back.counts, names)}, {where}: set data.gap_s {new}"
    same = np.where(times.same.counts > _SAME * times.steps, times.same.counts, 0)
    if same.any():
        yield f"{time} stands still from row to row, {_most(same, names)}: {even}, or name another column"
    uneven = np.where((times.jitter > _UNEVEN) & (times.steps >= _FEW), times.jitter, 0)
    if uneven.any():
        yield (
            f"{time} advances unevenly in {np.count_nonzero(uneven)} of {len(names)} recordings: the middle 90 % "
            f"of steps differ by {uneven.max():.1f} median steps in {names[int(uneven.argmax())]}; {even}, "
            "or name the sensor's own clock in data.time"
        )


def _most(counts: NDArray[Any], names: Sequence[str]) -> str:
    """Say in which recordings there are most of them, and how many."""
    order = [one for one in np.argsort(-counts, kind="stable").tolist() if counts[one]]
    return name_some([f"{counts[one]} in {names[one]}" for one in order], _SHOWN)


def _likely_unit(rate_hz: float, unit: str) -> str:
    """Return which unit of time makes a usual rate of one that is too low or too high."""
    rates = {other: rate_hz * SECONDS[unit] / size for other, size in SECONDS.items() if other != unit}
    likely = min(rates, key=lambda other: float(abs(np.log(rates[other] / _USUAL_HZ))))
    if not _SLOWEST_HZ <= rates[likely] <= _FASTEST_HZ:
        return "name another column in data.time, or set data.rate_hz"
    return f"with data.time_unit={likely} instead of {unit} it would be {rates[likely]:.4g}"


def _time(config: TableConfig) -> str:
    return f"time in {config.time}" + (f" and {config.nanoseconds}" if config.nanoseconds else "")
