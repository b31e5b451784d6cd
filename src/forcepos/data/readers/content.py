"""The bytes of a text: decompressed, as UTF-8, and without the NULs that a logger leaves when it loses power."""

import codecs
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from forcepos.data.readers.lines import LONGEST
from forcepos.runtime.errors import InputError

_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}  # by the first bytes
_BINARY = (b"ARROW1", b"FEA1", b"PAR1")  # files that cannot be read from the beginning on
_BLOCK = 1 << 20  # bytes


class Content:
    """A text file's bytes, which are never whole in memory.

    Attributes:
        head, tail: its first and last bytes, of some lines at least.
        size: its length in bytes, without `nuls` NULs at its end.
        ends: how often a line ends, and at least as many lines as there are.
    """

    def __init__(self, path: Path, content: bytes | None) -> None:
        self._source = str(path) if content is None else pa.py_buffer(content)
        self._compression: str | None = None
        self._encoding: str | None = None
        start = next(self.blocks(), b"")
        self._compression = next((kind for magic, kind in _COMPRESSED.items() if start.startswith(magic)), None)
        if self._compression and (start := next(self.blocks(), b"")).startswith(_BINARY):
            raise InputError(f"is a Feather or Parquet file inside a {self._compression} one: decompress it first")
        self._encoding = _encoding(start)
        self.head, self.tail, self.size, self.ends, whole = b"", b"", 0, 1, 0
        for block in self.blocks():
            self.head += block[: 2 * LONGEST - len(self.head)]
            self.ends += block.count(b"\n") + block.count(b"\r")
            whole += len(block)
            if text := block.rstrip(b"\0"):
                self.tail, self.size = (self.tail + text)[-LONGEST:], whole - len(block) + len(text)
        self.nuls = whole - self.size

    def blocks(self, first: int = 0, end: int | None = None, size: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `first` to `end`, about `size` or a mebibyte at once."""
        stream, at = pa.input_stream(self._source, self._compression), 0
        if self._encoding:
            stream = pa.transcoding_input_stream(stream, self._encoding, "utf-8")
        with stream:
            while block := stream.read(max(size, _BLOCK)):
                if part := block[max(0, first - at) : None if end is None else max(0, end - at)]:
                    yield part
                at += len(block)


def _encoding(start: bytes) -> str | None:
    """Return the encoding of a text that is marked, or in which a character takes two bytes."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Every other byte is 0 where letters are Latin.
    zeros = [half.count(0) / max(1, len(half)) for half in (start[:1000:2], start[1:1000:2])]
    return ("utf-16-be" if zeros[0] else "utf-16-le") if min(zeros) == 0 and max(zeros) > 0.8 else None
