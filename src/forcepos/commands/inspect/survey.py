"""Opens the tables that are inspected, recognised by their content, and reads all of them as training does."""

import glob
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from forcepos.commands.inspect.columns import Column, plain
from forcepos.commands.inspect.guesses import Guesses
from forcepos.config.schema import TableConfig
from forcepos.data.loading import read_table
from forcepos.data.readers.files import FORMATS, find_columns, find_files, matching_files
from forcepos.data.readers.lines import SPACE
from forcepos.data.readers.opening import JoinedTable, find_sources, open_any
from forcepos.data.readers.table import Table, explained
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.runtime.wording import first_lines, name_some, visible

_SKIPPED = (".md", ".yaml", ".yml", ".json", ".png", ".svg", ".html", ".log", ".py")
_SHORT = 10  # rows: as a recording, a visit must be longer
_NO_CHANNELS = ("row number", "commanded", "position", "seconds")  # beginnings of kinds
_UNSET: dict[str, Any] = {
    "name": "table", "offset_mm": [0.0] * 3, "features": [], "targets": None, "point": None, "rate_hz": None
}  # fmt: skip
_HDF5 = "pd.DataFrame({n: h5py.File(FILE)[n][:] for n in ['Fx', 'x']})  # all: h5py.File(FILE).visit(print)"
_SQL = "pd.read_sql('select * from TABLE', sqlite3.connect(FILE))  # tables: select name from sqlite_master"
# Name, what a file begins with or its ending, what must be imported, and the expression that reads it, if any.
_FORMATS: tuple[tuple[str, tuple[bytes, ...], tuple[str, ...], str, str], ...] = (
    ("a MATLAB 7.3 file, HDF5", (b"MATLAB 7.3",), (), "h5py", _HDF5),
    ("an HDF5 file", (b"\x89HDF\r\n",), (".h5", ".hdf5", ".hdf"), "h5py", _HDF5),
    ("a NetCDF file", (b"CDF",), (".nc",), "xarray", "xarray.open_dataset(FILE).to_dataframe()"),
    ("an Excel workbook", (), (".xlsx", ".xlsm"), "openpyxl", "pd.read_excel(FILE)"),
    ("a LibreOffice workbook", (), (".ods",), "odf", "pd.read_excel(FILE)  # pip install odfpy"),
    ("an old Excel workbook", (b"\xd0\xcf\x11\xe0",), (".xls",), "xlrd", "pd.read_excel(FILE)"),
    ("an archive: unpack it, and inspect the folder", (b"PK", b"7z", b"Rar!", b"\xfd7zXZ"),
        (".zip", ".tar", ".7z", ".xz"), "", ""),
    ("an SQLite database, maybe a ROS 2 bag's", (b"SQLite format",), (".db3", ".db"), "sqlite3", _SQL),
    ("LabVIEW's TDMS", (b"TDSm",), (".tdms",), "nptdms", "nptdms.TdmsFile.read(FILE).as_dataframe()"),
    ("a pickle, a program that only its author runs", tuple(b"\x80%c" % n for n in range(2, 6)),
        (".pkl", ".pickle"), "pickle", "pd.read_pickle(FILE)  # runs it"),
    ("JSON", (b"[", b"{\n", b"{\r", b"{ "), (".json",), "json", "pd.json_normalize(json.load(open(FILE)))"),
    ("JSON, an object a line", (b'{"',), (".jsonl", ".ndjson"), "json", "pd.read_json(FILE, lines=True)"),
    ("YAML", (b"%YAML",), (".yaml", ".yml"), "yaml", "pd.json_normalize(yaml.safe_load(open(FILE)))"),
    ("XML", (b"<?xml",), (".xml",), "lxml", "pd.read_xml(FILE)"),
    ("a picture, no table", (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF-"), (".png", ".jpg", ".pdf"), "", ""),
)  # fmt: skip


@dataclass
class Survey:
    """Everything that inspect finds in the tables."""

    sources: Sequence[Table]
    skipped: dict[Path, str]  # for each file of a folder that is no table, why it is none
    columns: dict[str, Column]  # all of them, by the names that training finds them by
    guesses: Guesses
    settings: dict[str, Any]  # the keys under `data` with which training reads the tables
    recordings: Recordings  # all rows, with every channel as a signal

    @property
    def points(self) -> int:
        """How many points were touched; 0 where neither a column nor positions tell."""
        roles = self.guesses.roles
        return int(self.recordings.point.max()) + 1 if roles["point"] or roles["positions"] else 0


def survey_of(hints: Namespace) -> Survey:
    """Read all tables; `hints` are the files and columns that the user names, refused with an InputError."""
    joined, skipped = _join(hints), dict[Path, str]()
    config = TableConfig(**_UNSET | {"time": hints.time} | joined)
    sources = [source.open(config) for source in find_sources(config)] if joined else []
    for name in () if joined else hints.files:
        found = matching_files(name, lambda path: path.is_file() and path.suffix.lower() not in _SKIPPED)
        if not found and not Path(name).is_dir():
            raise InputError(f"{name} is not a file, a folder or a pattern that matches a file")
        for path in found:
            try:
                sources.append(_open(path, sources))
            except InputError as error:
                if not Path(name).is_dir():
                    raise
                skipped[path] = str(error)
    if not sources:
        why = [f"{', '.join(hints.files)}: no tables found", *first_lines([*skipped.values()], 10)]
        raise InputError("\n  ".join(why))
    columns = _read_columns(sources)
    guesses = Guesses(columns, hints)
    keys = _format_keys(sources[0]) | joined
    settings = {"path": _path_of(sources, hints.files, keys)} | keys | guesses.keys()
    return Survey(sources, skipped, columns, guesses, settings, _read(settings, guesses, columns))


def _join(hints: Namespace) -> dict[str, Any]:
    """Return the keys under `data` that put files of a trial side by side; none if none are."""
    given = getattr(hints, "join", ())
    files = dict(one.partition("=")[::2] for one in given)
    if given and (len(hints.files) != 1 or not all(map(all, files.items())) or len(files) < len(given)):
        usage = "--join takes NAME=FILE for each file of a trial, in one folder"
        raise InputError(f"{usage}: trials/ --join a=a.csv b=b.csv")
    by = {} if hints.time else {"join_by": "row"}
    return {"path": hints.files[0], "join": files} | by if given else {}


def _open(path: Path, others: Sequence[Table]) -> Table:
    with explained(path, "table"):
        foreign = foreign_format(path)
    try:
        table = open_any(path)
    except InputError as error:
        raise InputError(foreign or str(error)) from error
    if foreign and table.kind == "text":  # such as JSON, whose lines have commas
        raise InputError(foreign)
    find_columns(table, [("", name) for name in table.columns])
    if others and table.columns != others[0].columns:
        here, there = {*table.columns}, {*others[0].columns}
        names = {"adds": sorted(here - there), "lacks": sorted(there - here)}
        what = " and ".join(f"it {verb} {name_some(those, 5)}" for verb, those in names.items() if those)
        raise InputError(f"{path} has different columns from {others[0].path}: {what or 'their order differs'}")
    return table


def _read_columns(sources: Sequence[Table]) -> dict[str, Column]:
    named = sources[0].columns
    names = [name if name.strip() or str(place) in named else str(place) for place, name in enumerate(named)]
    chunks: list[list[pa.Array]] = [[] for _ in names]
    for source in sources:
        with explained(source.title, source.kind):
            for chunk in source.chunks(strict=False):
                for place, column in enumerate(chunks):
                    column.append(plain(chunk[place]))
                stop_if_asked()
    if not sum(map(len, chunks[0])):
        raise InputError(f"{name_some([str(source.path) for source in sources], 3)}: no rows")
    with explained(sources[0].title, sources[0].kind):
        columns = {name: Column(name, chunks.pop(0)) for name in names}  # frees the memory of each
    pa.default_memory_pool().release_unused()
    return columns


def _read(settings: dict[str, Any], guesses: Guesses, columns: dict[str, Column]) -> Recordings:
    """Read all rows as training does, with every channel; change the settings where they do not suit the rows."""
    roles, left = (
        guesses.roles,
        [one for one in columns.values() if one.readable and one.name not in guesses.taken],
    )
    names = [one.name for one in left if not one.kind.startswith(_NO_CHANNELS)]
    keys = {"features": names, "keep": [] if names or roles["positions"] else [*columns][:1]}
    config = TableConfig(**_UNSET | settings | keys | {"missing": "refuse", "label": None})
    try:
        recordings = read_table(config, strict=False)
    except InputError:  # training will say so; here, without what divides the rows
        divides = {"time", "nanoseconds", "recording", "point", "session", "gap_s", "visits"}
        given = {key: value for key, value in vars(config).items() if key not in divides}
        recordings = read_table(TableConfig(**given, point=None), strict=False)
    if config.visits and np.diff(recordings.bounds).min() < _SHORT:  # rows of several points in turn
        settings["recording"] = roles["recording"] = roles["recording"] or roles["point"]
        del settings["visits"]
        recordings = read_table(replace(config, visits=False, recording=roles["recording"]), strict=False)
    if config.gap_s and recordings.times and len(recordings.times.names) == len(recordings.names):
        del settings["gap_s"]
    return replace(recordings, channels=tuple(names))  # numbers as such


def _format_keys(source: Table) -> dict[str, Any]:
    """Return what the ending of the file does not imply."""
    layout, implied = source.layout, FORMATS.get(source.path.suffix.lower())
    csv = layout is not None and layout.separator != SPACE
    kind = "csv" if csv else source.kind.lower()
    keys: dict[str, Any] = {"format": kind} if kind not in {implied, JoinedTable.kind} else {}
    if layout:
        keys |= {"separator": layout.separator.decode()} if csv else {}
        keys |= {"decimal": ","} if layout.decimal == "," else {}
        keys |= {"header": bool(layout.names)} if not layout.marked else {}
    return keys


def _path_of(sources: Sequence[Table], names: Sequence[str], keys: dict[str, Any]) -> str:
    """Return the file, or a pattern or folder with all files and no others, the user's own if it is one."""
    files = sorted(source.path for source in sources)
    if len(files) == 1 or sources[0].kind == JoinedTable.kind:
        return str(files[0])
    texts = [glob.escape(str(path)) for path in files]
    start, end = commonprefix(texts), commonprefix([one[::-1] for one in texts])[::-1]  # noqa: RUF071
    here = glob.escape(files[0].parent.as_posix())
    patterns = [*(name for name in names if "*" in name), f"{here}/*{files[0].suffix}", f"{start}*{end}"]
    for pattern in [*patterns, *(name for name in names if Path(name).is_dir())]:
        with suppress(InputError):
            if sorted(find_files(TableConfig(**_UNSET | {"path": pattern} | keys))) == files:
                return pattern
    each = [f"{Path(name).stem}={name}" for name in sorted({path.name for path in files})]
    join = f"--join {name_some(each, 3).replace(', ', ' ')} puts them side by side"
    what = f"no one pattern finds these {len(files)} tables without other files: if several are parts of one trial"
    raise InputError(f"{what}, {join}; else give them a folder of their own")


def foreign_format(path: Path) -> str | None:
    """Say what a file is, and lines that convert it to Parquet; None if it is of no known other format."""
    with path.open("rb") as file:
        head = file.read(16)
    for what, first, endings, needs, table in _FORMATS:
        if path.suffix.lower() in endings or head.startswith(first):
            lines = [f"import {needs}, pandas as pd", f"table = {table.replace('FILE', repr(str(path)))}"]
            convert = ["; these lines convert it:", *lines, "table.to_parquet('table.parquet')"]
            return visible(f"{path} is {what}") + "\n  ".join(map(visible, convert)) * bool(table)
    return None
