"""Finds the columns of a table that are read, by name or by number."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from forcepos.config.schema import TableConfig
from forcepos.data.readers.table import WORDS, Table, Wanted
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some, visible_name

_SHOWN = 20
_COMPARED = 1000  # names, and characters of a name: a comparison takes long


def wanted_columns(config: TableConfig) -> list[tuple[str, str]]:
    """List role and column, as the config names them: columns of numbers first, then columns of words."""
    # With a rate, a time in two columns was never read; one in one column may go backwards, which is reported.
    timed = config.nanoseconds is None or config.rate_hz is None or config.gap_s is not None
    wanted = {
        "feature": config.features,
        "target": config.targets,
        **{role: [getattr(config, role)] for role in ("time", "nanoseconds") if timed},
        **{role: [getattr(config, role)] for role in WORDS if role != "keep"},
        "keep": config.keep,
    }
    return [(role, name) for role, names in wanted.items() for name in names or () if name is not None]


def find_columns(table: Table, wanted: Sequence[tuple[str, str]]) -> list[Wanted]:
    """Find columns, given by role and name, among a table's names, or among the numbers of its columns.

    Raises:
        InputError: some are missing or there more than once; names all of them.
    """
    present: dict[str, list[int]] = {}
    for place, name in enumerate(table.names or []):
        present.setdefault(name, []).append(place)
    found = {name: present.get(name) or _by_number(name, table.width) for _, name in wanted}
    missing = [name for name, places in found.items() if not places]
    twice = [name for name, places in found.items() if len(places) > 1]
    problems = []
    if missing:
        there = _present(missing, table.names, table.width)
        problems.append(f"{table.title} lacks {name_some(missing, _SHOWN)}; it has {there}")
    if twice:
        problems.append(f"{table.title} has more than one column named {name_some(twice, _SHOWN)}")
    if problems:
        raise InputError("\n  ".join(problems))
    shown = {name: visible_name(name) if name in present else f"column {name}" for name in found}
    return [Wanted(role, shown[name], found[name][0]) for role, name in wanted]


def _by_number(name: str, width: int) -> list[int]:
    is_number = name.isdecimal() and name.isascii() and len(name) < 10
    return [int(name)] if is_number and int(name) < width else []


def _present(missing: Sequence[str], names: Sequence[str] | None, width: int) -> str:
    """Name the columns that are there, those most similar to a missing one first."""
    if names is None:
        return f"{width} columns without names, 0 to {width - 1}"
    return name_some(list(dict.fromkeys([*_similar(missing, names), *names])), _SHOWN)


def _similar(missing: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    lower = {name.lower(): name for name in reversed(names[:_COMPARED]) if len(name) < _COMPARED}
    for name in missing[:_SHOWN]:
        yield from (lower[near] for near in difflib.get_close_matches(name[:_COMPARED].lower(), lower, n=3))
