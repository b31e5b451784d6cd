"""Say in one line which plug-in failed, in which file of the user's."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forcepos.runtime.errors import InputError, TrialFailure
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import shortened

_LONGEST = 500  # characters of an error's own message


@contextmanager
def plugin_errors(plugin: object, doing: str) -> Iterator[None]:
    """Turn what a plug-in (a class, or an instance of it) raises while `doing` something into one line.

    An error that is already meant for a user passes as it is, and so does a bug in a class of forcepos' own.

    Raises:
        InputError: the plug-in failed; names its class, its file and the error.
    """
    try:
        yield
    except (InputError, TrialFailure):
        raise
    except Exception as error:
        if _class_of(plugin).__module__.startswith("forcepos."):
            raise
        message = shortened(" ".join(str(error).split()), _LONGEST)
        what = ": ".join(filter(None, [type(error).__name__, message]))
        raise InputError(f"{plugin_name(plugin)} failed in {doing}: {what}") from error


def plugin_name(plugin: object) -> str:
    """Return `module.Class (file)` of a plug-in's class or of an instance of it."""
    kind = _class_of(plugin)
    try:
        source = inspect.getsourcefile(kind)
    except TypeError:  # typed into an interpreter
        source = None
    file = f" ({short_path(Path(source))})" if source else ""
    return f"{kind.__module__}.{kind.__qualname__}{file}"


def _class_of(plugin: object) -> type:
    return plugin if isinstance(plugin, type) else type(plugin)
