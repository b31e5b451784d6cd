"""Text logs, read one at a time out of a zip file, never unpacked, or a folder: visits by names, and columns."""

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from operator import attrgetter, eq
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa

from forcepos.data.readers.files import deep_files, path_pattern
from forcepos.data.readers.layout import Written
from forcepos.data.readers.table import Wanted, explained
from forcepos.data.readers.text import TextTable
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some, visible_name

MAX_BYTES = 500_000_000  # of one log: some 500 000 rows of 48 numbers
# How a KUKA controller names what it records of a joint, before the arm's type and the joint's number from 0 on.
_JOINTS = {"axisTauExtMsr": "exT_A", "axisTauMsr": "msT_A", "axisQMsr": "cur_A", "axisQCmd": "comd_A"}
_JOINT = re.compile(rf"({'|'.join(_JOINTS)})[^_\[]*(?:_.*)?\[([0-9]+)\]")
_WRENCH = re.compile(r"^cart([FT])(?:orce|orque)[0-9]*_(?:Tau)?([XYZ])$")
_TIMES = {"ZeitInSec": "t_Sec", "ZeitInNanoSec": "t_nSec"}
_SHOWN = 5
# A regular expression for each field of data.pattern.
_FIELDS = {"experiment": r".+", "visit": r"[0-9]{1,9}", "i": r"-?[0-9]{1,9}", "j": r"-?[0-9]{1,9}"}
_KNOWN = ", ".join(f"{{{field}}}" for field in _FIELDS)
_TO_SPACES = bytes.maketrans(b"\x0b\x0c;", b"   ")


class Entry(NamedTuple):
    """A file of a source: its path in there, made visible, what may be wrong with it, and what opens it."""

    name: str
    faults: Mapping[str, object]
    open: Callable[[], IO[bytes]]

    def read(self) -> bytes:
        """Read as far as a log may go, or refuse it: a zip file need not declare its size, and a file may grow."""
        for fault in (fault for fault, there in self.faults.items() if there):
            raise InputError(f"{self.name}: {fault}")
        try:
            with self.open() as file:
                content = file.read(MAX_BYTES + 1)
        except Exception as error:  # zipfile raises whatever it does if an entry is damaged
            raise InputError(f"{self.name}: cannot be read: {error}") from error
        if len(content) > MAX_BYTES:
            size = f"{len(content):,} bytes or more"
            raise InputError(f"{self.name}: has {size}, too large for a log: at most {MAX_BYTES:,}")
        return content


@contextmanager
def open_source(path: Path) -> Iterator[list[Entry]]:
    """Open a zip file or a folder, InputError if there is neither; yield its files in order of their names."""
    if path.is_dir():
        files = deep_files(path, lambda file: not file.is_dir())
        yield sorted((_in_folder(path, file) for file in files), key=attrgetter("name"))
    elif path.is_file():
        with explained(f"data.source={path}", "zip", Exception):
            archive = zipfile.ZipFile(path)
        with archive:
            entries = [_in_archive(archive, info) for info in archive.infolist()]
            yield sorted((one for one in entries if not one.name.endswith("/")), key=attrgetter("name"))
    else:
        raise InputError(f"data.source={path} is neither a zip file nor a folder")


def _in_folder(folder: Path, path: Path) -> Entry:
    outside = not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    faults = {"is a link to outside the folder": outside, "is not a file": not path.is_file()}
    return Entry(visible_name(path.relative_to(folder).as_posix()), faults, lambda: path.open("rb"))


def _in_archive(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    name = visible_name(info.filename.replace("\\", "/"))  # some programs under Windows write their own separator
    outside = ".." in name.split("/") or re.match(r"/|[A-Za-z]:", name)
    faults = {"is encrypted": info.flag_bits & 1, "its name points outside the zip file": outside}
    return Entry(name, faults, partial(archive.open, info))


class Visit(NamedTuple):
    """The visit that a log's name gives, ordered as the recordings are written."""

    experiment: str
    number: int
    i: int
    j: int

    @property
    def point(self) -> str:
        """The point's name in the notebook's format."""
        return f"{self.i},{self.j}"


def read_log(name: str, content: bytes, columns: Sequence[str]) -> tuple[pa.Table, bool]:
    """Read a log: fields separated by spaces, tabs or semicolons, with decimal points or decimal commas.

    Return the rows (rows, columns) of float64, and whether the last line, without end, was dropped; or InputError.
    """
    mark = "," if content.count(b",") > content.count(b".") else "."
    table = TextTable(Path(name), Written("text", " ", mark, ended=True), content.translate(_TO_SPACES))
    ours = [column_of(one) for one in table.names or []]
    if lacking := [column for column in columns if ours.count(column) != 1]:
        if sum(one in columns for one in ours) > sum(map(eq, ours, columns)):  # positions contradict known names
            there = name_some(table.names or [], _SHOWN)
            raise InputError(f"{name}: the header lacks or repeats {name_some(lacking, _SHOWN)}; it has {there}")
        ours = [*columns]
    table.width = len(ours)
    table.layout = replace(table.layout, width=len(ours), missing=frozenset())
    wanted = [Wanted("feature", column, ours.index(column)) for column in columns]
    try:
        chunks = [pa.table([*chunk.values()], columns) for chunk in table.chunks(wanted)]
    except InputError as error:
        broken = list(table.errors(wanted))
        if len(broken) < 2:
            raise
        raise InputError(f"{name}: {broken[0]}; {len(broken)} lines are broken") from error
    return pa.concat_tables(chunks), table.layout.cut is not None


def column_of(name: str) -> str:
    """Translate a controller's name of a column to the notebook's; return other names as they are."""
    if joint := _JOINT.fullmatch(name):
        return f"{_JOINTS[joint[1]]}{int(joint[2]) + 1}"
    return _TIMES.get(name, _WRENCH.sub(lambda axis: f"{axis[1]}{axis[2].lower()}", name))


def pattern_of_names(pattern: str) -> re.Pattern[str]:
    """Compile data.pattern, which logs' names match; InputError if a field is missing, unknown or there twice."""
    fields = re.findall(r"\{([^{}]*)\}", pattern)
    unknown = [f"cannot have {{{field}}}" for field in fields if field not in _FIELDS]
    twice = [f"has {{{field}}} twice" for field in fields if fields.count(field) > 1]
    lacking = [f"lacks {{{field}}}" for field in ("i", "j") if field not in fields]
    for wrong in [*unknown, *twice, *lacking][:1]:
        raise InputError(f"data.pattern={pattern} {wrong}: it takes {_KNOWN}, each once, and needs i and j")
    return path_pattern(pattern, {f"{{{one}}}": f"(?P<{one}>{of})" for one, of in _FIELDS.items()})


def visit_of(name: str, pattern: re.Pattern[str]) -> Visit | None:
    """Return the visit of a file with this name, whatever its folder; None if it is no log."""
    found = pattern.fullmatch(name.rpartition("/")[2])
    if found is None or found[0].startswith("."):
        return None
    fields = {"experiment": "", "visit": "0"} | found.groupdict()
    return Visit(fields["experiment"], *(int(fields[one]) for one in ("visit", "i", "j")))


def undistinguished(visits: Sequence[tuple[Visit, str]]) -> list[str]:
    """Describe visits in order, each with its file's name, that the Feather file could not distinguish."""
    twice = "{} and {} are the same visit of {}: {{visit}} in data.pattern distinguishes visits"
    alone = "{} and {}, both visits of {}, would become one recording: no other point lies between them"
    pairs = [(one, two) for one, two in pairwise(visits) if one[0].point == two[0].point]
    return [(twice if one[0] == two[0] else alone).format(one[1], two[1], two[0].point) for one, two in pairs]
