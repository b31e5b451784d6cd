"""Roles of columns: what the user states and what is guessed."""

from __future__ import annotations

from dataclasses import dataclass, field

ROLES = ("time", "positions", "recording", "point", "label", "features")
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


@dataclass
class Guesses:
    """The role of each column, with reasons.

    Attributes:
        time: the column, or two: whole seconds and nanoseconds.
        origin: a time near all others, in its own unit; relative to it, steps keep the precision of the file.
        features: columns that a model may learn from.
        candidates: columns with so few distinct values that each may be a label.
        kinds: of each column, by its name or values; empty where unknown, with a question mark where uncertain.
        reasons: for each role.
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
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Return the unit of the positions."""
        return {1.0: "mm", 1000.0: "m"}[self.scale_mm]

    @property
    def taken(self) -> set[str | None]:
        """Return the columns with a role other than that of a feature."""
        return {*self.time, *self.positions, *self.candidates, self.recording, self.point, self.label}

    def first(self, kind: str) -> str | None:
        """Return the first column of a kind."""
        return next((name for name, one in self.kinds.items() if one == kind), None)


@dataclass(frozen=True)
class UserHints:
    """Columns that the user names on the command line; no other column is guessed in their place."""

    time: str | None = None
    positions: tuple[str, ...] = ()
    point: str | None = None
    label: str | None = None
