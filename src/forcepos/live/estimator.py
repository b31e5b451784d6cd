"""Estimates the contact from one sample after the other, with a model that `forcepos export` wrote.

Needs numpy and onnxruntime only. The export puts a copy of this file beside it, for machines without forcepos:

    estimator = Estimator("exported")
    estimate = estimator([...], time_s)  # the channels of one row, in the order of estimator.channels, or by name
    if not estimate.flag:
        print(estimate.position, estimate.radius)
"""

from __future__ import annotations

import json
import math
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

_GAP = 3.0  # usual time steps: a longer pause begins a new window
_DEVIATION = 0.25  # of a window's usual duration: one that deviates more has another rate than in training
_FORMAT = 1  # of facts.json


class Estimate(NamedTuple):
    """What is known of the contact after a sample.

    Attributes:
        flag: why the estimate is not to be trusted, "" if nothing speaks against it:
            "tare": `tare` has not been called, or its rows are being collected;
            "filling": the window is not full yet; "stale": time stood still, went back or paused, or the rate is
            not that of training; "not finite": a sample in the window is NaN, infinite or too large;
            "far": the signals are farther from those of training than 99 % of the validation samples.
        position: (axes,) in mm, NaN with every flag but "far"; empty for a classification.
        radius: in mm, around the position, that holds the calibrated share of contacts; NaN if not calibrated.
        label: the most probable class, "" if there is none.
        possible: the set of classes that holds the calibrated share; all of them if nothing is known.
        probabilities: (classes,); empty for a regression.
        distance: from training, where 1 is that of the 99 % of validation samples; NaN if not computed.
    """

    flag: str
    position: NDArray[np.float32]
    radius: float
    label: str
    possible: tuple[str, ...]
    probabilities: NDArray[np.float32]
    distance: float


class Estimator:
    """A model and the window of samples that it looks at; it is no use to two threads at once.

    Attributes:
        facts: what the model knows of itself: channels with units and ranges, rate, window, calibration, data.
        channels: names of the signals, in the order of a sample.
        labels: the classes; empty for a regression.
        axes: of a position, ("x", "y"), empty for a classification.
    """

    def __init__(self, folder: str | Path, *, tared: bool = False) -> None:
        """Load what `forcepos export` wrote into a folder; ValueError: it is of another format.

        `tared`: the samples come without the sensor's offset, and a model that learned from tared signals needs no
        call of `tare`.
        """
        self.facts = facts = json.loads(Path(folder, "facts.json").read_text())
        if facts.get("format") != _FORMAT:
            raise ValueError(
                f"{folder}: its format is {facts.get('format')}, not {_FORMAT}: export the model anew"
            )
        self.channels = tuple(channel["name"] for channel in facts["channels"])
        self.axes, self.labels = tuple(facts["axes"]), tuple(facts["labels"])
        self._window, self._rows, self._n = facts["window"], facts["rows"], len(self.channels)
        self._session = _session(Path(folder, "model.onnx"))
        self._seen = np.zeros((self._rows, self._n), np.float32)  # by the network
        self._binding, self._answers = _bind(self._session, self._seen.reshape(1, *facts["input"]))
        self._answer = self._answers["probabilities" if self.labels else "position"]
        self._bound = next((values for values in self._answers.values() if values is not self._answer), None)
        self._step = 1 / facts["rate_hz"] if facts["rate_hz"] else None
        self._longest = _GAP * self._step if self._step else math.inf
        self._times = deque[float]([], self._rows)  # of the rows since time last jumped
        self._signals = np.zeros((self._rows, self._n), np.float32)  # the last one is the newest
        self._row = np.zeros(self._n, np.float32)
        self._bytes, self._row_bytes = self._signals.data.cast("B"), self._row.data.cast("B")
        self._write_row = struct.Struct(f"{self._n}f").pack_into
        self._offset: NDArray[np.float32] | None = None
        self._tared = [name in facts["tared"] for name in self.channels]
        self._needs_tare, self._tare_s = any(self._tared) and not tared, 0.0
        self._free: list[tuple[float, NDArray[np.float32]]] | None = None  # rows for a tare, each with its time
        # The window in float64 and training's mean, and weights whose product with both is how far means differ.
        self._compared = np.array([*np.zeros((self._window, self._n)), facts["far"]["mean"]])
        self._weights = np.array([1 / self._window] * self._window + [-1])
        self._matrix = np.array(facts["far"]["matrix"]) / facts["far"]["distance"]
        self._unknown = np.full(len(self.axes), np.nan, np.float32)
        self._no_class = np.full(len(self.labels), np.nan, np.float32)

    def __call__(self, sample: Sequence[float] | NDArray[Any] | Mapping[str, float], time_s: float) -> Estimate:
        """Return the estimate after one more row of signals, (channels,) or by name, at a time in s of any clock.

        Raises ValueError where channels are missing or surplus.
        """
        self._read(sample)
        if self._free is not None:
            self._collect(time_s, self._free)
            return self._nothing("tare")
        if self._needs_tare:
            return self._nothing("tare")
        stale = self._add(float(time_s))
        if len(self._times) < self._window:
            return self._nothing("stale" if stale else "filling")
        if stale or self._wrong_rate():
            return self._nothing("stale")
        return self._estimate()

    def tare(self, seconds: float = 0.2) -> None:
        """Take the sensor's offset from the samples of the next seconds, in which nothing may be touched.

        As data.tare did in training: their mean is subtracted from then on, from the same channels. Raises
        ValueError for a model that learned from signals that were not tared.
        """
        if not any(self._tared):
            raise ValueError(
                "this model learned from signals as they are (data.tare=none): an offset is not its own"
            )
        self._free, self._tare_s = [], seconds

    def reset(self) -> None:
        """Forget the window, as before the first sample; the tare is kept."""
        self._times.clear()

    def _read(self, sample: Any) -> None:
        """Write a sample into the row, in float32."""
        if type(sample) is not np.ndarray and isinstance(sample, Mapping):  # most are arrays
            lacking = [name for name in self.channels if name not in sample]
            surplus = [name for name in sample if name not in self.channels]
            if lacking or surplus:
                raise ValueError(f"channels missing: {lacking}; not known: {surplus}; needed: {self.channels}")
            sample = [sample[name] for name in self.channels]
        try:  # numpy would take more than twice as long
            self._write_row(self._row_bytes, 0, *(sample.tolist() if isinstance(sample, np.ndarray) else sample))
        except (struct.error, OverflowError, TypeError) as error:
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is flagged
                row = np.asarray(sample, np.float64).astype(np.float32)
            if row.shape != self._row.shape:
                fault = f"a sample has shape {row.shape}, not ({self._n},)"
                raise ValueError(f"{fault}: {', '.join(self.channels)}") from error
            self._row[:] = row

    def _collect(self, time_s: float, free: list[Any]) -> None:
        """Add the row to the tare's; with the last one, take the offset, and begin a new window."""
        free.append((time_s, self._row.copy()))
        if time_s - free[0][0] < self._tare_s - 1e-6:  # s, the rounding of clocks
            return
        mean = np.mean([one for _, one in free], axis=0, dtype=np.float64)
        self._offset = np.where(self._tared, mean, 0).astype(np.float32)
        self._needs_tare, self._free = not np.isfinite(self._offset).all(), None
        self._times.clear()

    def _add(self, time_s: float) -> bool:
        """Add the row to the window, and return whether time has jumped, so that a new one begins."""
        times = self._times
        jumped = bool(times) and not 0 < time_s - times[-1] <= self._longest
        if jumped:
            times.clear()
        times.append(time_s)
        if self._offset is not None:
            self._row -= self._offset
        size = len(self._row_bytes)
        self._bytes[:-size] = self._bytes[size:]
        self._bytes[-size:] = self._row_bytes
        return jumped

    def _wrong_rate(self) -> bool:
        if self._step is None:
            return False
        duration, usual = self._times[-1] - self._times[0], (len(self._times) - 1) * self._step
        return bool(abs(duration - usual) > max(_DEVIATION * usual, 2 * self._step))

    def _look(self) -> None:
        """Let the network see the newest rows; as in training, a look back with fewer spreads those there are."""
        count = len(self._times)
        if count == self._rows:
            self._seen[...] = self._signals
            return
        back = self._rows - self._window
        self._seen[:back] = self._signals[self._rows - count + np.arange(back) * count // back]
        self._seen[back:] = self._signals[back:]

    def _estimate(self) -> Estimate:
        self._look()
        self._session.run_with_iobinding(self._binding)
        answer = self._answer[0].copy()
        if not all(map(math.isfinite, answer.tolist())):  # of a value that is, or overflows, in the window
            return self._nothing("not finite")
        self._compared[:-1] = self._signals[-self._window :]
        white = self._matrix.dot(self._weights.dot(self._compared))
        distance = math.sqrt(white.dot(white))
        flag, bound = "far" if distance > 1 else "", None if self._bound is None else self._bound[0]
        if not self.labels:
            radius = math.nan if bound is None else float(bound)
            return Estimate(flag, answer, radius, "", (), self._no_class, distance)
        possible = self.labels if bound is None else tuple(compress(self.labels, bound.tolist()))
        return Estimate(flag, self._unknown, math.nan, self.labels[answer.argmax()], possible, answer, distance)

    def _nothing(self, flag: str) -> Estimate:
        return Estimate(flag, self._unknown, math.nan, "", self.labels, self._no_class, math.nan)


def _session(path: Path) -> onnxruntime.InferenceSession:
    """Load a network that computes in the calling thread: a pool of threads would delay a loop now and then."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _bind(session: onnxruntime.InferenceSession, signals: NDArray[np.float32]) -> tuple[Any, dict[str, Any]]:
    """Let a network read these signals, and write into arrays by the names of its outputs, at each run."""
    binding, answers = session.io_binding(), {}
    binding.bind_cpu_input(session.get_inputs()[0].name, signals)
    for output in session.get_outputs():
        shape = [size if isinstance(size, int) else 1 for size in output.shape]  # of any batch, once
        answers[output.name] = answer = np.zeros(shape, bool if output.type == "tensor(bool)" else np.float32)
        binding.bind_output(output.name, "cpu", 0, answer.dtype.type, shape, answer.ctypes.data)
    return binding, answers
