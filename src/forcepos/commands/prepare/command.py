"""`python -m forcepos prepare`: converts text logs, one per visit of a point, to the notebook's Feather file."""

import glob
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import MISSING
from rich.console import Console
from rich.progress import track

from forcepos.commands.prepare import logs as reading
from forcepos.config.checks import checked, compose_unchecked
from forcepos.config.mistakes import explain
from forcepos.config.schema import key
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import to_json
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.log_lines import log_with_times
from forcepos.runtime.paths import conf_dir
from forcepos.runtime.wording import first_lines, name_some

Log = tuple[reading.Visit, reading.Entry]
log = logging.getLogger(__name__)
_POINT = "key"  # the column with the touched point's name
_SHOWN = 10


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    if {"--help", "-h"} & set(arguments):
        usage, _, keys = (conf_dir() / "prepare.yaml").read_text().partition("defaults:")
        sys.stdout.write(usage.replace("# ", "") + keys[keys.index("data:") :])
        return
    log_with_times()
    sys.stdout.write(to_json(prepare(logs_config(arguments))) + "\n")


@dataclass
class LogsConfig:
    """Text logs and how they are converted."""

    source: str = MISSING  # a zip file or a folder
    target: str | None = MISSING  # the Feather file, null to derive its name from the source
    overwrite: bool = MISSING
    pattern: str = MISSING  # a log's name, with {i} and {j}
    keep_rows: int | None = key("last rows of each recording; null: all", min=1)
    keep_first: int = key("rows from the beginning of each, besides keep_rows", min=0)
    columns: list[str] = MISSING  # by position


@dataclass
class PrepareConfig:
    data: LogsConfig = field(default_factory=LogsConfig)


def logs_config(overrides: Sequence[str]) -> LogsConfig:
    """Compose the config from these overrides and check it; an InputError says what is wrong with one."""
    for override in (one for one in overrides if one.startswith("-") or "=" not in one):
        raise InputError(f"{override} is not key=value, such as data.source=versuch_f1.zip; see prepare --help")
    ConfigStore.instance().store(name="prepare", group="schema", package="_global_", node=PrepareConfig)
    # Forced keys reach our own check, whose message is one line.
    forced = [override if override.startswith("+") else f"++{override}" for override in overrides]
    try:
        config = checked(compose_unchecked(forced, name="prepare"), PrepareConfig).data
    except HydraException as error:
        raise InputError((explain(error) or str(error)).replace("++", "")) from error
    if not config.source:
        raise InputError("data.source is empty: give a zip file or a folder")
    if twice := sorted({name for name in config.columns if config.columns.count(name) > 1}):
        raise InputError(f"data.columns names {', '.join(twice)} twice")
    if _POINT in config.columns:
        raise InputError(f"data.columns names {_POINT}, which is reserved for the touched point")
    return config


def prepare(config: LogsConfig) -> dict[str, Any]:
    """Write the Feather file; return path, counts, and what was skipped; an InputError lists what is wrong."""
    pattern, target = reading.pattern_of_names(config.pattern), _target(config)
    with reading.open_source(Path(config.source)) as entries:
        named = [(reading.visit_of(entry.name, pattern), entry) for entry in entries]
        logs = sorted(((visit, entry) for visit, entry in named if visit), key=itemgetter(0))
        skipped = [entry.name for visit, entry in named if not visit]
        there = name_some(skipped, _SHOWN)
        if not logs:
            found = f"it has {there}" if skipped else "it is empty"
            raise InputError(f"no file in {config.source} matches data.pattern={config.pattern}: {found}")
        if skipped:
            log.warning("skipped %d files that do not match data.pattern: %s", len(skipped), there)
        _refuse(config, reading.undistinguished([(visit, entry.name) for visit, entry in logs]))
        with _feather_file(target, config.columns) as add:
            rows, dropped = _convert(logs, config, add)
    log.info("%d recordings, %d rows: train with data=versuch data.path=%s", len(logs), rows, target)
    path = str(target)
    return {"path": path, "recordings": len(logs), "rows": rows, "skipped": skipped, "dropped_lines": dropped}


def _target(config: LogsConfig) -> Path:
    place = Path(config.source).resolve()
    name = place.name if place.is_dir() else place.stem
    kept = (f"{config.keep_first}_and_" if config.keep_first else "") + str(config.keep_rows or "all")
    target = Path(config.target or f"data/feather/{name}_{kept}_1.feather")
    if target.is_dir():
        raise InputError(f"data.target={target} is a folder: name a file in it")
    if target.exists() and not config.overwrite:
        raise InputError(f"{target} already exists: data.overwrite=true replaces it")
    return target


def _convert(logs: Sequence[Log], config: LogsConfig, add: Callable[[pa.Table, str], None]) -> tuple[int, int]:
    """Add the rows of every log; return how many there are, and how many lines were dropped."""
    problems, lengths, dropped, console = [], [], 0, Console(stderr=True)
    for visit, entry in track(logs, "logs", console=console, transient=True, disable=not console.is_terminal):
        stop_if_asked()
        try:
            rows, cut = reading.read_log(entry.name, entry.read(), config.columns)
        except InputError as error:
            problems.append(str(error))
        else:
            left_out = len(rows) - config.keep_first - (config.keep_rows or len(rows))
            if left_out > 0:  # between the first rows, for data.tare, and the last ones
                rows = pa.concat_tables([rows[: config.keep_first], rows[config.keep_first + left_out :]])
            add(rows, visit.point)
            lengths.append(len(rows))
            dropped += cut
    _refuse(config, problems)
    if short := sum(length < (config.keep_rows or 0) for length in lengths):
        log.warning("%d recordings have fewer than data.keep_rows=%d rows", short, config.keep_rows)
    return sum(lengths), dropped


def _refuse(config: LogsConfig, problems: Sequence[str]) -> None:
    if problems:
        raise InputError("\n  ".join([f"{Path(config.source)} cannot be used:", *first_lines(problems, _SHOWN)]))


@contextmanager
def _feather_file(path: Path, columns: Sequence[str]) -> Iterator[Callable[[pa.Table, str], None]]:
    """Yield a function that adds a recording's rows and point; `path` exists once the block ends without error."""
    schema = pa.schema([*((name, pa.float64()) for name in columns), (_POINT, pa.large_string())])
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{glob.escape(path.name)}.*.unfinished"):
            process = left.suffixes[-2].removeprefix(".")
            if process.isdecimal() and not psutil.pid_exists(int(process)):  # killed while it wrote this file
                left.unlink(missing_ok=True)
        with unfinished.open("wb") as file:
            with pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
                yield lambda rows, point: writer.write_table(
                    rows.append_column(_POINT, pa.repeat(pa.scalar(point, pa.large_string()), rows.num_rows))
                )
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
