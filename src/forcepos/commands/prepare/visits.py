"""Which point a log is of, told from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from forcepos.runtime.errors import InputError

# What each field of data.pattern stands for, and an example.
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
    """What a log's name says; in the order in which recordings follow one another."""

    experiment: str
    number: int
    i: int
    j: int

    @property
    def point(self) -> str:
        """The point's name in the notebook's format."""
        return f"{self.i},{self.j}"


class Pattern:
    """Names of logs, data.pattern.

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
        """The visit that a file with this name, without its folder, is of; None for one that is no log."""
        found = self._named.fullmatch(name)
        if found is None or name.startswith("."):
            return None
        fields = found.groupdict()
        return Visit(
            fields.get("experiment", ""), int(fields.get("visit", "0")), int(fields["i"]), int(fields["j"])
        )

    def example(self) -> str:
        """A name that matches."""
        return _PIECES.sub(lambda piece: _FIELDS[piece[1]][1], self.text)


def _check_fields(pattern: str, fields: Sequence[str]) -> None:
    unknown = [f"cannot have {{{field}}}" for field in fields if field not in _FIELDS]
    twice = [f"has {{{field}}} twice" for field in fields if fields.count(field) > 1]
    lacking = [f"lacks {{{field}}}" for field in ("i", "j") if field not in fields]
    for wrong in [*unknown, *twice, *lacking][:1]:
        raise InputError(f"data.pattern={pattern} {wrong}: it takes {_KNOWN}, each once, i and j always")


def undistinguished(visits: Sequence[tuple[Visit, str]]) -> list[str]:
    """Of visits in order, each with its file's name: what the Feather file could not tell apart, a line each."""
    lines = []
    for (before, name), (after, other) in pairwise(visits):
        if before == after:
            lines.append(
                f"{name} and {other} are one visit of {after.point}: {{visit}} in data.pattern tells visits apart"
            )
        elif before.point == after.point:
            lines.append(
                f"{name} and {other}, visits of {after.point}, would become one: no other point is between"
            )
    return lines
