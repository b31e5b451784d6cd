"""Converts the logs of a source to the Feather file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from rich.console import Console
from rich.progress import track

from forcepos.commands.prepare.config import LogsConfig
from forcepos.commands.prepare.feather import feather_file
from forcepos.commands.prepare.logs import parse_log
from forcepos.commands.prepare.sources import Entry, open_source
from forcepos.commands.prepare.visits import Pattern, Visit, undistinguished
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.wording import first_lines, name_some

log = logging.getLogger(__name__)
_SHOWN = 10
_QUIET_S = 5.0  # without a terminal, progress is logged at most this often
_Item = TypeVar("_Item")


def prepare(config: LogsConfig) -> dict[str, Any]:
    """Write the Feather file; return its path, its recordings and rows, and what was skipped or dropped.

    Raises:
        InputError: the source, a log or the target cannot be used; lists the problems of all logs.
    """
    source, pattern = Path(config.source), Pattern(config.pattern)
    target = _target(config, source)
    with open_source(source) as entries:
        logs, skipped = _logs(source, entries, pattern)
        with feather_file(target, config.columns) as add:
            rows, dropped = _convert(source, logs, config, add)
    log.info("%d recordings, %d rows: train with data=versuch data.path=%s", len(logs), rows, target)
    facts = {"recordings": len(logs), "rows": rows, "skipped": skipped, "dropped_lines": dropped}
    return {"path": str(target)} | facts


def _target(config: LogsConfig, source: Path) -> Path:
    """Choose the file's path, by default as the notebook names it."""
    place = source.resolve()
    name = place.name if source.is_dir() else place.stem
    default = f"data/feather/{name}_{config.keep_rows or 'all'}_1.feather"
    target = Path(config.target or default)
    if target.is_dir():
        raise InputError(f"data.target={target} is a folder: name a file in it")
    if target.exists() and not config.overwrite:
        raise InputError(f"{target} already exists: data.overwrite=true replaces it")
    return target


def _logs(source: Path, entries: Sequence[Entry], pattern: Pattern) -> tuple[list[tuple[Visit, Entry]], list[str]]:
    """Return the logs in order, and the names of the other files."""
    matched = [(pattern.match(entry.base), entry) for entry in entries]
    skipped = [entry.name for visit, entry in matched if visit is None]
    logs = sorted(((visit, entry) for visit, entry in matched if visit is not None), key=lambda pair: pair[0])
    if not logs:
        there = f"it has {name_some(skipped, _SHOWN)}" if skipped else "it is empty"
        wanted = f"data.pattern={pattern.text}, as {pattern.example()} would"
        raise InputError(f"no file in {source} matches {wanted}: {there}")
    if skipped:
        named = name_some(skipped, _SHOWN)
        log.warning("skipped %d files that do not match data.pattern: %s", len(skipped), named)
    _refuse(source, undistinguished([(visit, entry.name) for visit, entry in logs]))
    return logs, skipped


def _convert(
    source: Path, logs: Sequence[tuple[Visit, Entry]], config: LogsConfig, add: Callable[[pa.Table, str], None]
) -> tuple[int, int]:
    """Add the rows of every log; return how many there are, and how many lines were dropped."""
    problems, lengths, dropped = [], [], 0
    for visit, entry in _tracked(logs):
        stop_if_asked()
        try:
            read = parse_log(entry.read(), config.columns)
        except InputError as error:
            problems.append(f"{entry.name}: {error}")
            continue
        if read.cut_line is not None:
            dropped += 1
            log.warning("%s: the last line, %d, is cut short and was dropped", entry.name, read.cut_line)
        kept = read.rows.slice(max(0, len(read.rows) - (config.keep_rows or len(read.rows))))
        add(kept, visit.point)
        lengths.append(len(kept))
    _refuse(source, problems)
    short = sum(length < (config.keep_rows or 0) for length in lengths)
    if short:
        log.warning("%d recordings have fewer than data.keep_rows=%d rows", short, config.keep_rows)
    return sum(lengths), dropped


def _refuse(source: Path, problems: Sequence[str]) -> None:
    if problems:
        raise InputError("\n  ".join([f"{source} cannot be used:", *first_lines(problems, _SHOWN)]))


def _tracked(items: Sequence[_Item]) -> Iterator[_Item]:
    """Yield the items while showing progress: a bar on a terminal, lines in a log."""
    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(items, "logs", console=console, transient=True)
        return
    logged = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - logged >= _QUIET_S:
            logged = time.monotonic()
            log.info("%d of %d logs", done, len(items))
