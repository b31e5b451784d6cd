"""Finds the columns of a table that are read, by name or by number."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from forcepos.config.schema import TableConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

_SHOWN = 20


@dataclass(frozen=True)
class Columns:
    """Indices of the wanted columns in a table.

    Attributes:
        numbers: features, targets, then time if the config names it.
        words: recording, point and label, as far as the config names them.
        names: of all of them, for messages.
    """

    numbers: tuple[int, ...]
    words: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def places(self) -> tuple[int, ...]:
        """The indices of all wanted columns."""
        return (*self.numbers, *self.words)


def wanted_numbers(config: TableConfig) -> list[str]:
    """List the columns that hold numbers, as the config names them."""
    return [*config.features, *(config.targets or []), *([config.time] if config.time else [])]


def wanted_words(config: TableConfig) -> dict[str, str]:
    """Map what a row belongs to (recording, point, label) to the column that names it."""
    named = {"recording": config.recording, "point": config.point, "label": config.label}
    return {what: column for what, column in named.items() if column is not None}


def find_columns(path: Path, names: Sequence[str] | None, width: int, config: TableConfig) -> Columns:
    """Find the columns that the config names among `names`, or among the numbers of `width` columns.

    Raises:
        InputError: some are missing or there more than once; names all of them.
    """
    numbers, words = wanted_numbers(config), list(wanted_words(config).values())
    wanted = [*numbers, *words]
    missing = [name for name in dict.fromkeys(wanted) if not _places(name, names, width)]
    twice = [name for name in dict.fromkeys(wanted) if len(_places(name, names, width)) > 1]
    problems = [f"{path} has more than one column named {name_some(twice, _SHOWN)}"] if twice else []
    if missing:
        lacking = f"{path} lacks {name_some(missing, _SHOWN)}"
        problems.insert(0, f"{lacking}; it has {_present(missing, names, width)}")
    if problems:
        raise InputError("\n  ".join(problems))
    places = [_places(name, names, width)[0] for name in wanted]
    shown = [_shown(name, names) for name in wanted]
    return Columns(tuple(places[: len(numbers)]), tuple(places[len(numbers) :]), tuple(shown))


def _places(name: str, names: Sequence[str] | None, width: int) -> list[int]:
    found = [place for place, present in enumerate(names or []) if present == name]
    if not found and name.isdecimal() and name.isascii() and len(name) < 10 and int(name) < width:
        return [int(name)]
    return found


def _shown(name: str, names: Sequence[str] | None) -> str:
    return name if names and name in names else f"column {name}"


def _present(missing: Sequence[str], names: Sequence[str] | None, width: int) -> str:
    """Name the columns that are there, those most similar to a missing one first."""
    if names is None:
        return f"{width} columns without names, 0 to {width - 1}"
    return name_some(list(dict.fromkeys([*_similar(missing, names), *names])), _SHOWN)


def _similar(missing: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    lower = {name.lower(): name for name in reversed(names)}
    for name in missing:
        yield from (lower[near] for near in difflib.get_close_matches(name.lower(), lower, n=3))
