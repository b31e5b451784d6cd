"""Files that are complete or absent, whenever the process ends; state files, for later runs, are checked."""

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import visible

if TYPE_CHECKING:  # imports for a third of a second, which writing JSON does not need
    import pandas as pd

log = logging.getLogger(__name__)
VERSION = 1  # of all formats of state files: raise it with a change that this version would misread
Schema = TypeVar("Schema")
_FORMULA = re.compile(r"[=@]|[+-](?![\w., -]*\Z)")  # a number, or a point such as -1,0, is none


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically, as `write_bytes` does."""
    write_bytes(path, (to_json(value, indent=2) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: a process that is killed here leaves the old file, or none."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def to_json(value: Any, indent: int | None = None) -> str:
    """Return `value` as strict JSON, which knows neither NaN nor infinity: both become null."""
    return json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None), indent=indent, allow_nan=False)


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a table whose names may come from anyone, so that no spreadsheet evaluates one as a formula."""
    names = table.select_dtypes(exclude="number").columns
    table.assign(**{name: table[name].map(_as_text) for name in names}).to_csv(path, index=False)


def _as_text(cell: Any) -> Any:
    """Make a text visible, and put an apostrophe before what a spreadsheet would evaluate."""
    text = visible(cell) if isinstance(cell, str) else ""
    return f"'{text}" if _FORMULA.match(text) else text or cell


class Damaged(Exception):  # noqa: N818  # like the file
    """Content that no run has written; the message says what is wrong with it."""


def write_state(path: Path, values: Mapping[str, Any]) -> None:
    """Write a state file, atomically, with the version of its format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**values, "version": VERSION})


def parse(path: Path, text: bytes, schema: type[Schema]) -> Schema:
    """Parse JSON into a type, strictly; raise Damaged, or an InputError if a newer version has written `path`."""
    from pydantic import ValidationError  # noqa: PLC0415  # the first log line need not wait for it

    try:
        version = _parser(dict[str, Any])(text).get("version", 1)  # files carried none at first
        if type(version) is not int or version < 1:
            raise Damaged("version is none")
        if version > VERSION:
            newer = f"{path} was written by a newer version of forcepos"
            raise InputError(f"{newer}: use that one, or move the file away to do without it")
        return cast("Schema", _parser(cast("Any", schema))(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Damaged(f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")) from error


@cache
def _parser(schema: Any) -> Callable[[bytes], Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  # likewise

    return partial(TypeAdapter(schema).validate_json, strict=True)  # made once: it compiles


def read_state(
    path: Path, schema: type[Schema], consequence: str, check: Callable[[Schema], object] = lambda _: None
) -> Schema | None:
    """Read a state file; None if there is none, or if types or `check` find it damaged: it is moved aside then."""
    try:
        if (text := read_bytes(path)) is None:
            return None
        check(state := parse(path, text, schema))
    except Damaged as error:
        move_aside(path, str(error), consequence)
        return None
    return state


def read_bytes(path: Path) -> bytes | None:
    """Read a file; None if there is none, Damaged if it may not be read, or is a folder, or an endless pipe."""
    try:
        if path.is_file():
            return path.read_bytes()
    except PermissionError as error:
        raise Damaged(error.strerror) from error
    if os.path.lexists(path):
        raise Damaged("not a file")
    return None


def move_aside(path: Path, fault: str, consequence: str) -> None:
    """Rename a damaged file to `<name>.damaged`, never over another one, and log it."""
    names = (f"{path.name}.damaged{'' if number == 1 else f'-{number}'}" for number in count(1))
    free = next(path.with_name(name) for name in names if not os.path.lexists(path.with_name(name)))
    try:
        aside = path.rename(free)
    except FileNotFoundError:
        return  # another process was faster
    except OSError as error:
        damaged = f"{path} is damaged ({fault}) and cannot be moved aside ({error.strerror}): remove it"
        raise InputError(damaged) from error
    log.warning("%s is damaged (%s): moved to %s; %s", path, fault, aside.name, consequence)
