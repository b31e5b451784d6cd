"""The health of channels: drift within and between recordings, bias against position, dead and saturated rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcepos.data.recordings import Float64, Recordings
from forcepos.runtime.wording import name_some

_SHOWN = 3  # channels of a line
_DRIFT, _OFFSET, _FOLLOWS = 3.0, 3.0, 0.9  # standard deviations of noise, and a correlation, that are worth a line
_SURE = 5  # standard errors
_AT_REST = 0.02  # of the positions' range: a recording in which the arm moves less
_FEW = 8  # recordings, too few for a correlation
_STUCK_ROWS, _STUCK_TIMES = 25, 20  # rows of one value, and times the usual number of rows of one value
_JITTER = 0.5  # of a step
_HELP = {
    "drift": "data.tare=time subtracts what each recording begins with; shorter recordings drift less",
    "offset": "data.tare=time or data.tare=force subtracts it; data.session with split=held_out_sessions tests it",
    "follows": "right if contact causes it; if it is there without contact, set data.tare, or leave the channel out",
}


@dataclass
class Health:
    """Measures of each channel, in the order of the recordings' channels; NaN where unknown.

    Attributes:
        drift: (recordings, channels) change within a recording at rest, in standard deviations of its noise.
        means: (recordings, channels).
        offset: (channels,) spread of the means of one point's recordings, in standard deviations of noise.
        follows: (channels,) largest correlation of the means with a coordinate, without its sign.
    """

    drift: Float64
    means: Float64
    offset: Float64
    follows: Float64
    lines: list[str]

    def numbers(self, channels: tuple[str, ...]) -> dict[str, dict[str, float]]:
        """Return the measures by channel and name, as far as they are known."""
        worst = np.nanmax(np.abs(self.drift), axis=0, initial=0.0)
        measures = {"drift": worst, "offset": self.offset, "follows": self.follows}
        known = {name: values for name, values in measures.items() if np.isfinite(values).any()}
        return {
            channel: {name: round(float(values[place]), 3) for name, values in known.items() if np.isfinite(values[place])}
            for place, channel in enumerate(channels)
        }


@np.errstate(all="ignore")  # of missing and huge values, whose measures are unknown
def health(recordings: Recordings) -> Health:
    """Measure all channels, and describe what is worth a look, worst channels first."""
    bounds, length = recordings.bounds, np.diff(recordings.bounds)[:, :1].astype(float)
    row = np.arange(len(recordings.recording)) - bounds[recordings.recording, 0]
    slope = (row - (length[recordings.recording, 0] - 1) / 2) / length[recordings.recording, 0]
    means, change, noise = (np.full((len(bounds), len(recordings.channels)), np.nan) for _ in range(3))
    for place, signal in enumerate(recordings.signals.T):
        values = signal.astype(np.float64)
        means[:, place] = np.add.reduceat(values, bounds[:, 0]) / length[:, 0]
        values -= means[recordings.recording, place]
        change[:, place] = np.add.reduceat(slope * values, bounds[:, 0]) / np.add.reduceat(slope**2, bounds[:, 0])
        values -= slope * change[recordings.recording, place]
        noise[:, place] = np.sqrt(np.add.reduceat(values**2, bounds[:, 0]) / length[:, 0])
    noise[noise <= 1e-6 * np.abs(means)] = np.nan  # constant, but for rounding
    places = np.add.reduceat(recordings.positions, bounds[:, 0].astype(np.intp), axis=0) / length
    clear = np.abs(change) > _SURE * noise * np.sqrt(12 / length)  # the error of a slope, from noise alone
    drift = np.where(_at_rest(recordings)[:, None], np.where(clear, change / noise, 0.0 * noise), np.nan)
    found = Health(drift, means, _offset(recordings, means, noise), _follows(means, places), [])
    found.lines += [*_lines(recordings, found, change), *_stretches(recordings), *_jitter(recordings)]
    return found


def _at_rest(recordings: Recordings) -> Any:
    """(recordings,) whether the arm rests; where no positions are known, it may."""
    first = recordings.bounds[:, 0]
    low, high = (each.reduceat(recordings.positions, first, axis=0) for each in (np.minimum, np.maximum))
    return (high - low <= _AT_REST * np.ptp(recordings.positions, axis=0)).all(axis=1)


def _offset(recordings: Recordings, means: Float64, noise: Float64) -> Float64:
    point = recordings.point[recordings.bounds[:, 0]]
    visits = np.bincount(point)
    again = int((visits - 1)[visits > 1].sum())
    if not again:
        return np.full(means.shape[1], np.nan)
    sums = np.zeros((len(visits), means.shape[1]))
    np.add.at(sums, point, means)
    rest = means - (sums / np.maximum(visits, 1)[:, None])[point]
    known = np.count_nonzero(np.isfinite(noise), axis=0)
    return np.sqrt((rest**2).sum(axis=0) / again / (np.nansum(noise**2, axis=0) / known))


def _follows(means: Float64, places: Float64) -> Float64:
    if len(means) < _FEW:
        return np.full(means.shape[1], np.nan)
    both = [(each - each.mean(axis=0)) / (each.std(axis=0) * np.sqrt(len(each))) for each in (means, places)]
    correlations = np.abs(both[0].T @ both[1])
    return np.nanmax(correlations, axis=1, initial=0.0)


def _lines(recordings: Recordings, found: Health, change: Float64) -> Iterator[str]:
    largest, channels, names = np.abs(found.drift), recordings.channels, recordings.names
    worst = np.nanmax(largest, axis=0, initial=0.0)
    bad = [place for place in np.argsort(-worst) if worst[place] > _DRIFT]
    if bad:
        number = int(np.nanargmax(largest[:, bad[0]]))
        rows = f"recording {names[number]}, rows 0 to {np.diff(recordings.bounds)[number, 0] - 1}"
        by = f"{channels[bad[0]]} by {change[number, bad[0]]:.3g}, {worst[bad[0]]:.1f} times its noise, in {rows}"
        more = f"; also {name_some([channels[place] for place in bad[1:]], _SHOWN)}" if bad[1:] else ""
        yield f"drift within recordings: {by}{more}; {_HELP['drift']}"
    for key, values, limit, what in (
        ("offset", found.offset, _OFFSET, "offsets between recordings of the same point, in standard deviations of noise"),
        ("follows", found.follows, _FOLLOWS, "means of recordings that follow the position, with their correlation"),
    ):
        order = [place for place in np.argsort(-np.nan_to_num(values)) if values[place] > limit]
        if order:
            shown = name_some([f"{channels[place]} {values[place]:.3g}" for place in order], _SHOWN)
            yield f"{what}: {shown}; {_HELP[key]}"


def _stretches(recordings: Recordings) -> Iterator[str]:
    """Describe the longest stretch of rows with one value, of each channel in which it is unusually long."""
    found = []
    for channel, signal in zip(recordings.channels, recordings.signals.T, strict=True):
        new = np.append(True, (signal[1:] != signal[:-1]) | (np.diff(recordings.recording) != 0))
        begin = np.flatnonzero(new)
        length = np.diff(begin, append=len(signal))
        whole = length == np.diff(recordings.bounds)[recordings.recording[begin], 0]  # stuck, which training tells
        length = np.where(whole, 0, length)
        longest = int(length.argmax())
        if length[longest] > max(_STUCK_ROWS, _STUCK_TIMES * len(signal) / len(begin)):
            number, value = recordings.recording[begin[longest]], signal[begin[longest]]
            first = begin[longest] - recordings.bounds[number, 0]
            kind = "saturated" if value in {np.nanmin(signal), np.nanmax(signal)} else "dead"
            rows = f"rows {first} to {first + length[longest] - 1} of {recordings.names[number]}"
            found.append((length[longest], f"{kind}: {channel} is exactly {value:.6g} in {rows}"))
    found.sort(key=lambda one: -one[0])
    yield from (f"{line}; see its range and wiring, or leave the channel out" for _, line in found[:_SHOWN])
    if found[_SHOWN:]:
        yield f"{len(found) - _SHOWN} more channels have such stretches"


def _jitter(recordings: Recordings) -> Iterator[str]:
    jitter = np.array([]) if recordings.times is None else recordings.times.jitter
    if np.isfinite(jitter).any() and np.nanmax(jitter) > _JITTER:
        worst = recordings.names[int(np.nanargmax(jitter))]
        yield (
            f"clock jitter: nine in ten steps of time differ by up to {np.nanmax(jitter):.2g} steps, in {worst}; a "
            "clock of the sensor's own is better than the time of arrival"
        )
