"""Writes a Feather file in the notebook's format, one recording at a time."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pyarrow as pa

from forcepos.runtime.errors import InputError

POINT = "key"  # the column with the touched point's name


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
