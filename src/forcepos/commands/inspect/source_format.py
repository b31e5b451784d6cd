"""How data=table is told the way a file is written."""

from __future__ import annotations

from collections.abc import Iterator

from forcepos.commands.inspect.sources import Source

_BINARY = {"Feather": ("feather", {".feather"}), "Parquet": ("parquet", {".parquet"})}
_TEXT_ENDINGS, _CSV_ENDINGS = {".txt", ".log", ".dat"}, {".csv", ".tsv"}


def format_lines(source: Source) -> Iterator[str]:
    """The keys that differ from what the ending tells."""
    ending = source.path.suffix.lower()
    if source.kind in _BINARY:
        kind, endings = _BINARY[source.kind]
        if ending not in endings:
            yield f"format: {kind}"
        return
    blanks = source.delimiter == " "
    if ending not in (_TEXT_ENDINGS if blanks else _CSV_ENDINGS):
        yield f"format: {'text' if blanks else 'csv'}"
    if not blanks:
        separator = r'"\t"' if source.delimiter == "\t" else f'"{source.delimiter}"'
        yield f"separator: {separator}"
    if source.mark == ",":
        yield 'decimal: ","'
    yield f"# {source.layout}"
    if not source.marked:
        yield f"header: {'true' if source.header else 'false'}"
