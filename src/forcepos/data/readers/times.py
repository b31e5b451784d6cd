"""Checks the time of rows: their rate, pauses, time that goes back or stands still, and how even its steps are."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
ROWS_AT_ONCE = 1 << 16  # where a copy of all would take memory that there is not
_STEPS_LOOKED_AT, _STEPS_OF_ONE = 1_000_000, 20_000  # evenly spread over all, and over a recording
_PAUSE, _LONG, _MANY = 5, 20, 0.005  # median steps of a pause, and of one worth a warning; a share of all steps
_UNEVEN, _SAME = 1.5, 0.05  # median steps; a share of a recording's steps
_FEW = 20  # steps: too few to tell
_ALIKE = 1.25  # rates within this factor
_SLOWEST_HZ, _FASTEST_HZ = 1.0, 50_000.0
DAY_S, HOUR_S = 86_400, 3600
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
_huge = np.errstate(over="ignore", invalid="ignore")  # the differences of huge values make no rate


class Times(NamedTuple):
    """What time is like from row to row, (recordings,) each; NaN where unknown."""

    names: tuple[str, ...]  # of the recordings, before they are split
    steps: Floats  # how many there are
    rates_hz: Floats  # rows per second between pauses
    jitter: Floats  # width of the middle 90 % of steps, in median steps
    back: Floats  # steps of time that goes back
    same: Floats  # steps of zero
    pauses: Floats  # steps of more than five median steps
    longest_s: Floats  # the longest pause; 0 without any
    row: Floats  # after that pause, from the recording's first, 0, on


def begins(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    """Return (rows,) whether a row's number is another one than that of the row before, without a copy of them."""
    new = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=new[1:])
    return new


def steps_of(time_s: Floats, recording: Ints) -> Floats:
    """Make of times (rows,) their steps from the row before, in place, since memory has no room for both.

    The first step of a recording is NaN, and that of a row without a time; the next one counts from the last row
    that has one. A clock that starts again at midnight goes on: a step of about a day back is one forward.
    """
    first, lacking = begins(recording), ~np.isfinite(time_s)
    if lacking.any():
        known = np.flatnonzero(~lacking)
        first[known[begins(recording[known])]] = True
        before = np.searchsorted(known, np.flatnonzero(lacking)) - 1
        time_s[lacking] = time_s[known[np.maximum(before, 0)]]
    for stop in range(len(time_s), 1, -ROWS_AT_ONCE):  # from the end on, since each step needs the time before
        start = max(1, stop - ROWS_AT_ONCE)
        time_s[start:stop] -= time_s[start - 1 : stop - 1].copy()
    time_s[first | lacking] = np.nan
    time_s[(time_s > -DAY_S) & (time_s <= HOUR_S - DAY_S)] += DAY_S
    return time_s


@_huge
def rate_of(steps: Floats, config: TableConfig, strict: bool) -> float | None:
    """Return the rate by the median of steps (rows,); where time stands, an InputError if `strict`, else None."""
    steps = steps[1 :: 1 if config.nanoseconds else max(1, len(steps) // _STEPS_LOOKED_AT)]
    steps = steps[~np.isnan(steps)]
    step = float(np.median(steps)) if len(steps) else np.nan
    if 0 < step < np.inf:
        # Rounded as each kind of file always was: the fingerprint of the recordings depends on it.
        return round(1 / step, 6) if config.nanoseconds else float(f"{1 / step:.6g}")
    if not strict:
        return None
    often = " from most rows to the next" if (steps > 0).any() else ""
    raise InputError(f"{_time(config)} does not advance{often}: set data.rate_hz, or name another column")


@_huge
def measure(steps: Floats, recording: Ints, names: Sequence[str]) -> Times:
    """Measure the steps (rows,) of each recording, whose numbers (rows,) rise; NaN is no step."""
    each = map(_measure_one, np.split(steps, np.flatnonzero(begins(recording))[1:]))
    return Times(tuple(names), *np.array([*each], np.float64).T)


def _measure_one(steps: Floats) -> list[Any]:
    """Return what Times says of one recording."""
    known = steps[~np.isnan(steps)]
    counts = [np.count_nonzero(known < 0), np.count_nonzero(known == 0)]
    usual = np.median(known[:: len(known) // _STEPS_OF_ONE + 1]) if len(known) else 0
    if not usual > 0:
        return [len(known), np.nan, np.nan, *counts, 0, 0, 0]
    even = known[(known >= 0) & (known <= _PAUSE * usual)]
    low, high = np.quantile(even[:: len(even) // _STEPS_OF_ONE + 1], [0.05, 0.95])
    pauses, row = np.count_nonzero(known > _PAUSE * usual), np.nanargmax(steps)
    return [len(known), 1 / even.mean(), (high - low) / usual, *counts, pauses, steps[row] * (pauses > 0), row]


def time_warnings(times: Times, config: TableConfig, typed: bool) -> Iterator[str]:
    """Describe what is wrong with time, a line for each kind of fault; `typed`: it needs no unit."""
    known = np.isfinite(times.rates_hz) & (times.steps >= min(_FEW, times.steps.max()))
    if known.any():
        yield from _of_rates(np.where(known, times.rates_hz, np.nan), times.names, config, typed)
    names, time, total, which = times.names, _time(config), int(times.pauses.sum()), times.longest_s.argmax()
    longest_s, step_s = times.longest_s[which], 1 / times.rates_hz[which]
    new, even = "to begin a new recording there", "set data.rate_hz if rows are evenly spaced"
    if longest_s > _LONG * step_s or total > _MANY * times.steps.sum():
        of_all = f"{total} pause{'s'[: total != 1]} of more than {_PAUSE} steps, {most_of(times.pauses, names)}"
        longest = f"the longest, {longest_s:.3g} s, is before row {times.row[which]:.0f} of {names[which]}"
        gap_s = float(f"{2 * _PAUSE * step_s:.2g}")
        yield f"{time} has {of_all}; {longest}: windows cross them; set data.gap_s={gap_s:g} {new}"
    if times.back.any():
        yield f"{time} goes backwards, {most_of(times.back, names)}: set data.gap_s {new}"
    same = np.where(times.same > _SAME * times.steps, times.same, 0)
    if same.any():
        yield f"{time} stands still from row to row, {most_of(same, names)}: {even}, or name another column"
    uneven = np.where((times.jitter > _UNEVEN) & (times.steps >= _FEW) & (same == 0), times.jitter, 0)
    if uneven.any():
        worst = f"the middle 90 % of steps differ by {uneven.max():.1f} median steps in {names[uneven.argmax()]}"
        yield f"{time} advances unevenly: {worst}; {even}, or name the sensor's own clock in data.time"


def _of_rates(rates: Floats, names: Sequence[str], config: TableConfig, typed: bool) -> Iterator[str]:
    time, usual = _time(config), float(np.nanmedian(rates))
    if not _SLOWEST_HZ <= usual <= _FASTEST_HZ:
        likely_hz = {unit: usual * SECONDS[config.time_unit] / SECONDS[unit] for unit in SECONDS if not typed}
        advice = "name another column in data.time, or set data.rate_hz"
        for unit in [unit for unit, hz in likely_hz.items() if _SLOWEST_HZ <= hz <= _FASTEST_HZ][:1]:
            advice = f"with data.time_unit={unit} instead of {config.time_unit} it would be {likely_hz[unit]:.4g}"
        yield f"{time} has {usual:.4g} rows per second: {advice}"
    elif config.rate_hz and not 1 / _ALIKE < usual / config.rate_hz < _ALIKE:
        yield f"{time} has {usual:.4g} rows per second, but data.rate_hz={config.rate_hz:g}"
    low, high = int(np.nanargmin(rates)), int(np.nanargmax(rates))
    if rates[high] > _ALIKE * rates[low]:
        shown = f"{rates[low]:.4g} Hz in {names[low]} to {rates[high]:.4g} Hz in {names[high]}"
        advice = "give data.path those of one rate, or see whether data.time_unit holds for all"
        yield f"recordings have different rates, {shown}: a window takes another time in each; {advice}"


def most_of(counts: NDArray[Any], names: Sequence[str]) -> str:
    """Say in which recordings there are most of them, and how many."""
    order = [one for one in np.argsort(-counts, kind="stable").tolist() if counts[one]]
    return name_some([f"{counts[one]:.0f} in {names[one]}" for one in order], 5)


def _time(config: TableConfig) -> str:
    return f"time in {config.time}" + (f" and {config.nanoseconds}" if config.nanoseconds else "")
