"""Draws whole units: points, recordings or sessions."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from forcepos.config.schema import DrawnSplitConfig
from forcepos.data.recordings import Int32, Recordings, Samples
from forcepos.data.splits.split import DROPPED, TEST, TRAIN, Split, Units, draw, set_calibration_aside, validate
from forcepos.runtime.errors import InputError


class WholeUnits(Split):
    """Divides units as a whole; windows that span two of them are dropped."""

    causes: ClassVar[str] = (
        "windows that span two of its units; reduce model.window, or enlarge points and sessions"
    )
    unit: str  # point, recording or session
    folds: int = 2  # of two sessions, one of which is tested
    fold: int | None = 1

    def units(self, samples: Samples) -> Units:
        """Return what is drawn."""
        return Units(self._numbers(samples.recordings)[samples.starts], f"{self.unit}s")

    def divide(self, samples: Samples, seed: int) -> NDArray[np.int8]:
        """Draw the subset of each unit; of two sessions one is tested, and recordings of the other validate."""
        number, rng = self._numbers(samples.recordings), np.random.default_rng(seed)
        run = np.cumsum(np.diff(number, prepend=number[:1]) != 0, dtype=np.int32)
        inside = np.flatnonzero(run[samples.starts] == run[samples.last])
        if not len(inside):
            hint = f"reduce model.window, or enlarge the {self.unit}s"
            raise InputError(f"no window of {samples.window} rows lies within one {self.unit}: {hint}")
        whole = samples.take(inside)
        numbers, place = np.unique(number[whole.starts], return_inverse=True)
        if self.unit == "session" and len(numbers) == self.folds == 2:
            tested = self.deal(2, rng)[place] == TEST
            recording = np.where(tested, -1, samples.recordings.recording[whole.starts])
            numbers, place = np.unique(recording, return_inverse=True)
            drawn = np.where(numbers < 0, TEST, TRAIN).astype(np.int8)
            if not validate(drawn, self, rng):
                only = "the session that trains has one recording, which leaves none to validate"
                raise InputError(f"split={self.name}: {only}; record more, or a third session")
        else:
            drawn = self.draw(_classes(whole, place), rng)
        set_calibration_aside(drawn, self, rng)
        subset = np.full(len(samples.starts), DROPPED, np.int8)
        subset[inside] = drawn[place]
        return subset

    def draw(self, classes: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.int8]:
        """Return the subset (units,) of each unit, drawn within each class (units,) that has at least three.

        Of a class with two units one is tested, and one trains. Without classes, six units spare two each for
        validation and test.
        """
        if not isinstance(self, DrawnSplitConfig):
            raise TypeError(f"no split with shares: {type(self)}")
        sizes = np.bincount(classes)
        if np.count_nonzero(sizes) == 1 or sizes.max() < 3:
            return draw(len(classes), self, rng, f"{self.unit}s", least=1 + (len(classes) > 5))
        subset = np.full(len(classes), TRAIN, np.int8)
        for number, size in enumerate(sizes.tolist()):
            if size > 2:
                subset[classes == number] = draw(size, self, rng, f"{self.unit}s")
            elif size == 2:
                subset[rng.choice(np.flatnonzero(classes == number))] = TEST
        return subset

    def deal(self, units: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """Deal units into folds, the same for every `fold`, which is tested; the others train (units,)."""
        if self.fold is None:
            raise TypeError("split.fold must name one fold")
        dealt = rng.permutation(np.arange(units) % self.folds)
        return np.where(dealt == self.fold - 1, TEST, TRAIN).astype(np.int8)

    def _numbers(self, recordings: Recordings) -> Int32:
        """Return the unit (rows,) of each row.

        Raises:
            InputError: the data has no sessions.
        """
        number: Int32 | None = getattr(recordings, self.unit)
        if number is None:
            hint = "name their column in data.session, or their part of a file's path in data.session_from"
            raise InputError(f"split={self.name} needs sessions: {hint}")
        return number


def _classes(samples: Samples, place: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the class (units,) that most samples of a unit have, given its number (n,); 0 without any."""
    labels = samples.recordings.labels
    label = np.zeros(len(place), np.intp) if labels is None else labels[samples.last].astype(np.intp)
    counts = np.zeros((place.max() + 1, label.max() + 1), np.intp)
    np.add.at(counts, (place, label), 1)
    return np.asarray(counts.argmax(axis=1))
