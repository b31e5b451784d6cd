"""Zip files and folders with logs. Nothing is ever unpacked to disk: one log at a time is read into memory."""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import IO, NamedTuple

from forcepos.data.readers.files import deep_files
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import visible_name

MAX_BYTES = 500_000_000  # of one log: some 500 000 rows of 48 numbers
# The errors that Python's zipfile raises for broken files.
_UNREADABLE = (
    OSError, EOFError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip


class Entry(NamedTuple):
    """A file of a source: its path relative to that, made visible, and what opens it."""

    name: str
    open: Callable[[], IO[bytes]]

    def read(self) -> bytes:
        """Read as far as a log may go: a zip file need not declare its true size, and a file may grow.

        Raises:
            InputError: the file is refused or cannot be read.
        """
        with _explained(f"{self.name}: cannot be read"), self.open() as file:
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
        files = {one: visible_name(one.relative_to(path).as_posix()) for one in deep_files(path, _is_no_folder)}
        entries = [Entry(name, partial(_open_file, file, path, name)) for file, name in files.items()]
        yield sorted(entries, key=attrgetter("name"))
    elif path.is_file():
        with _explained(f"data.source={path} cannot be read as a zip file"):
            archive = zipfile.ZipFile(path)
        with archive:
            # Some programs under Windows write their own separator.
            zipped = {info: visible_name(info.filename.replace("\\", "/")) for info in archive.infolist()}
            entries = [Entry(name, partial(_open_zipped, archive, info, name)) for info, name in zipped.items()]
            yield sorted((one for one in entries if not one.name.endswith("/")), key=attrgetter("name"))
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
    return archive.open(info)


def _is_no_folder(path: Path) -> bool:
    return not path.is_dir()


def _open_file(path: Path, folder: Path, name: str) -> IO[bytes]:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{name}: is a link to outside the folder")
    if not path.is_file():
        raise InputError(f"{name}: is not a file")
    return path.open("rb")
