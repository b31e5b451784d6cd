"""Opens a file as the table that it is: as the config says, or by its content."""

from collections.abc import Callable
from pathlib import Path

from forcepos.config.schema import TableConfig
from forcepos.data.readers.arrays import LoadedTable, load_matlab, load_numpy
from forcepos.data.readers.binary import FeatherTable, ParquetTable
from forcepos.data.readers.files import ENDINGS, format_of
from forcepos.data.readers.layout import Written
from forcepos.data.readers.reader import PluginTable, Reader
from forcepos.data.readers.ros import RosTable
from forcepos.data.readers.table import Table, explained
from forcepos.data.readers.text import TextTable
from forcepos.runtime.errors import InputError

_MAGIC = {
    b"ARROW1": "feather", b"FEA1": "feather", b"PAR1": "parquet", b"\x93NUMPY": "numpy", b"PK\x03\x04": "numpy",
    b"MATLAB 5": "matlab", b"MATLAB 7": "matlab", b"#ROSBAG": "ros", b"\x89MCAP": "ros", b"SQLite f": "ros",
}  # fmt: skip
_BINARY: dict[str, Callable[[Path], Table]] = {
    "feather": FeatherTable,
    "parquet": ParquetTable,
    "numpy": lambda path: LoadedTable(path, "NumPy", load_numpy),
    "matlab": lambda path: LoadedTable(path, "MATLAB", load_matlab),
    "ros": RosTable,
}


def open_table(path: Path, config: TableConfig) -> Table:
    """Open a file in the format that `data.format` or its ending names.

    Raises:
        InputError: it is not of this format, or nothing names one.
    """
    if isinstance(config, Reader):
        return PluginTable(path, config)
    by_name = "ros" if path.is_dir() else format_of(path)
    kind = by_name if config.format == "auto" else config.format
    if kind is None:
        raise InputError(f"{path} ends with none of {ENDINGS}: set data.format")
    if kind in {"csv", "text"}:
        return TextTable(path, Written(kind, config.separator, config.decimal, config.header))
    return _BINARY[kind](path)


def open_any(path: Path) -> Table:
    """Open a file in the format that its content shows, text if it shows none.

    Raises:
        InputError: it is empty or damaged.
    """
    if path.is_dir():
        return RosTable(path)
    with explained(path, "table"), path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise InputError(f"{path} is empty")
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    return _BINARY[kind](path) if kind else TextTable(path, None)
