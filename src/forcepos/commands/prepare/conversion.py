"""Converts the logs of a source to a Feather file in the notebook's format."""

import glob
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from rich.console import Console
from rich.progress import track

from forcepos.commands.prepare.config import POINT, LogsConfig
from forcepos.commands.prepare.logs import read_log
from forcepos.commands.prepare.sources import Entry, open_source
from forcepos.commands.prepare.visits import Pattern, Visit, undistinguished
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.wording import first_lines, name_some

log = logging.getLogger(__name__)
_SHOWN = 10


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
    target = Path(config.target or f"data/feather/{name}_{config.keep_rows or 'all'}_1.feather")
    if target.is_dir():
        raise InputError(f"data.target={target} is a folder: name a file in it")
    if target.exists() and not config.overwrite:
        raise InputError(f"{target} already exists: data.overwrite=true replaces it")
    return target


def _logs(source: Path, entries: Sequence[Entry], pattern: Pattern) -> tuple[list[tuple[Visit, Entry]], list[str]]:
    """Return the logs in order, and the names of the other files."""
    matched = [(pattern.match(entry.name), entry) for entry in entries]
    skipped = [entry.name for visit, entry in matched if visit is None]
    logs = sorted(((visit, entry) for visit, entry in matched if visit is not None), key=lambda pair: pair[0])
    if not logs:
        there = f"it has {name_some(skipped, _SHOWN)}" if skipped else "it is empty"
        raise InputError(f"no file in {source} matches data.pattern={pattern.text}: {there}")
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
    console = Console(stderr=True)
    for visit, entry in track(logs, "logs", console=console, transient=True, disable=not console.is_terminal):
        stop_if_asked()
        try:
            read = read_log(entry.name, entry.read(), config.columns)
        except InputError as error:
            problems.append(str(error))
            continue
        dropped += read.cut
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


@contextmanager
def feather_file(path: Path, columns: Sequence[str]) -> Iterator[Callable[[pa.Table, str], None]]:
    """Yield a function that adds a recording's rows and point; `path` exists once the block ends without error.

    Raises:
        InputError: the file cannot be written.
    """
    schema = pa.schema([*((name, pa.float64()) for name in columns), (POINT, pa.large_string())])
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        with unfinished.open("wb") as file:
            with pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
                yield lambda rows, point: writer.write_table(
                    rows.append_column(POINT, pa.repeat(pa.scalar(point, pa.large_string()), rows.num_rows))
                )
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _remove_abandoned(path: Path) -> None:
    """Remove the unfinished files of processes that were killed while they wrote this file."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.unfinished"):
        process = left.suffixes[-2].removeprefix(".")
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            left.unlink(missing_ok=True)
