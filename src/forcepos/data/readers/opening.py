"""Opens a file as the table that it is: as the config says, or by its content."""

from pathlib import Path

from forcepos.config.schema import TableConfig
from forcepos.data.readers.binary import FeatherTable, ParquetTable
from forcepos.data.readers.files import ENDINGS, format_of
from forcepos.data.readers.layout import Written
from forcepos.data.readers.reader import PluginTable, Reader
from forcepos.data.readers.table import Table, explained
from forcepos.data.readers.text import TextTable
from forcepos.runtime.errors import InputError


def open_table(path: Path, config: TableConfig) -> Table:
    """Open a file in the format that `data.format` or its ending names.

    Raises:
        InputError: it is not of this format, or nothing names one.
    """
    if isinstance(config, Reader):
        return PluginTable(path, config)
    kind = format_of(path) if config.format == "auto" else config.format
    if kind is None:
        raise InputError(f"{path} ends with none of {ENDINGS}: set data.format")
    if kind in {"csv", "text"}:
        return TextTable(path, Written(kind, config.separator, config.decimal, config.header))
    return _binary(path, kind)


def open_any(path: Path) -> Table:
    """Open a file in the format that its content shows, text if it shows none.

    Raises:
        InputError: it is empty or damaged.
    """
    with explained(path, "table"), path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise InputError(f"{path} is empty")
    if head.startswith((b"ARROW1", b"FEA1")):
        return _binary(path, "feather")
    return _binary(path, "parquet") if head.startswith(b"PAR1") else TextTable(path, None)


def _binary(path: Path, kind: str) -> Table:
    match kind:
        case "feather":
            return FeatherTable(path)
        case "parquet":
            return ParquetTable(path)
        case _:
            raise InputError(f"{path}: data.format={kind} is not read yet")
