"""Errors that a user can cause, as opposed to bugs; those of the file system and of plug-ins in one line."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import shortened

_CONTINUES = "; then the same command continues"
_SPACE = "free some space"
_WRITABLE = "make it writable, or work in another folder"
_IN_THE_WAY = "it is in the place of a folder: move it away"
_HELP = {
    errno.EACCES: _WRITABLE, errno.EPERM: _WRITABLE, errno.EEXIST: _IN_THE_WAY, errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: "a folder is in the place of a file: move it away",
}  # fmt: skip
# What any library says in its own class of error.
_HELP_FOR_WORDS = {
    **dict.fromkeys([os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full"], _SPACE),
    os.strerror(errno.EFBIG): "raise the limit on the size of files (ulimit -f)",
    **dict.fromkeys([os.strerror(errno.EROFS), "attempt to write a readonly database"], _WRITABLE),
    "unable to open database file": _WRITABLE,
    "database disk image is malformed": "move the database away, and a new one begins",
    "disk I/O error": "check the disk, and the limit on the size of files (ulimit -f)",
}


class InputError(Exception):
    """An invalid config, file or option; the message names it and says how to fix it."""


class TrialFailure(Exception):  # noqa: N818  # one result of a search, not an error of the program
    """A trial that its own hyperparameters make fail; the search continues."""


class ImpossibleNetwork(TrialFailure):  # likewise
    """A network that cannot be built or does not fit into memory."""


def storage_fault(error: BaseException) -> str | None:
    """Describe an error of the file system, with what helps; None for any other error, such as a bug."""
    if isinstance(error, OSError) and error.filename is not None and error.errno in _HELP:
        path = Path(os.fsdecode(error.filename))
        if error.errno == errno.ENOTDIR:
            path = next((parent for parent in path.parents if parent.is_file()), path)
        if error.errno != errno.EEXIST or path.is_file():
            return f"{path}: {error.strerror}; {_HELP[error.errno]}{_CONTINUES}"
    cause: BaseException | None = error
    while cause is not None:
        for words, help_ in _HELP_FOR_WORDS.items():
            if words in str(cause):
                return f"{getattr(cause, 'filename', None) or Path.cwd()}: {words}; {help_}{_CONTINUES}"
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return None


@contextmanager
def plugin_errors(plugin: object, doing: str) -> Iterator[None]:
    """Name the class and file of a plug-in that raises while `doing` something; a bug of ours passes as it is."""
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError | TrialFailure) or plugin.__module__.startswith("forcepos."):
            raise
        what = f"{type(error).__name__}: {shortened(' '.join(str(error).split()), 500)}".removesuffix(": ")
        raise InputError(f"{plugin_name(plugin)} failed in {doing}: {what}") from error


def plugin_name(plugin: object) -> str:
    """Return `module.Class (file)` of a plug-in's class or of an instance of it."""
    kind = plugin if isinstance(plugin, type) else type(plugin)
    source = getattr(sys.modules.get(kind.__module__), "__file__", None)  # none if typed into an interpreter
    return f"{kind.__module__}.{kind.__qualname__}" + (f" ({short_path(Path(source))})" if source else "")
