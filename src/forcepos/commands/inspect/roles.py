"""What columns are taken for."""

from __future__ import annotations

from dataclasses import dataclass, field

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


@dataclass
class Guesses:
    """What each column is taken for, and why.

    Attributes:
        time: the column, or two: whole seconds and nanoseconds.
        origin: a time near all others, in its own unit: from there, steps are told apart as finely as written.
        features: columns that a model may learn from.
        candidates: columns with so few values that each may be a label.
        why: a reason for each guess.
    """

    time: tuple[str, ...] = ()
    time_unit: str = "s"
    origin: float = 0.0
    positions: tuple[str, ...] = ()
    scale_mm: float = 1.0
    recording: str | None = None
    point: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Of the positions."""
        return {1.0: "mm", 1000.0: "m"}[self.scale_mm]

    def first(self, kind: str) -> str | None:
        """The first column of a kind."""
        return next((name for name, one in self.kinds.items() if one == kind), None)


@dataclass(frozen=True)
class Told:
    """What the person says, before anything is guessed."""

    time: str | None = None
    positions: tuple[str, ...] = ()
    point: str | None = None
    label: str | None = None
