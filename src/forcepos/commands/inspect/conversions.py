"""Formats that forcepos does not read: what they are known by, and lines of Python that convert each."""

from pathlib import Path

from forcepos.runtime.wording import visible

_HDF5 = (
    "pd.DataFrame({name: h5py.File(FILE)[name][:] for name in ['Fx', 'x']})  # all: h5py.File(FILE).visit(print)"
)
_SQL = "pd.read_sql('select * from TABLE', sqlite3.connect(FILE))  # tables: select name from sqlite_master"
_JSON = "pd.json_normalize(json.load(open(FILE)))"
# Name, what a file begins with, endings, what must be imported, and the expression that reads it, if any.
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
    ("JSON, an object a line", (b'{"',), (".jsonl", ".ndjson"), "json", "pd.read_json(FILE, lines=True)"),
    ("JSON", (b"[", b"{\n", b"{\r", b"{ "), (".json",), "json", _JSON),
    ("YAML", (b"%YAML",), (".yaml", ".yml"), "yaml", "pd.json_normalize(yaml.safe_load(open(FILE)))"),
    ("XML", (b"<?xml",), (".xml",), "lxml", "pd.read_xml(FILE)"),
    ("a picture, no table", (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF-"), (".png", ".jpg", ".pdf"), "", ""),
)  # fmt: skip


def foreign_format(path: Path) -> str | None:
    """Say what a file is, and lines that convert it to Parquet; None if it is of no known other format."""
    with path.open("rb") as file:
        head = file.read(512)
    inside = head.startswith((b"PK", b'{"'))  # zip and JSON are what many formats are made of
    known = [(path.suffix.lower() in one[2], head.startswith(one[1]), one) for one in _FORMATS]
    known.sort(key=lambda one: one[:2] if inside else one[1::-1], reverse=True)
    by_ending, by_start, (name, _, _, needs, table) = known[0]
    if not (by_ending or by_start):
        return None
    lines = [f"import {needs}, pandas as pd", f"table = {table}", "table.to_parquet('table.parquet')"]
    lines = [visible(line.replace("FILE", repr(str(path)))) for line in lines]
    what = visible(f"{path} is {name}")
    return "\n  ".join([f"{what}; these lines convert it:", *lines]) if table else what
