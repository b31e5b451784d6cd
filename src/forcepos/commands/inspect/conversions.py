"""Formats that forcepos does not read: what they are known by, and lines of Python that convert each."""

from pathlib import Path
from typing import NamedTuple

from forcepos.runtime.wording import visible


class _Format(NamedTuple):
    name: str
    starts: tuple[bytes, ...]  # what a file begins with
    endings: tuple[str, ...]
    needs: str = ""  # to be imported
    table: str = ""  # the expression that reads it; none where a table cannot be made of it


_HDF5 = (
    "pd.DataFrame({name: h5py.File(FILE)[name][:] for name in ['Fx', 'x']})  # names: h5py.File(FILE).visit(print)"
)
_NUMPY = "pd.DataFrame({name: numpy.load(FILE)[name] for name in ['Fx', 'x']})  # names: numpy.load(FILE).files"
_MATLAB = "pd.DataFrame({name: scipy.io.loadmat(FILE)[name].ravel() for name in ['Fx', 'x']})"
_PICKLE = "pd.read_pickle(FILE)  # runs it"
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_SQL = "pd.read_sql('select * from TABLE', sqlite3.connect(FILE))  # tables: select name from sqlite_master"
_PROTOBUF = "pd.DataFrame([{f.name: v for f, v in row.ListFields()} for row in log_pb2.read(FILE)])  # by protoc"
_FORMATS = (
    _Format("a MATLAB 7.3 file, HDF5", (b"MATLAB 7.3 MAT",), (), "h5py", _HDF5),
    _Format("an HDF5 file", (b"\x89HDF\r\n",), (".h5", ".hdf5", ".hdf"), "h5py", _HDF5),
    _Format("a MATLAB file", (b"MATLAB 5.0 MAT",), (".mat",), "scipy.io", _MATLAB),
    _Format("an Excel workbook", (), (".xlsx", ".xlsm"), "openpyxl", "pd.read_excel(FILE)"),
    _Format("a LibreOffice workbook", (), (".ods",), "odf", "pd.read_excel(FILE)  # pip install odfpy"),
    _Format("an old Excel workbook", (b"\xd0\xcf\x11\xe0",), (".xls",), "xlrd", "pd.read_excel(FILE)"),
    _Format("arrays of NumPy", (b"\x93NUMPY",), (".npz", ".npy"), "numpy", _NUMPY),
    _Format("an archive: unpack it, and inspect the folder", (b"PK", b"7z\xbc", b"Rar!"), (".zip", ".tar", ".7z")),
    _Format("a compressed file: unpack it with bunzip2 or unxz", (b"BZh", b"\xfd7zXZ"), (".bz2", ".xz")),
    _Format("a ROS bag: pip install 'forcepos[ros]'", (b"#ROSBAG", b"\x89MCAP0"), (".bag", ".mcap")),
    _Format("an SQLite database, maybe a ROS 2 bag's", (b"SQLite format",), (".db3", ".db"), "sqlite3", _SQL),
    _Format("LabVIEW's TDMS", (b"TDSm",), (".tdms",), "nptdms", "nptdms.TdmsFile.read(FILE).as_dataframe()"),
    _Format("a pickle, a program that only its author runs", _PICKLES, (".pkl", ".pickle"), "pickle", _PICKLE),
    _Format("a table of ORC", (b"ORC",), (".orc",), "pyarrow", "pd.read_orc(FILE)"),
    _Format("a table of Stata", (b"<stata_dta>",), (".dta",), "pandas", "pd.read_stata(FILE)"),
    _Format("a table of SPSS", (b"$FL2",), (".sav",), "pyreadstat", "pd.read_spss(FILE)"),
    _Format("an Avro file", (b"Obj",), (".avro",), "fastavro", "pd.DataFrame(fastavro.reader(open(FILE, 'rb')))"),
    _Format("a NetCDF file", (b"CDF",), (".nc",), "xarray", "xarray.open_dataset(FILE).to_dataframe()"),
    _Format("JSON, an object a line", (b'{"',), (".jsonl", ".ndjson"), "json", "pd.read_json(FILE, lines=True)"),
    _Format("JSON", (b"[", b"{\n", b"{\r", b"{ "), (".json",), "json", "pd.json_normalize(json.load(open(FILE)))"),
    _Format("YAML", (b"%YAML",), (".yaml", ".yml"), "yaml", "pd.json_normalize(yaml.safe_load(open(FILE)))"),
    _Format("XML", (b"<?xml",), (".xml",), "lxml", "pd.read_xml(FILE)"),
    _Format("protobuf's messages", (), (".pb",), "log_pb2", _PROTOBUF),
    _Format("a picture, no table", (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF-"), (".png", ".jpg", ".pdf")),
)  # fmt: skip


def foreign_format(path: Path) -> str | None:
    """Say what a file is, and lines that convert it to Parquet; None if it is of no known other format."""
    with path.open("rb") as file:
        head = file.read(512)
    by_start = [one for one in _FORMATS if head.startswith(one.starts)]
    by_ending = [one for one in _FORMATS if path.suffix.lower() in one.endings]
    inside = head.startswith((b"PK", b'{"'))  # zip and JSON are what many formats are made of
    found = [*by_ending, *by_start] if inside else [*by_start, *by_ending]
    if not found:
        return None
    name, *_, needs, table = found[0]
    lines = [f"import {needs}, pandas as pd", f"table = {table}", "table.to_parquet('table.parquet')"]
    lines = [line.replace("FILE", repr(str(path))) for line in lines]
    return "\n  ".join(
        map(visible, [f"{path} is {name}; these lines convert it:", *lines] if table else [f"{path} is {name}"])
    )
