"""What a model knows of itself: channels, rate, window, calibration, data; kept inside of its .keras file."""

import json
import zipfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from forcepos.config.schema import SimulatedConfig, TableConfig
from forcepos.data.recordings import Float32, Float64, Int32, Samples
from forcepos.models.calibration import Calibration
from forcepos.models.problem import Problem, Regression
from forcepos.models.scaling import evenly, moments, whitening_matrix
from forcepos.models.training.device import rows_of
from forcepos.runtime.errors import InputError

FORMAT = 1  # raise it with a change after which the files of the other version are not understood
_ENTRY = "forcepos.json"  # in the .keras file, a zip file of which Keras reads its own entries only
_SHARE = 0.99  # of the validation samples that do not count as far from training
_CHUNK = 4096
_UNITS = {"F": "N", "T": "Nm", "exT": "Nm", "msT": "Nm", "cur": "rad", "comd": "rad"}  # of the simulated arm


@dataclass(frozen=True)
class Familiarity:
    """How far signals are from training's: the Mahalanobis distance of a window's mean, in units of `distance`.

    Mahalanobis, "On the generalised distance in statistics", Proceedings of the National Institute of Sciences of
    India 2 (1936).
    """

    mean: Float64  # (channels,)
    matrix: Float64  # (channels, channels) that whitens
    distance: float  # that 99 % of the validation samples do not exceed

    @classmethod
    def of(cls, samples: Samples, train: Int32, validation: Int32) -> Self:
        """Fit to windows of the training subset, 20 000 at most, and of the validation subset."""
        windows = _means(samples, evenly(train))
        mean, deviation = moments(windows)
        fitted = cls(mean, whitening_matrix(windows, mean, deviation) / deviation, 1.0)
        distances = fitted.distances(samples, evenly(validation))
        return cls(fitted.mean, fitted.matrix, float(np.quantile(distances, _SHARE)))

    def distances(self, samples: Samples, members: Int32) -> Float64:
        """Return (members,) distances; above 1 a sample is far."""
        deviation = _means(samples, members) - self.mean
        return np.asarray(np.linalg.norm(deviation @ self.matrix.T, axis=1) / self.distance)


def _means(samples: Samples, members: Int32) -> Float32:
    """Return (members, channels), the mean of each window."""
    within, signals = np.arange(samples.window), samples.recordings.signals
    chunks = (samples.starts[members[first : first + _CHUNK]] for first in range(0, len(members), _CHUNK))
    return np.concatenate([signals[of[:, None] + within].mean(axis=1, dtype=np.float64) for of in chunks])


def facts_of(
    problem: Problem, model: keras.Model, calibration: Calibration | None, familiarity: Familiarity
) -> dict[str, Any]:
    """Describe a trained model, such that JSON can hold it: all that is needed to use it on other recordings."""
    config, samples, regression = problem.config, problem.samples, isinstance(problem.task, Regression)
    recordings, data = samples.recordings, config.data
    trained = recordings.signals[samples.covered(problem.split.train)]
    ranges = zip(recordings.channels, trained.min(axis=0).tolist(), trained.max(axis=0).tolist(), strict=True)
    table = data if isinstance(data, TableConfig) else None
    tared = (table.tare_features or table.features) if table and table.tare != "none" else []
    kept = ("coverage", "bound", "floor_mm", "units", "counted")
    return {
        "format": FORMAT,
        "name": config.model.name,
        "channels": [
            {"name": name, "unit": _unit(name, isinstance(data, SimulatedConfig)), "least": low, "greatest": high}
            for name, low, high in ranges
        ],
        "rate_hz": recordings.rate_hz,
        "window": samples.window,
        "rows": rows_of(model),
        "input": list(model.input_shape[1:]),
        "axes": list(problem.task.outputs) if regression else [],
        "labels": [] if regression else list(problem.task.outputs),
        "targets": {
            "unit": "mm",
            "columns": table.targets or [] if table else list(recordings.axes),
            "frame": f"the targets' in the data, moved by data.offset_mm={data.offset_mm}",
        },
        "tared": [recordings.channels[data.features.index(name)] for name in tared],  # given by number, perhaps
        "calibration": {key: vars(calibration)[key] for key in kept} if calibration else None,
        "far": {"mean": familiarity.mean.tolist(), "matrix": familiarity.matrix.tolist(),
                "distance": familiarity.distance},
        "data": {"name": data.name, "fingerprint": recordings.fingerprint},
        "config": {name: values for name, values in asdict(config).items() if name != "tracking"},
        "versions": {name: version(name) for name in ("forcepos", "keras", "tensorflow")},
    }  # fmt: skip


def _unit(name: str, simulated: bool) -> str | None:
    """Return the unit that a channel's name tells, `Force X (N)` or `t [ms]`; None: it does not."""
    if simulated:
        return _UNITS.get(name.partition("_")[0] if "_" in name else name[0])
    closing = {"(": ")", "[": "]"}
    opening = max(closing, key=name.rfind)
    inside = name.rpartition(opening)[2]
    return inside.removesuffix(closing[opening]) if opening in name and inside.endswith(closing[opening]) else None


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Put the facts into a saved model."""
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(_ENTRY, json.dumps(facts))


def read_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a saved model; an InputError says that it has none, as of an earlier version."""
    try:
        with zipfile.ZipFile(path) as file:
            facts = json.loads(file.read(_ENTRY))
        if facts["format"] != FORMAT:
            raise InputError(f"{path}: its facts have the format {facts['format']}, not {FORMAT}")
        return dict(facts)
    except KeyError as error:
        raise InputError(f"{path} does not know its channels: train it with this version of forcepos") from error
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no model of a run: {error}") from error
