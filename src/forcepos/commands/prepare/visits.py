"""Reads the point and the visit that a log is of from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from forcepos.runtime.errors import InputError

# A regular expression for each field of data.pattern, and an example.
_FIELDS = {
    "experiment": (r".+", "f"),
    "visit": (r"[0-9]{1,9}", "1"),
    "i": (r"-?[0-9]{1,9}", "0"),
    "j": (r"-?[0-9]{1,9}", "0"),
}
_KNOWN = ", ".join(f"{{{field}}}" for field in _FIELDS)
_PIECES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, order=True)
class Visit:
    """The visit that a log's name gives, ordered as the recordings are written."""

    experiment: str
    number: int
    i: int
    j: int

    @property
    def point(self) -> str:
        """The point's name in the notebook's format."""
        return f"{self.i},{self.j}"


class Pattern:
    """The pattern of logs' names, data.pattern.

    Raises:
        InputError: the pattern lacks a field, or has one that is unknown or there twice.
    """

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        pieces = _PIECES.split(pattern)  # text and fields in turn
        _check_fields(pattern, pieces[1::2])
        regular = [
            f"(?P<{piece}>{_FIELDS[piece][0]})" if place % 2 else re.escape(piece)
            for place, piece in enumerate(pieces)
        ]
        self._named = re.compile("".join(regular))

    def match(self, name: str) -> Visit | None:
        """Return the visit of a file with this name, without its folder; None if it is no log."""
        found = self._named.fullmatch(name)
        if found is None or name.startswith("."):
            return None
        fields = found.groupdict()
        return Visit(
            fields.get("experiment", ""), int(fields.get("visit", "0")), int(fields["i"]), int(fields["j"])
        )

    def example(self) -> str:
        """Return a name that matches."""
        return _PIECES.sub(lambda piece: _FIELDS[piece[1]][1], self.text)


def _check_fields(pattern: str, fields: Sequence[str]) -> None:
    unknown = [f"cannot have {{{field}}}" for field in fields if field not in _FIELDS]
    twice = [f"has {{{field}}} twice" for field in fields if fields.count(field) > 1]
    lacking = [f"lacks {{{field}}}" for field in ("i", "j") if field not in fields]
    for wrong in [*unknown, *twice, *lacking][:1]:
        raise InputError(f"data.pattern={pattern} {wrong}: it takes {_KNOWN}, each once, and needs i and j")


def undistinguished(visits: Sequence[tuple[Visit, str]]) -> list[str]:
    """Describe visits in order, each with its file's name, that the Feather file could not distinguish."""
    lines = []
    for (before, name), (after, other) in pairwise(visits):
        if before == after:
            lines.append(
                f"{name} and {other} are the same visit of {after.point}: "
                "{visit} in data.pattern distinguishes visits"
            )
        elif before.point == after.point:
            lines.append(
                f"{name} and {other}, both visits of {after.point}, would become one recording: "
                "no other point lies between them"
            )
    return lines
