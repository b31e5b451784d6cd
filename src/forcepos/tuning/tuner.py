"""Tuners: which oracle of KerasTuner's, which takes seconds to load, proposes values for which declared space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from forcepos.config import schema

if TYPE_CHECKING:
    from keras_tuner import HyperParameters, Objective, Oracle

_FEW = 3  # values, of which a third would lie at each end by chance
_NEAR = 0.05  # of the end of a range of real numbers, relative
Contains = Callable[[Any], bool]
_ROUNDING = 1e-9  # relative: a value drawn on a logarithmic scale may lie that far outside of its range


class Entry(NamedTuple):
    name: str
    kinds: tuple[type, ...]  # types that its value may have
    contains: Contains  # whether a value of such a type is in the space
    conditions: tuple[tuple[str, Sequence[Any]], ...]  # values that others must have for this one to exist
    ends: tuple[float, float] | None = None  # of a range of more than a few numbers

    def is_of_kind(self, value: Any) -> bool:
        """Return whether a value has one of the types; a boolean is no number."""
        return isinstance(value, self.kinds) and isinstance(value, bool) == (bool in self.kinds)

    def allows(self, value: Any) -> bool:
        return self.is_of_kind(value) and self.contains(value)

    def end_of(self, value: Any) -> str | None:
        """Return the end of its range that a value lies at, if any: lower or upper; no count lies below 1."""
        if self.ends is None:
            return None
        (low, high), counts = self.ends, self.kinds == (int,)
        near = 1 if counts else 1 + _NEAR
        lower = value <= low * near and not (counts and low <= 1)
        return "upper" if value >= high / near else "lower" if lower else None


class Space:
    """Lists a space's entries as declared, by `keras_tuner.HyperParameters`' methods, which return the default."""

    def __init__(self, declare: Callable[[Any], None]) -> None:
        self._entries: list[Entry] = []
        self._conditions: tuple[tuple[str, Sequence[Any]], ...] = ()
        declare(self)

    def needed(self, values: Mapping[str, Any]) -> Iterator[Entry]:
        """Yield the entries that exist given the values; those of earlier entries may be added meanwhile."""
        for entry in self._entries:
            if all(values.get(name) in allowed for name, allowed in entry.conditions):
                yield entry

    def fault_of(self, values: Mapping[str, Any]) -> str | None:
        """Say what is wrong with hyperparameters that should come from this space; None if nothing is."""
        entries = {entry.name: entry for entry in self.needed(values)}
        wrong = sorted(entries.keys() ^ values.keys())
        wrong = wrong or [name for name, entry in entries.items() if not entry.allows(values[name])]
        return f"{wrong[0]} is {'not in the search space' if wrong[0] in values else 'missing'}" if wrong else None

    def _add(self, name: str, kinds: tuple[type, ...], contains: Contains, more: Any, ends: Any = None) -> None:
        parents = ((more["parent_name"], more["parent_values"]),) if more.get("parent_name") else ()
        self._entries.append(Entry(name, kinds, contains, (*self._conditions, *parents), ends))

    def Text(self, name: str, contains: Callable[[str], bool]) -> None:  # noqa: N802
        """Declare a text that a tuner keeps with the hyperparameters of a trial."""
        self._add(name, (str,), contains, {})

    def Int(self, name: str, min_value: int, max_value: int, step: int | None = None, **more: Any) -> Any:  # noqa: N802
        size = step if step and more.get("sampling", "linear") == "linear" else 1
        steps = range(min_value, max_value + 1, size)
        self._add(name, (int,), steps.__contains__, more, (min_value, max_value) if len(steps) > _FEW else None)
        return more.get("default", min_value)

    def Float(self, name: str, min_value: float, max_value: float, step: Any = None, **more: Any) -> Any:  # noqa: N802, ARG002
        low, high = min_value * (1 - _ROUNDING), max_value * (1 + _ROUNDING)
        self._add(name, (int, float), lambda value: low <= value <= high, more, (min_value, max_value))
        return more.get("default", min_value)

    def Choice(self, name: str, values: Sequence[Any], **more: Any) -> Any:  # noqa: N802
        self._add(name, tuple({type(value) for value in values}), lambda value: value in values, more)
        return more.get("default", values[0])

    def Boolean(self, name: str, default: bool = False, **more: Any) -> Any:  # noqa: N802
        return self.Choice(name, (True, False), default=default, **more)

    def Fixed(self, name: str, value: Any, **more: Any) -> Any:  # noqa: N802
        return self.Choice(name, (value,), **more)

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Sequence[Any]) -> Iterator[None]:
        """Declare what exists only where another hyperparameter has one of these values."""
        before = self._conditions
        self._conditions = (*before, (parent_name, parent_values))
        yield
        self._conditions = before


@dataclass
class Tuner(schema.TunerConfig, ABC):
    """Makes the oracle of a search; its fields are the keys of `tuner`.

    A search makes one oracle, which proposes trials (`populate_space`) and hears of those that end (`score_trial`,
    `end_trial`), one call at a time, in one process. A search that is resumed makes a new one, and repeats what
    was asked and told, in the same order: proposals must depend on nothing but that and `seed`, and nothing is to
    be written to disk. KerasTuner is best imported inside methods: it takes seconds. Where `ends` is true, the
    oracle itself decides how many trials there are, so that max_trials may be null.
    """

    @abstractmethod
    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:
        """Return a new oracle for a declared space; a trial trains for `epochs`, or for what it is told to."""

    def declare(self, space: Space, epochs: int) -> None:
        """Declare what the oracle adds to the hyperparameters of a trial; nothing by default."""

    def goes_on_from(self, values: Mapping[str, Any]) -> int | None:  # noqa: ARG002  # overridden
        """Return the trial, from 1, whose training one with these values goes on with; None: it begins its own."""
        return None


@dataclass
class Random(Tuner):
    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:  # noqa: ARG002
        from keras_tuner.oracles import RandomSearchOracle  # noqa: PLC0415  # takes seconds

        return RandomSearchOracle(objective, self.max_trials, seed=seed, hyperparameters=space)


@dataclass
class Bayesian(schema.BayesianTunerConfig, Tuner):
    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:  # noqa: ARG002
        from forcepos.tuning.oracles import BayesianOracle  # noqa: PLC0415  # takes seconds

        settings = {"num_initial_points": self.num_initial_points, "alpha": self.alpha, "beta": self.beta}
        return BayesianOracle(objective, self.max_trials, **settings, seed=seed, hyperparameters=space)


@dataclass
class Grid(Tuner):
    ends: ClassVar[bool] = True

    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:  # noqa: ARG002
        from forcepos.tuning.oracles import GridOracle  # noqa: PLC0415  # takes seconds

        return GridOracle(objective, self.max_trials, seed=seed, hyperparameters=space)


@dataclass
class Hyperband(schema.HyperbandTunerConfig, Tuner):
    ends: ClassVar[bool] = True

    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:
        from keras_tuner.oracles import HyperbandOracle  # noqa: PLC0415  # takes seconds

        oracle = HyperbandOracle(objective, epochs, self.factor, self.iterations, seed=seed, hyperparameters=space)
        oracle.max_trials = self.max_trials
        return oracle

    def declare(self, space: Space, epochs: int) -> None:
        space.Int("tuner/epochs", 1, epochs)
        for name in ("initial_epoch", "bracket", "round"):
            space.Int(f"tuner/{name}", 0, epochs)
        with space.conditional_scope("tuner/round", range(1, epochs + 1)):
            space.Text("tuner/trial_id", str.isdecimal)

    def goes_on_from(self, values: Mapping[str, Any]) -> int | None:
        return int(values["tuner/trial_id"]) + 1 if "tuner/trial_id" in values else None


@dataclass
class Fixed(schema.FixedTunerConfig, Tuner):
    ends: ClassVar[bool] = True

    def oracle(self, space: HyperParameters, objective: Objective, seed: int, epochs: int) -> Oracle:  # noqa: ARG002
        raise TypeError("given hyperparameters are not searched for")


@dataclass(frozen=True)
class SearchSpec:
    config: Tuner
    declare: Callable[[HyperParameters], None]  # declares the space of hyperparameters
    directory: Path  # where trials and journal are kept; locked by the process that searches
    seed: int
    epochs: int  # of a trial's training; with Hyperband, of the longest
    # Trials whose networks are kept for an ensemble, at most; None: its trainer takes no checkpoints.
    networks: int | None = None

    def epochs_of(self, values: Mapping[str, Any]) -> int:
        """Return for how many epochs a trial with these values trains: fewer, if Hyperband put that into them."""
        return int(values.get("tuner/epochs", self.epochs))
