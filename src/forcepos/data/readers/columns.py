"""Which columns of a table are read, found by name or by number."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from forcepos.config.schema import TableConfig
from forcepos.runtime.errors import InputError

_SHOWN = 20


@dataclass(frozen=True)
class Columns:
    """Places of the wanted columns in a table, counted from 0.

    Attributes:
        numbers: features, targets, then time if there is any.
        words: recording, point and label, as far as they are wanted.
        names: of all of them, for messages.
    """

    numbers: tuple[int, ...]
    words: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def places(self) -> tuple[int, ...]:
        """All that are wanted."""
        return (*self.numbers, *self.words)


def wanted_numbers(config: TableConfig) -> list[str]:
    """Columns that hold numbers, as the config names them."""
    return [*config.features, *(config.targets or []), *([config.time] if config.time else [])]


def wanted_words(config: TableConfig) -> dict[str, str]:
    """Columns that say what a row belongs to, by what they say."""
    named = {"recording": config.recording, "point": config.point, "label": config.label}
    return {what: column for what, column in named.items() if column is not None}


def find_columns(path: Path, names: Sequence[str] | None, width: int, config: TableConfig) -> Columns:
    """Find the columns that the config names among `names`, or among the numbers of `width` columns.

    Raises:
        InputError: some are not there, or there more than once; names all of them.
    """
    numbers, words = wanted_numbers(config), list(wanted_words(config).values())
    wanted = [*numbers, *words]
    missing = [name for name in dict.fromkeys(wanted) if not _places(name, names, width)]
    twice = [name for name in dict.fromkeys(wanted) if len(_places(name, names, width)) > 1]
    problems = [f"{path} has more than one column named {_listed(twice)}"] if twice else []
    if missing:
        problems.insert(0, f"{path} lacks {_listed(missing)}; it has {_present(missing, names, width)}")
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
    """What there is, the names most like a missing one first."""
    if names is None:
        return f"{width} columns without names, 0 to {width - 1}"
    ordered = list(dict.fromkeys([*_alike(missing, names), *names]))
    return _listed(ordered)


def _alike(missing: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    lower = {name.lower(): name for name in reversed(names)}
    for name in missing:
        yield from (lower[near] for near in difflib.get_close_matches(name.lower(), lower, n=3))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
