"""The bytes of a text: decompressed, as UTF-8, and without the NULs that a logger leaves when it loses power."""

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from forcepos.data.readers.lines import LONGEST
from forcepos.runtime.errors import InputError

_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}  # by the first bytes
_BINARY = (b"ARROW1", b"FEA1", b"PAR1")  # files that are opened by their ends
_BLOCK = 1 << 20  # bytes
_START = 4096  # bytes that show the encoding


class Content:
    """A text file's bytes, streamed: a compressed file is never whole in memory.

    Attributes:
        head, tail: its first and last bytes, of some lines at least.
        size: its length in bytes, without `nuls` NULs at its end.
        recoded: its bytes are not those of the file.

    Raises:
        InputError: a Feather or Parquet file is inside a compressed one.
    """

    def __init__(self, path: Path, content: bytes | None) -> None:
        self._raw: Callable[[], BinaryIO] = lambda: path.open("rb") if content is None else io.BytesIO(content)
        with self._raw() as file:
            start = file.read(_START)
        self._compression = next((kind for magic, kind in _COMPRESSED.items() if start.startswith(magic)), None)
        with self._open() as file:
            start = file.read(_START)
        if self._compression and start.startswith(_BINARY):
            raise InputError(f"is a Feather or Parquet file inside a {self._compression} one: decompress it first")
        self._encoding = _encoding(start)
        self.recoded = bool(self._compression or self._encoding)
        whole, self.size = self._ends_of_stream() if self.recoded else self._ends_of_file()
        self.nuls, self.size = whole - self.size, self.size

    def blocks(self, first: int = 0, end: int | None = None, size: int = _BLOCK) -> Iterator[bytes]:
        """Yield the bytes from `first` to `end`, about `size` at once."""
        end = self.size if end is None else end
        with self._open() as file:
            at = 0 if self.recoded else file.seek(first)
            decode = codecs.getincrementaldecoder(self._encoding)("replace").decode if self._encoding else None
            while at < end and (block := file.read(size)):
                plain = decode(block).encode() if decode else block
                if part := plain[max(0, first - at) : end - at]:
                    yield part
                at += len(plain)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with self._raw() as file:
            if not self._compression:
                yield file
                return
            with pa.CompressedInputStream(pa.PythonFile(file, "r"), self._compression) as stream:
                yield stream

    def _ends_of_file(self) -> tuple[int, int]:
        """Read both ends; return the length with and without NULs at the end."""
        with self._open() as file:
            self.head = file.read(2 * LONGEST)
            whole = end = file.seek(0, io.SEEK_END)
            self.tail = b""
            while end and not self.tail:
                begin = file.seek(max(0, end - LONGEST))
                self.tail = file.read(end - begin).rstrip(b"\0")
                end = begin + len(self.tail)
        return whole, end

    def _ends_of_stream(self) -> tuple[int, int]:
        self.head = self.tail = b""
        whole = end = 0
        for block in self.blocks(0, 1 << 62):
            self.head += block[: 2 * LONGEST - len(self.head)]
            whole += len(block)
            if block.strip(b"\0"):
                self.tail, end = (self.tail + block)[-LONGEST:], whole
        known = len(self.tail)
        self.tail = self.tail.rstrip(b"\0")
        return whole, end - known + len(self.tail)


def _encoding(start: bytes) -> str | None:
    """Return the encoding of a text in which characters take two bytes or four."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    halves = start[::2], start[1::2]
    empty = [half.count(0) / max(1, len(half)) for half in halves]
    if min(empty) == 0 and max(empty) > 0.8:  # every other byte, as of Latin letters and digits
        return "utf-16-be" if empty[0] else "utf-16-le"
    return None
