"""Draws whole units: points, recordings or sessions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forcepos.config import schema
from forcepos.data.recordings import Int32, Recordings, Samples
from forcepos.data.splits.split import DROPPED, TEST, TRAIN, VALIDATION, draw, set_calibration_aside
from forcepos.runtime.errors import InputError


def sessions(recordings: Recordings, split: str) -> Int32:
    """Return the session (rows,) of each row.

    Raises:
        InputError: the data has no sessions.
    """
    if recordings.session is None:
        hint = "name their column in data.session, or their part of a file's path in data.session_from"
        raise InputError(f"split={split} needs sessions: {hint}")
    return recordings.session


@dataclass(frozen=True)
class Whole:
    """Units that are drawn as a whole: the number (rows,) of each row's, and what one is."""

    number: Int32
    name: str

    def inside(self, samples: Samples) -> NDArray[np.intp]:
        """Return the places of the windows that lie within one unit.

        Raises:
            InputError: there is none.
        """
        run = np.cumsum(np.diff(self.number, prepend=self.number[:1]) != 0, dtype=np.int32)
        found = np.flatnonzero(run[samples.starts] == run[samples.last])
        if not len(found):
            hint = f"reduce model.window, or enlarge the {self.name}s"
            raise InputError(f"no window of {samples.window} rows lies within one {self.name}: {hint}")
        return found


def hold_out(config: schema.DrawnSplitConfig, samples: Samples, units: Whole, seed: int) -> NDArray[np.int8]:
    """Draw the subset of each unit, within classes if there are any; return the subset (n,) of each sample."""
    rng, inside = np.random.default_rng(seed), units.inside(samples)
    whole = samples.take(inside)
    numbers, place = np.unique(units.number[whole.starts], return_inverse=True)
    subset = np.full(len(samples.starts), DROPPED, np.int8)
    if units.name == "session" and len(numbers) == 2:
        subset[inside] = _validate_by_recordings(config, whole, place == rng.integers(2), rng)
        return subset
    drawn = _draw_by_class(_classes(whole, place), config, rng, f"{units.name}s")
    set_calibration_aside(drawn, config, rng)
    subset[inside] = drawn[place]
    return subset


def _draw_by_class(
    classes: NDArray[np.intp], config: schema.DrawnSplitConfig, rng: np.random.Generator, units: str
) -> NDArray[np.int8]:
    """Return the subset (units,) of each unit, drawn within each class (units,) that has at least three.

    Of a class with two units one is tested, and one trains. Without classes, six units spare two each for
    validation and test.
    """
    of_classes = [np.flatnonzero(classes == number) for number in np.unique(classes)]
    if len(of_classes) == 1 or max(map(len, of_classes)) < 3:
        return draw(len(classes), config, rng, units, least=1 + (len(classes) > 5))
    subset = np.full(len(classes), TRAIN, np.int8)
    for members in of_classes:
        if len(members) > 2:
            subset[members] = draw(len(members), config, rng, units)
        elif len(members) == 2:
            subset[rng.choice(members)] = TEST
    return subset


def _classes(samples: Samples, place: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the class (units,) that most samples of a unit have, given its number (n,); 0 without any."""
    labels, units = samples.recordings.labels, int(place.max()) + 1
    if labels is None:
        return np.zeros(units, np.intp)
    classes = int(labels.max()) + 1
    counts = np.bincount(place * classes + labels[samples.last], minlength=units * classes)
    return np.asarray(counts.reshape(units, classes).argmax(axis=1))


def deal(config: schema.CrossValidationConfig, samples: Samples, units: Whole, seed: int) -> NDArray[np.int8]:
    """Deal units into folds, the same for every `config.fold`, and test that fold; return the subset (n,)."""
    if config.fold is None:
        raise TypeError("config.fold must name one fold")
    rng, inside = np.random.default_rng(seed), units.inside(samples)
    whole = samples.take(inside)
    numbers, place = np.unique(units.number[whole.starts], return_inverse=True)
    subset = np.full(len(samples.starts), DROPPED, np.int8)
    dealt = rng.permutation(np.arange(len(numbers)) % config.folds)
    drawn = np.where(dealt == config.fold - 1, TEST, TRAIN).astype(np.int8)
    if units.name == "session" and len(numbers) == config.folds == 2:
        subset[inside] = _validate_by_recordings(config, whole, drawn[place] == TEST, rng)
        return subset
    rest = rng.permutation(np.flatnonzero(drawn == TRAIN))
    validation = max(1, round(config.validation_ratio * len(rest)))
    if len(numbers) < config.folds or len(rest) - validation < 1:
        fewer = f": set split.folds={len(numbers)}" * (units.name == "session" and len(numbers) > 1)
        raise InputError(f"split.folds={config.folds}: {len(numbers)} {units.name}s are too few{fewer}")
    drawn[rest[:validation]] = VALIDATION
    set_calibration_aside(drawn, config, rng)
    subset[inside] = drawn[place]
    return subset


def _validate_by_recordings(
    config: schema.SplitConfig, samples: Samples, tested: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int8]:
    """Let recordings of the only session that is not tested (n,) validate and calibrate; return the subset (n,).

    Raises:
        InputError: it has one recording only.
    """
    recording = samples.recordings.recording[samples.starts]
    numbers, place = np.unique(np.where(tested, -1, recording), return_inverse=True)
    subset = np.where(numbers < 0, TEST, TRAIN).astype(np.int8)
    rest = rng.permutation(np.flatnonzero(numbers >= 0))
    if len(rest) < 2:
        only = "the session that trains has one recording, which leaves none to validate"
        raise InputError(f"split={config.name}: {only}; record more, or a third session")
    subset[rest[: max(1, round(config.validation_ratio * len(rest)))]] = VALIDATION
    set_calibration_aside(subset, config, rng)
    return subset[place]
