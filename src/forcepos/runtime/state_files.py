"""State files: what a run leaves for later ones. Any may have been damaged, or belong to another version."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from forcepos.runtime.errors import InputError
from forcepos.runtime.files import write_json

log = logging.getLogger(__name__)
VERSION = 1  # of all formats: raise it with a change that this version would misread
Schema = TypeVar("Schema")


class Damaged(Exception):  # noqa: N818  # like the file
    """Content that no run has written; the message says what is wrong with it."""


@dataclass(frozen=True)
class _Header:
    version: int = 1  # until files carried a version


def write_state(path: Path, values: Mapping[str, Any]) -> None:
    """Write a state file, atomically, with the version of its format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**values, "version": VERSION})


def parse(path: Path, text: bytes, schema: type[Schema]) -> Schema:
    """Parse JSON into a dataclass, or another type, without converting values from one type to another.

    Raises:
        Damaged: it is no JSON, a field is missing, or a value is of another type.
        InputError: a newer version of forcepos has written `path`, which is left alone.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  # the first log line need not wait for it

    try:
        kind: Any = schema
        version = _parser(TypeAdapter, _Header)(text).version
        if version > VERSION:
            raise InputError(
                f"{path} was written by a newer version of forcepos: use that one, or move the file away to do "
                "without it"
            )
        if version < 1:
            raise Damaged(f"version {version}")
        parsed: Schema = _parser(TypeAdapter, kind)(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Damaged(f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")) from error
    return parsed


@cache
def _parser(adapter: Any, schema: Any) -> Callable[[bytes], Any]:
    return partial(adapter(schema).validate_json, strict=True)  # made once: it compiles


def read_state(
    path: Path, schema: type[Schema], consequence: str, check: Callable[[Schema], object] = lambda _: None
) -> Schema | None:
    """Read a state file; None if there is none, or a damaged one, which is moved aside with a warning.

    Args:
        consequence: of its loss, for the warning.
        check: raises Damaged where the types alone do not tell.

    Raises:
        InputError: it is of a newer version, which is left alone, or it cannot be moved.
    """
    try:
        if (text := read_bytes(path)) is not None:
            state = parse(path, text, schema)
            check(state)
            return state
    except Damaged as error:
        move_aside(path, str(error), consequence)
    return None


def read_bytes(path: Path) -> bytes | None:
    """Read a whole file; None if there is none.

    Raises:
        Damaged: it may not be read, or it is something else, such as a folder or a pipe that would never end.
    """
    try:
        if path.is_file():
            return path.read_bytes()
    except PermissionError as error:
        raise Damaged(error.strerror) from error
    if os.path.lexists(path):
        raise Damaged("not a file")
    return None


def move_aside(path: Path, fault: str, consequence: str) -> None:
    """Rename a damaged file to `<name>.damaged`, never over another one, and log it.

    Raises:
        InputError: it cannot be renamed.
    """
    names = (f"{path.name}.damaged{'' if number == 1 else f'-{number}'}" for number in count(1))
    free = next(path.with_name(name) for name in names if not os.path.lexists(path.with_name(name)))
    try:
        aside = path.rename(free)
    except FileNotFoundError:
        return  # another process was faster
    except OSError as error:
        raise InputError(
            f"{path} is damaged ({fault}) and cannot be moved aside ({error.strerror}): remove it"
        ) from error
    log.warning("%s is damaged (%s): moved to %s; %s", path, fault, aside.name, consequence)
