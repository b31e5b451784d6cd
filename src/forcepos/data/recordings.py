"""Recordings in memory, logged while the arm touched each point; their tare; samples, windows of their rows."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import TableConfig
from forcepos.data.readers.times import Times, begins
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
log = logging.getLogger(__name__)
_SHOWN = 5
# Fx, wrench.force.x, ft_force_x, Force X (N)
_FORCE = re.compile(r"(?:.*[./_ ])?f(?:orce)?[._ ]?([xyz])(?: ?[\[(].*)?", re.IGNORECASE)
_ANGLE = re.compile(r"(?:.*\.)?(?:(?:q|cur_A|comd_A|joint_?)\d+\b.*|.*angle.*)", re.IGNORECASE)


def move(values: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    """Move these rows to the front, in place and a column at a time, since memory has no room for others."""
    for column in values.T if values.ndim > 1 else [values]:
        column[: len(rows)] = column[rows]
    return values[: len(rows)]


@dataclass(frozen=True)
class Recordings:
    """Rows of all recordings, those of one recording contiguous and in time order.

    Attributes:
        signals: (rows, channels) in the units of the source (Nm, N).
        positions: (rows, 3) contact position in mm, plate frame.
        recording: (rows,) number of the recording, 0, 1, 2, …
        point: (rows,) number of the touched point, 0, 1, 2, …
        channels: names of the signals' columns.
        names, label_names, session_names: of the recordings, the classes and the sessions.
        rate_hz: rows per second; None where neither the data nor the config tell.
        axes: the known axes of the positions; the others are 0.
        labels: (rows,) class of each row, counted from 0; None if the data has no classes.
        kept: (rows,) each: the columns that `data.keep` names, float64, or words as objects.
        session: (rows,) number of the sitting, 0, 1, 2, …; None if the data has no sessions.
        row: (rows,) number of each row in its recording, dropped rows counted; None if none were dropped.
        times: what their time is like; None where the data has none.
    """

    signals: Float32
    positions: Float32
    recording: Int32
    point: Int32
    channels: tuple[str, ...]
    names: tuple[str, ...]
    rate_hz: float | None
    axes: tuple[str, ...] = ("x", "y", "z")
    labels: Int32 | None = None
    label_names: tuple[str, ...] = ()
    kept: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    session: Int32 | None = None
    session_names: tuple[str, ...] = ()
    row: Int32 | None = None
    times: Times | None = field(default=None, compare=False)

    @cached_property
    def bounds(self) -> Int32:
        """(recordings, 2) first row and one past the last row of each recording."""
        return self._until_next(np.flatnonzero(begins(self.recording)))

    @cached_property
    def runs(self) -> Int32:
        """(runs, 2) first row and one past the last row of each run of rows that follow one another in time."""
        if self.row is None:
            return self.bounds
        return self._until_next(np.union1d(self.bounds[:, 0], np.flatnonzero(np.diff(self.row, prepend=0) != 1)))

    @property
    def breaks(self) -> Int32:
        """Rows before which rows of the same recording were dropped: no window crosses them."""
        return np.setdiff1d(self.runs[:, 0], self.bounds[:, 0])

    def _until_next(self, first: NDArray[np.integer]) -> Int32:
        return np.column_stack([first, np.append(first[1:], len(self.recording))]).astype(np.int32)

    def numbered_rows(self) -> Int32:
        """Return the number (rows,) of each row in its recording, dropped rows counted."""
        if self.row is not None:
            return self.row
        return np.arange(len(self.recording), dtype=np.int32) - self.bounds[:, 0][self.recording]

    def rows_in(self, seconds: float, key: str) -> int:
        """Return how many rows a time takes, rounded up; an InputError names `key` if the rate is unknown."""
        if seconds and self.rate_hz is None:
            needs = "needs the rate of the rows: set data.time or data.rate_hz"
            raise InputError(f"{key}={seconds:g} {needs}, or {key}=0")
        return int(np.ceil(seconds * (self.rate_hz or 0)))

    def select(self, channels: Sequence[str]) -> Recordings:
        """Return the same recordings with these signals only, in this order; InputError if unknown or twice."""
        if unknown := [name for name in channels if name not in self.channels]:
            raise InputError(f"unknown signals {', '.join(unknown)}: available are {', '.join(self.channels)}")
        if len({*channels}) != len(channels):
            raise InputError(f"data.features names a signal twice: {', '.join(channels)}")
        columns = [self.channels.index(name) for name in channels]
        return replace(self, signals=self.signals[:, columns], channels=tuple(channels))

    def only(self, kept: NDArray[np.bool_]) -> Recordings:
        """Return these rows only, moved together in the same arrays; names without rows go as well."""
        rows = np.flatnonzero(kept)
        new: dict[str, Any] = {"row": move(self.numbered_rows(), rows)}
        new |= {name: move(getattr(self, name), rows) for name in ("signals", "positions")}
        named = {"recording": "names", "labels": "label_names", "session": "session_names", "point": ""}
        for field_name, names in named.items():
            if (numbers := getattr(self, field_name)) is not None:
                used = np.flatnonzero(np.bincount(move(numbers, rows)))
                new[field_name] = np.searchsorted(used, numbers[: len(rows)]).astype(np.int32)
                new |= {names: tuple(getattr(self, names)[one] for one in used)} if names else {}
        return replace(self, kept={name: move(values, rows) for name, values in self.kept.items()}, **new)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any value, row or column name."""
        digest = hashlib.sha256(repr((self.channels, self.names, self.rate_hz)).encode())
        if self.labels is not None or len(self.axes) < 3:
            digest.update(repr((self.axes, self.label_names)).encode())
        for array in (self.signals, self.positions, self.recording, self.point, self.labels):
            if array is not None:
                digest.update(np.ascontiguousarray(array).reshape(-1).data)
        if self.session is not None or len(self.breaks):
            digest.update(repr((self.session_names, self.breaks.tolist())).encode())
            digest.update(np.ascontiguousarray(self.recording if self.session is None else self.session).data)
        for name, values in self.kept.items():
            digest.update(repr((name, values.tolist())).encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Samples:
    """Windows into `recordings`: rows `starts[i]`, (n,), to `starts[i] + window - 1`, target at the last one.

    A longer look back begins at row `earliest[i]`, (n,), or later: it takes no row of another recording or subset.
    """

    recordings: Recordings
    starts: Int32
    window: int
    earliest: Int32 | None = None

    @property
    def last(self) -> Int32:
        """(n,) the row that carries a sample's target."""
        return self.starts + np.int32(self.window - 1)

    @property
    def positions(self) -> Float32:
        """(n, 3) mm, plate frame, at the last row."""
        return self.recordings.positions.take(self.last, axis=0)

    def take(self, members: NDArray[np.integer] | NDArray[np.bool_]) -> Samples:
        """Return these samples only."""
        earliest = None if self.earliest is None else self.earliest[members]
        return Samples(self.recordings, self.starts[members], self.window, earliest)

    def covered(self, members: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return whether a window of one of these samples covers each row (rows,)."""
        rows = len(self.recordings.signals) + 1
        begin, end = (np.bincount(edge[members], minlength=rows) for edge in (self.starts, self.last + 1))
        return np.asarray(np.cumsum((begin - end)[:-1]) > 0)

    def looking_back(self, subsets: Iterable[Int32]) -> Samples:
        """Return the samples with the row at which a longer look back begins: none leaves its subset's rows."""
        owner = np.zeros(len(self.recordings.signals), np.int8)
        for number, members in enumerate(subsets, 1):
            owner[self.covered(members)] = number
        begin = np.union1d(self.recordings.runs[:, 0], np.flatnonzero(np.diff(owner)) + 1)
        earliest = begin[np.searchsorted(begin, self.starts, "right") - 1].astype(np.int32)
        return replace(self, earliest=earliest)


def all_samples(recordings: Recordings, window: int) -> Samples:
    """Return every window of every recording; none crosses into another recording, or rows that were dropped."""
    starts = [np.arange(first, end - window + 1, dtype=np.int32) for first, end in recordings.runs]
    return Samples(recordings, np.concatenate(starts), window)


def force_places(channels: Sequence[str]) -> list[int]:
    """Return the places of Fx, Fy and Fz among the signals; none unless each is there once."""
    found = {place: match[1].lower() for place, name in enumerate(channels) if (match := _FORCE.fullmatch(name))}
    return [*found] if sorted(found.values()) == ["x", "y", "z"] else []


def tare(recordings: Recordings, config: TableConfig) -> Recordings:
    """Subtract the mean of each recording's free rows, without contact, in place, and drop these rows."""
    if config.tare == "none":
        return recordings
    free, what = _free_rows(recordings, config)
    counts = np.add.reduceat(free, recordings.bounds[:, 0], dtype=np.int64)
    if without := [recordings.names[number] for number in np.flatnonzero(counts == 0)]:
        number = f"{len(without)} of {len(counts)} recordings have no row {what}"
        raise InputError(f"data.tare={config.tare}: {number}: {name_some(without, _SHOWN)}")
    places = [config.features.index(name) for name in config.tare_features or config.features]
    if angles := [name for name in np.take(recordings.channels, places).tolist() if _ANGLE.fullmatch(name)]:
        shown = name_some(angles, _SHOWN)
        log.warning("data.tare takes the mean from joint angles, too (%s): set data.tare_features", shown)
    for start, stop in recordings.bounds.tolist():
        rows, free_rows = recordings.signals[start:stop], free[start:stop]
        for place in places:
            rows[:, place] -= rows[free_rows, place].mean(dtype=np.float64)
    dropped = f"they are dropped, {counts.sum()} of {len(free)} rows in {len(counts)} recordings"
    log.info("data.tare=%s: subtracted the mean of each recording's rows %s; %s", config.tare, what, dropped)
    left = recordings.only(~free)
    if not len(left.recording):
        raise InputError(f"data.tare={config.tare} leaves no rows")
    if gone := sorted({*recordings.names} - {*left.names}):
        shown = name_some(gone, _SHOWN)
        log.warning("data.tare: no row with contact is left of %d recordings: %s", len(gone), shown)
    return left


def tare_rows(config: TableConfig, rate_hz: float) -> tuple[int, int]:
    """Return the first row of a recording in the interval of data.tare_ms, and one past the last."""
    begin, end = (int(np.ceil(round(ms * rate_hz / 1000, 6))) for ms in config.tare_ms)
    return begin, end


def _free_rows(recordings: Recordings, config: TableConfig) -> tuple[NDArray[np.bool_], str]:
    """Return (rows,) whether a row is in the interval, or its force below the limit, and that in words."""
    if config.tare == "force":
        places = [config.features.index(name) for name in config.tare_force or ()]
        if not (places := places or force_places(recordings.channels)):
            lacking = f"Fx, Fy and Fz among data.features ({name_some(recordings.channels, _SHOWN)})"
            raise InputError(f"data.tare=force needs {lacking}: name them in data.tare_force")
        force = np.linalg.norm(recordings.signals[:, places], axis=1)
        return force < config.tare_below_n, f"with a force below {config.tare_below_n:g} N (data.tare_below_n)"
    if recordings.rate_hz is None:
        raise InputError("data.tare=time needs the rate of the rows: set data.time or data.rate_hz")
    begin, end = tare_rows(config, recordings.rate_hz)
    row = recordings.numbered_rows()
    return (row >= begin) & (row < end), "from {:g} to {:g} ms (data.tare_ms)".format(*config.tare_ms)
