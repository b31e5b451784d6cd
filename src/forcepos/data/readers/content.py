"""The bytes of a text: decompressed, as UTF-8, and without the NULs that a logger leaves when it loses power."""

import codecs
import io
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

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
        self._path, self._content = path, content
        self._compression: str | None = None
        self._encoding: str | None = None
        start = next(self._stream(_BLOCK), b"")
        self._compression = next((kind for magic, kind in _COMPRESSED.items() if start.startswith(magic)), None)
        start = next(self._stream(_BLOCK), b"")
        if self._compression and start.startswith(_BINARY):
            raise InputError(f"is a Feather or Parquet file inside a {self._compression} one: decompress it first")
        self._encoding = _encoding(start)
        self.head, whole, self.size, self.ends, last = b"", 0, 0, 1, [b""]
        for block in self._stream(_BLOCK):
            self.head += block[: 2 * LONGEST - len(self.head)]
            self.ends += block.count(b"\n") + block.count(b"\r")
            whole += len(block)
            if text := block.rstrip(b"\0"):
                last, self.size = [last[-1], text], whole - len(block) + len(text)
        self.tail, self.nuls = b"".join(last)[-LONGEST:], whole - self.size

    def blocks(self, first: int, end: int, size: int) -> Iterator[bytes]:
        """Yield the bytes from `first` to `end`, about `size` or a mebibyte at once."""
        at = 0
        for block in self._stream(max(size, _BLOCK)):
            if part := block[max(0, first - at) : max(0, end - at)]:
                yield part
            at += len(block)

    def _stream(self, size: int) -> Iterator[bytes]:
        decode = codecs.getincrementaldecoder(self._encoding)("replace").decode if self._encoding else None
        raw: Any = self._path.open("rb") if self._content is None else io.BytesIO(self._content)
        with raw, self._decompressed(raw) as file:
            while block := file.read(size):
                yield decode(block).encode() if decode else block

    def _decompressed(self, raw: Any) -> Any:
        if self._compression:
            return pa.CompressedInputStream(pa.PythonFile(raw, "r"), self._compression)
        return nullcontext(raw)


def _encoding(start: bytes) -> str | None:
    """Return the encoding of a text in which a character takes two bytes."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Every other byte is 0 where letters are Latin.
    zeros = [half.count(0) / max(1, len(half)) for half in (start[:1000:2], start[1:1000:2])]
    return ("utf-16-be" if zeros[0] else "utf-16-le") if min(zeros) == 0 and max(zeros) > 0.8 else None
