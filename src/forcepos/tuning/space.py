"""The space of hyperparameters as declared, without KerasTuner, which takes TensorFlow and seconds to load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_ROUNDING = 1e-9  # relative: a value drawn on a logarithmic scale may lie that far outside of its range


@dataclass(frozen=True)
class Entry:
    """A hyperparameter.

    Attributes:
        kinds: types that its value may have.
        contains: whether a value of such a type is in the space.
        conditions: values that other hyperparameters must have for this one to exist.
    """

    name: str
    kinds: tuple[type, ...]
    contains: Callable[[Any], bool]
    conditions: tuple[tuple[str, Sequence[Any]], ...]

    def is_of_kind(self, value: Any) -> bool:
        """Return whether a value has one of the types; a boolean is no number."""
        return isinstance(value, self.kinds) and isinstance(value, bool) == (bool in self.kinds)


class Space:
    """Stands for `keras_tuner.HyperParameters` where a space is declared, and lists its entries in order."""

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
        different = sorted(entries.keys() ^ values.keys())
        if different:
            return f"{different[0]} is {'missing' if different[0] in entries else 'not in the search space'}"
        for name, entry in entries.items():
            if not (entry.is_of_kind(values[name]) and entry.contains(values[name])):
                return f"{name} is not in the search space"
        return None

    def _add(self, name: str, kinds: tuple[type, ...], contains: Callable[[Any], bool]) -> None:
        self._entries.append(Entry(name, kinds, contains, self._conditions))

    def declare_hyperband(self, epochs: int) -> None:
        """Declare what Hyperband adds to the hyperparameters of a trial."""
        self.Int("tuner/epochs", 1, epochs)
        for name in ("initial_epoch", "bracket", "round"):
            self.Int(f"tuner/{name}", 0, epochs)
        with self.conditional_scope("tuner/round", range(1, epochs + 1)):
            self._add("tuner/trial_id", (str,), str.isdecimal)

    # --- KerasTuner's names ---

    def Int(self, name: str, low: int, high: int, step: int = 1) -> None:  # noqa: N802
        self._add(name, (int,), lambda value: low <= value <= high and (value - low) % step == 0)

    def Float(self, name: str, low: float, high: float, **_: Any) -> None:  # noqa: N802
        self._add(name, (int, float), lambda value: low * (1 - _ROUNDING) <= value <= high * (1 + _ROUNDING))

    def Choice(self, name: str, options: Sequence[Any]) -> None:  # noqa: N802
        self._add(name, tuple({type(option) for option in options}), lambda value: value in options)

    def Boolean(self, name: str) -> None:  # noqa: N802
        self.Choice(name, (True, False))

    def Fixed(self, name: str, value: Any) -> None:  # noqa: N802
        self.Choice(name, (value,))

    @contextmanager
    def conditional_scope(self, name: str, values: Sequence[Any]) -> Iterator[None]:
        """Declare what exists only where another hyperparameter has one of these values."""
        before = self._conditions
        self._conditions = (*before, (name, values))
        yield
        self._conditions = before
