"""Ways to damage a file of JSON: each field once in each way, and the file as a whole."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_VALUES: list[Any] = [None, True, -1, 0, 2.5, 10**30, float("nan"), "abc", [1], {}]
Place = tuple[str | int, ...]


def fields(value: Any, place: Place = ()) -> Iterator[Place]:
    """The place of every field, at every depth; of a list, of its first entry."""
    entries = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*place, key)
        yield from fields(entry, (*place, key))


def damaged_fields(value: Any) -> Iterator[tuple[str, Any]]:
    """The value with each field missing, with each field of another type or impossible, with one more."""
    for place in fields(value):
        for name, change in [("missing", _remove), *((repr(new), _setter(new)) for new in _VALUES)]:
            changed = copy.deepcopy(value)
            parent = changed
            for key in place[:-1]:
                parent = parent[key]
            change(parent, place[-1])
            if changed != value and changed.get("version", 1) != 10**30:  # a newer version's is left alone
                yield f"{'.'.join(map(str, place))}: {name}", changed
    yield "one more", {**value, "one more": 1}


def _remove(parent: Any, key: Any) -> None:
    del parent[key]


def _setter(value: Any) -> Callable[[Any, Any], None]:
    def change(parent: Any, key: Any) -> None:
        parent[key] = value

    return change


def damaged_contents(text: bytes) -> Iterator[tuple[str, bytes]]:
    """What a file may hold instead of this text: less of it, or something else."""
    for length in range(0, len(text) - 1, max(1, len(text) // 12)):
        yield f"the first {length} bytes", text[:length]
    other = [b"null", b"3", b"[]", b"{}", b'"abc"', b"\x00" * 64, b"\xff\xfe\x80 no text", b"[" * 100_000]
    yield from ((repr(content[:12]), content) for content in other)
    yield "invalid UTF-8 inside", text[:20] + b"\xff" + text[20:]
    yield "twice", text + text


def replaced_by(kind: str, path: Path) -> None:
    """Put something that is no file in the place of one."""
    path.unlink()
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link to nowhere":
            path.symlink_to(path.parent / "nowhere")


def as_bytes(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
