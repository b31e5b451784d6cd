"""Checks the time of rows: their rate, pauses, time that goes back or stands still, and how even its steps are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

if TYPE_CHECKING:
    from forcepos.config.schema import TableConfig

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_SHOWN, _SHOWN_OF_RATE = 5, 3
_STEPS_LOOKED_AT = 1_000_000
_PAUSE = 5  # median steps: a longer one is a pause
_LONG, _MANY = 20, 0.005  # a pause is worth a warning from so many median steps on, or if so many of all steps are
_SAME = 0.05  # of a recording's steps
_UNEVEN = 1.5  # median steps
_FEW = 20  # steps: too few to tell
_ALIKE = 1.25  # rates within this factor
_SLOWEST_HZ, _USUAL_HZ, _FASTEST_HZ = 1.0, 200.0, 50_000.0
_DAY_S, _HOUR_S = 86_400, 3600
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Times:
    """What the steps of time from row to row within recordings are like.

    Attributes:
        steps: (recordings,) how many.
        rates_hz: (recordings,) rows per second between pauses; NaN where unknown.
        jitter: (recordings,) width of the middle 90 % of steps, in median steps; NaN where unknown.
        pauses: (recordings,) how many steps are longer than five median steps,
        back: how many go back,
        same: and how many are zero.
        longest: the longest pause in s, and the number of its recording and its row, from the first, 0, on.
        furthest: the same of the largest step back.
    """

    steps: NDArray[np.int64]
    rates_hz: Floats
    jitter: Floats
    pauses: NDArray[np.int64]
    back: NDArray[np.int64]
    same: NDArray[np.int64]
    longest: tuple[float, int, int]
    furthest: tuple[float, int, int]


@np.errstate(over="ignore", invalid="ignore")  # of the differences of huge values, which make no rate
def rate_of(time_s: Floats, recording: Ints, config: TableConfig) -> float:
    """Return the rate from the median step of time within a recording.

    Raises:
        InputError: time does not advance.
    """
    every = 1 if config.nanoseconds else max(1, len(time_s) // _STEPS_LOOKED_AT)
    steps = time_s[1::every] - time_s[:-1:every]
    steps = steps[recording[1::every] == recording[:-1:every]]
    step = float(np.median(steps)) if len(steps) else np.nan
    if not step > 0:
        often = " from most rows to the next" if len(steps) and steps.max() > 0 else ""
        column = _column(config)
        raise InputError(f"time in {column} does not advance{often}: set data.rate_hz, or name another column")
    # Rounded as each kind of file always was: the fingerprint of the recordings depends on it.
    return round(1 / step, 6) if config.nanoseconds else float(f"{1 / step:.6g}")


@np.errstate(over="ignore", invalid="ignore")
def steps_of(time_s: Floats, recording: Ints, breaks: tuple[Ints, Ints]) -> Floats:
    """Return the (rows - 1,) steps of time, without the usual time of the rows that were dropped.

    A clock that starts again at midnight goes on: a step of about a day back is one forward, in `time_s` as well.

    Args:
        breaks: rows before which rows were dropped, and how many.
    """
    steps = np.diff(time_s)
    midnight = (steps > -_DAY_S) & (steps <= _HOUR_S - _DAY_S) & (recording[1:] == recording[:-1])
    for row in (np.flatnonzero(midnight) + 1).tolist():
        steps[row - 1] += _DAY_S
        time_s[row : np.searchsorted(recording, recording[row], side="right")] += _DAY_S
    rows, dropped = breaks
    for number in np.unique(recording[rows]).tolist():
        first, end = np.searchsorted(recording, [number, number + 1])
        here = (rows >= first) & (rows < end)
        places, usual = rows[here] - 1, np.median(steps[first : end - 1])
        steps[places] = np.maximum(steps[places] - dropped[here] * usual, np.minimum(steps[places], usual))
    return steps


@np.errstate(over="ignore", invalid="ignore")
def measure(steps: Floats, recording: Ints) -> Times:
    """Measure the (rows - 1,) steps of time within each recording, given their numbers (rows,) in order."""
    number, inside = recording[1:], recording[1:] == recording[:-1]
    ends = np.flatnonzero(~inside)
    usual = np.full((recording[-1] + 1, 3), np.nan)
    for which, (start, stop) in enumerate(pairwise([0, *(ends + 1).tolist(), len(steps) + 1])):
        ordered = np.sort(steps[start : stop - 1])
        if len(ordered):
            usual[which] = ordered[(np.array([0.05, 0.5, 0.95]) * len(ordered)).astype(int)]
    low, median, high = np.where(usual[:, 1] > 0, usual.T, np.nan)
    pause = inside & (steps > _PAUSE * median[number])
    regular = inside & (steps >= 0) & (steps <= _PAUSE * median[number])
    back = inside & (steps < 0)

    def count(which: NDArray[np.bool_], weights: Floats | None = None) -> NDArray[np.int64]:
        weights = None if weights is None else weights[which]
        return np.bincount(number[which], weights, minlength=len(median))

    def largest(which: NDArray[np.bool_]) -> tuple[float, int, int]:
        places = np.flatnonzero(which)
        if not len(places):
            return 0.0, 0, 0
        place = places[np.abs(steps[places]).argmax()]
        of = int(number[place])
        return float(abs(steps[place])), of, int(place + 1 - np.searchsorted(recording, of))

    return Times(
        steps=count(inside),
        rates_hz=count(regular) / np.where(median > 0, count(regular, steps), np.nan),
        jitter=(high - low) / median,
        pauses=count(pause),
        back=count(back),
        same=count(inside & (steps == 0)),
        longest=largest(pause),
        furthest=largest(back),
    )


def time_warnings(times: Times, names: Sequence[str], config: TableConfig) -> list[str]:
    """Describe what is wrong with the time of recordings, a line for each kind of fault."""
    return [*_of_rates(times, names, config), *_of_steps(times, names, config)]


def _of_rates(times: Times, names: Sequence[str], config: TableConfig) -> Iterator[str]:
    rates, time = times.rates_hz, f"time in {_column(config)}"
    known = np.flatnonzero(np.isfinite(rates) & (times.steps >= min(_FEW, times.steps.max())))
    if not len(known):
        return
    usual = float(np.median(rates[known]))
    if not _SLOWEST_HZ <= usual <= _FASTEST_HZ:
        yield f"{time} has {usual:.4g} rows per second: {_likely_unit(usual, config.time_unit)}"
    elif config.rate_hz and not 1 / _ALIKE < usual / config.rate_hz < _ALIKE:
        yield f"{time} has {usual:.4g} rows per second, but data.rate_hz={config.rate_hz:g}"
    groups: list[list[int]] = []
    for one in known[np.argsort(rates[known], kind="stable")].tolist():
        if groups and rates[one] <= _ALIKE * rates[groups[-1][0]]:
            groups[-1].append(one)
        else:
            groups.append([one])
    if len(groups) > 1:
        named = [name_some([names[one] for one in sorted(group)], _SHOWN_OF_RATE) for group in groups]
        shown = [f"{rates[group[0]]:.4g} Hz in {one}" for group, one in zip(groups, named, strict=True)]
        yield (
            f"recordings have different rates, {name_some(shown, _SHOWN)}: a window takes another time in each; "
            "give data.path those of one rate, or see whether data.time_unit holds for all"
        )


def _of_steps(times: Times, names: Sequence[str], config: TableConfig) -> Iterator[str]:
    time, (longest_s, of, row), (back_s, back_of, back_row) = _column(config), times.longest, times.furthest
    step_s, pauses = 1 / times.rates_hz[of], int(times.pauses.sum())
    if longest_s > _LONG * step_s or pauses > _MANY * times.steps.sum():
        yield (
            f"time in {time} has {pauses:,} pause{'s'[: pauses != 1]} of more than {_PAUSE} steps, "
            f"{_most(times.pauses, names)}; the longest, {longest_s:.3g} s, is before row {row} of {names[of]}: "
            f"windows cross them; set data.gap_s={2 * _PAUSE * step_s:.2g} to begin a new recording there"
        )
    if times.back.any():
        yield (
            f"time in {time} goes backwards, {_most(times.back, names)}, furthest by {back_s:.3g} s before row "
            f"{back_row} of {names[back_of]}: set data.gap_s to begin a new recording there"
        )
    same = np.where(times.same > _SAME * times.steps, times.same, 0)
    if same.any():
        yield (
            f"time in {time} stands still from row to row, {_most(same, names)}: "
            "set data.rate_hz if rows are evenly spaced, or name another column"
        )
    uneven = np.where((times.jitter > _UNEVEN) & (times.steps >= _FEW), times.jitter, 0)
    if uneven.any():
        worst, few = int(uneven.argmax()), f"{np.count_nonzero(uneven)} of {len(names)} recordings"
        yield (
            f"time in {time} advances unevenly in {few}: the middle 90 % of steps differ by {uneven[worst]:.1f} median "
            f"steps in {names[worst]}; name the sensor's own clock in data.time, or set data.rate_hz if it is even"
        )


def _most(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """Name the recordings with most of something, and how much."""
    order = [one for one in np.argsort(-counts, kind="stable").tolist() if counts[one]]
    return name_some([f"{counts[one]} in {names[one]}" for one in order], _SHOWN)


def _likely_unit(rate_hz: float, unit: str) -> str:
    """Return which unit of time makes a usual rate of one that is too low or too high."""
    rates = {other: rate_hz * SECONDS[unit] / size for other, size in SECONDS.items() if other != unit}
    likely = min(rates, key=lambda other: float(abs(np.log(rates[other] / _USUAL_HZ))))
    if not _SLOWEST_HZ <= rates[likely] <= _FASTEST_HZ:
        return "name another column in data.time, or set data.rate_hz"
    return f"with data.time_unit={likely} instead of {unit} it would be {rates[likely]:.4g}"


def _column(config: TableConfig) -> str:
    return f"{config.time} and {config.nanoseconds}" if config.nanoseconds else str(config.time)
