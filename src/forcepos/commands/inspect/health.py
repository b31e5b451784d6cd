"""The health of channels, in words and figures: drift, offsets, bias against position, dead and saturated rows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from forcepos.commands.inspect.survey import Survey
from forcepos.data.readers.times import begins
from forcepos.data.recordings import Float64, Recordings
from forcepos.results.figures import style
from forcepos.runtime.wording import first_lines, name_some

_SHOWN = 3  # channels of a line
_PANELS, _PER_PANEL = 8, 7  # panels of a figure, lines of a panel
_NAMED = 150  # recordings, beyond which their borders would cover the signals
_SAMPLED = 20_000  # rows
_WORST = 24  # channels
_SURE = 5  # standard errors
_AT_REST = 0.02  # of the positions' range: a recording in which the arm moves less
_FEW = 8  # recordings: too few for a correlation
_STUCK_ROWS, _STUCK_TIMES = 25, 20  # rows of one value, and times the usual number of rows of one value
_JITTER = (0.5, 1.5)  # median steps; of more, training warns
_WORTH_A_LINE = 3.0  # standard deviations of noise: a recording's, without its trend
_TARE = "data.tare=time or data.tare=force subtracts them; with data.session, split=held_out_sessions tests them"
Measures = dict[str, dict[str, float]]  # of each channel, as known


@np.errstate(all="ignore")  # of missing and huge values, whose measures are unknown
def health(recordings: Recordings) -> tuple[list[str], Measures]:
    """Describe what is worth a look, worst channels first; also return the measures of each channel.

    Drift and offset are in standard deviations of noise; bias: the largest correlation of means with a coordinate.
    """
    bounds, number = recordings.bounds, recordings.recording
    first, length = bounds[:, 0], np.diff(bounds)[:, 0].astype(float)
    slope = (np.arange(len(number)) - first[number] - (length[number] - 1) / 2) / length[number]
    places = recordings.positions
    low, high, total = (one.reduceat(places, first, axis=0) for one in (np.minimum, np.maximum, np.add))
    rests = (high - low <= _AT_REST * np.ptp(places, axis=0)).all(axis=1) & bool(recordings.axes)
    channels, drifts = dict[str, dict[str, float]](), dict[str, str]()
    for name, signal in zip(recordings.channels, recordings.signals.T, strict=True):
        values = signal.astype(np.float64)
        means = np.add.reduceat(values, first) / length
        values -= means[number]
        change = np.add.reduceat(slope * values, first) / np.add.reduceat(slope**2, first)
        noise = np.sqrt(np.add.reduceat((values - slope * change[number]) ** 2, first) / length)
        noise[noise <= 1e-6 * np.abs(means)] = np.nan  # constant, but for rounding
        clear = np.abs(change) > _SURE * noise * np.sqrt(12 / length)  # the error of a slope, from noise alone
        drift = np.where(rests, np.where(clear, np.abs(change) / noise, 0 * noise), np.nan)
        place = int(np.argmax(np.nan_to_num(drift)))
        drifts[name] = f" ({change[place]:.3g} in {recordings.names[place]})"
        bias = np.corrcoef(means, (total / length[:, None]).T)[0, 1:] if len(means) >= _FEW else []
        found = {"drift": np.fmax.reduce(drift), "offset": _offset(recordings, means, noise)}
        found["bias"] = np.fmax.reduce(np.abs(bias), initial=0.0)
        channels[name] = {key: round(float(value), 3) for key, value in found.items() if np.isfinite(value)}
    lines = _line("drift in recordings at rest", "drift", channels, drifts, "data.tare=time lessens it")
    lines += _line("offsets between recordings of the same point", "offset", channels, {}, _TARE)
    return [*lines, *_stretches(recordings), *_jitter(recordings)], channels


def _offset(recordings: Recordings, means: Float64, noise: Float64) -> float:
    point = recordings.point[recordings.bounds[:, 0]]
    visits = np.bincount(point)
    again = (visits - 1).clip(0).sum() if len(visits) > 1 else 0
    rest = means - (np.bincount(point, means) / visits)[point]
    return float(np.sqrt((rest**2).sum() / again / np.nansum(noise**2) * np.isfinite(noise).sum()))


def _line(what: str, key: str, channels: Measures, more: dict[str, str], helps: str) -> list[str]:
    bad = {name: one[key] for name, one in channels.items() if one.get(key, 0.0) > _WORTH_A_LINE}
    shown = [f"{name} {bad[name]:.1f}{more.get(name, '')}" for name in sorted(bad, key=lambda name: -bad[name])]
    return [f"{what}, in standard deviations of noise: {name_some(shown, _SHOWN)}; {helps}"] if bad else []


def _stretches(recordings: Recordings) -> Iterator[str]:
    """Describe the longest stretch of rows with one value, of each channel in which it is unusually long."""
    found = []
    for channel, signal in zip(recordings.channels, recordings.signals.T, strict=True):
        begin = np.flatnonzero(begins(signal) | begins(recordings.recording))
        rows, number = np.diff(begin, append=len(signal)), recordings.recording[begin]
        rows[rows == np.diff(recordings.bounds)[number, 0]] = 0  # all of a recording, which training tells
        longest = int(rows.argmax())
        if rows[longest] > max(_STUCK_ROWS, _STUCK_TIMES * len(signal) / len(begin)):
            value, start = signal[begin[longest]], begin[longest] - recordings.bounds[number[longest], 0]
            kind = "saturated" if value in {np.nanmin(signal), np.nanmax(signal)} else "dead"
            where = f"rows {start} to {start + rows[longest] - 1} of {recordings.names[number[longest]]}"
            found.append((rows[longest], f"{kind}: {channel} is exactly {value:.6g} in {where}"))
    helps = "see its range and its wiring, or take it out of data.features"
    yield from first_lines([f"{line}; {helps}" for _, line in sorted(found, key=lambda one: -one[0])], _SHOWN)


def _jitter(recordings: Recordings) -> Iterator[str]:
    times = recordings.times
    if times and _JITTER[0] < (most := np.nan_to_num(times.jitter).max()) <= _JITTER[1]:
        where = f"{most:.2g} steps in {times.names[int(np.nanargmax(times.jitter))]}"
        yield f"clock jitter: the middle 90 % of steps of time differ by {where}; the sensor's own clock is better"


def save_figures(survey: Survey, measures: Measures, folder: Path) -> list[Path]:
    """Draw the signals and their health, if there are any; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "signals.png", folder / "health.png"] if measures else []
    with style.drawing():
        for path in paths:
            (_draw_signals(survey) if path.stem == "signals" else _draw_health(measures)).savefig(path)
    return paths


def _draw_signals(survey: Survey) -> Figure:
    """Draw each channel over the rows, those of a kind together; borders between recordings are grey."""
    recordings, rows, border = survey.recordings, len(survey.recordings.recording), survey.recordings.bounds[1:, 0]
    kinds = [survey.columns[name].kind or "other" for name in recordings.channels]
    groups = [[place for place, one in enumerate(kinds) if one == kind] for kind in dict.fromkeys(kinds)]
    panels = [of[n : n + _PER_PANEL] for of in groups for n in range(0, len(of), _PER_PANEL)][:_PANELS]
    figure, drawn = style.panels(len(panels), 1, 0.7 + 1.5 * len(panels), 8, sharex=True)
    row = np.arange(0, rows, -(-rows // _SAMPLED))
    for places, axes in zip(panels, drawn, strict=True):
        signals = ((recordings.channels[place], recordings.signals[row, place]) for place in places)
        style.draw_signals(axes, row, signals, linewidth=0.6, rasterized=True)
        axes.set_ylabel(kinds[places[0]])
        if len(border) <= _NAMED:
            axes.vlines(border, 0, 1, transform=axes.get_xaxis_transform(), color=style.GREY, linewidth=0.4)
    drawn[-1].set_xlabel("row")
    return figure


def _draw_health(measures: Measures) -> Figure:
    """Draw drift, offsets and bias of the worst channels."""
    worst = sorted(measures, key=lambda name: max(measures[name].values(), default=0.0))[-_WORST:]
    figure, (left, right) = style.panels(1, 2, 1.2 + 0.25 * len(worst), 8, sharey=True)
    place = np.arange(len(worst))
    for key, axes, shift in (("drift", left, 0.2), ("offset", left, -0.2), ("bias", right, 0.0)):
        axes.barh(place + shift, [measures[name].get(key, 0.0) for name in worst], 0.4, label=key)
    left.set(xlabel="in standard deviations of noise", yticks=place, yticklabels=map(style.literal, worst))
    left.legend()
    right.set(xlabel="correlation of recordings' means with the position", xlim=(0, 1))
    return figure
