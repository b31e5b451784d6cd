"""Reads the point and the visit that a log is of from its name."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from forcepos.runtime.errors import InputError

# A regular expression for each field of data.pattern.
_FIELDS = {"experiment": r".+", "visit": r"[0-9]{1,9}", "i": r"-?[0-9]{1,9}", "j": r"-?[0-9]{1,9}"}
_KNOWN = ", ".join(f"{{{field}}}" for field in _FIELDS)


class Visit(NamedTuple):
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
        pieces = re.split(r"\{([^{}]*)\}", pattern)  # text and fields in turn
        fields = pieces[1::2]
        unknown = [f"cannot have {{{field}}}" for field in fields if field not in _FIELDS]
        twice = [f"has {{{field}}} twice" for field in fields if fields.count(field) > 1]
        lacking = [f"lacks {{{field}}}" for field in ("i", "j") if field not in fields]
        for wrong in [*unknown, *twice, *lacking][:1]:
            raise InputError(f"data.pattern={pattern} {wrong}: it takes {_KNOWN}, each once, and needs i and j")
        regular = [
            f"(?P<{piece}>{_FIELDS[piece]})" if place % 2 else re.escape(piece)
            for place, piece in enumerate(pieces)
        ]
        self._named = re.compile("".join(regular))

    def match(self, name: str) -> Visit | None:
        """Return the visit of a file with this name, whatever its folder; None if it is no log."""
        found = self._named.fullmatch(name.rpartition("/")[2])
        if found is None or found[0].startswith("."):
            return None
        fields = {"experiment": "", "visit": "0"} | found.groupdict()
        return Visit(fields["experiment"], int(fields["visit"]), int(fields["i"]), int(fields["j"]))


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
