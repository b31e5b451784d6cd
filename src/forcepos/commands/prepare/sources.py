"""Zip files and folders with logs. Nothing is ever unpacked to disk: one log at a time is read into memory."""

import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import visible_name

MAX_BYTES = 500_000_000  # of one log: some 500 000 rows of 48 numbers
# The errors that Python's zipfile raises for broken files.
_UNREADABLE = (
    OSError, EOFError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file of a source."""

    name: str  # path relative to the source, made visible
    _open: Callable[[], IO[bytes]]

    def read(self) -> bytes:
        """Read as far as a log may go: a zip file need not declare its true size, and a file may grow.

        Raises:
            InputError: the file is refused or cannot be read.
        """
        with _explained(f"{self.name}: cannot be read"), self._open() as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            size = f"{len(content):,} bytes or more"
            raise InputError(f"{self.name}: has {size}, too large for a log: at most {MAX_BYTES:,}")
        return content


@contextmanager
def open_source(path: Path) -> Iterator[list[Entry]]:
    """Open a zip file or a folder; yield its files in order of their names.

    Raises:
        InputError: there is neither, or it cannot be read.
    """
    if path.is_dir():
        with _explained(f"data.source={path} cannot be read"):
            entries = [Entry(name, partial(_open_file, file, path, name)) for name, file in _in_folder(path)]
        yield sorted(entries, key=lambda entry: entry.name)
    elif path.is_file():
        with _explained(f"data.source={path} cannot be read as a zip file"):
            archive = zipfile.ZipFile(path)
        with archive:
            # Some programs under Windows write their own separator.
            names = [(info, info.filename.replace("\\", "/")) for info in archive.infolist()]
            files = [(info, visible_name(name)) for info, name in names if not name.endswith("/")]
            entries = [Entry(name, partial(_open_zipped, archive, info, name)) for info, name in files]
            yield sorted(entries, key=lambda entry: entry.name)
    else:
        raise InputError(f"data.source={path} is neither a zip file nor a folder")


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise InputError(f"{what}: {error}") from error


def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> IO[bytes]:
    if ".." in name.split("/") or re.match(r"/|[A-Za-z]:", name):
        raise InputError(f"{name}: its name points outside the zip file")
    if info.flag_bits & 1:
        raise InputError(f"{name}: is encrypted")
    return archive.open(info)


def _in_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    def refuse(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(place, name) for name in names):
            yield visible_name(path.relative_to(folder).as_posix()), path


def _open_file(path: Path, folder: Path, name: str) -> IO[bytes]:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{name}: is a link to outside the folder")
    if not path.is_file():
        raise InputError(f"{name}: is not a file")
    return path.open("rb")
