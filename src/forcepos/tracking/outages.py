"""Outages: errors that mean that a tracking store is unreachable for now, and their reasons in one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from forcepos.runtime.errors import InputError, storage_fault

# Whatever happened, MLflow's client raises the same exception. These are answers of a reachable store;
# BAD_REQUEST is not among them, since a server gives it when its database breaks in the middle of something.
_MISTAKES = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS")
# Messages of the libraries below MLflow's client, and what to make of them.
_WORDS = (
    (re.compile(r"(?:too many|error code) (\d{3})\b"), "it answers with HTTP {}"),
    (re.compile(r"\[Errno -?\d+\] ([^\"'()\n]+)"), "{}"),
    (re.compile(r"\(sqlite3\.\w+\) ([^\n]+)"), "{}"),
    (re.compile(r"(time)(?:d out|out exception)"), "no answer in time"),
)
ERRORS = (MlflowException, OSError, SQLAlchemyError, InputError)  # among them the outages


def is_outage(error: Exception) -> bool:
    """Return whether the same call may succeed later, as opposed to one that is a mistake."""
    if isinstance(error, InputError) and isinstance(error.__cause__, Exception):  # as `usable` raises it
        return is_outage(error.__cause__)
    if isinstance(error, MlflowException):
        return error.error_code not in _MISTAKES
    return isinstance(error, OSError | SQLAlchemyError) and not isinstance(error, FileNotFoundError)


@contextmanager
def usable(uri: str) -> Iterator[None]:
    """Raise an InputError for what fails inside, where nothing can continue without the store."""
    try:
        yield
    except (MlflowException, OSError, SQLAlchemyError, ImportError) as error:  # no driver for the database
        raise InputError(f"tracking.uri={uri} cannot be used: {storage_fault(error) or reason(error)}") from error


def reason(error: Exception) -> str:
    """Describe what happened in a few words."""
    if isinstance(error, InputError) and isinstance(error.__cause__, Exception):
        return reason(error.__cause__)
    message = str(error).strip()
    for pattern, words in _WORDS:
        if found := pattern.search(message):
            return words.format(found[1].strip())
    return (message.splitlines() or [type(error).__name__])[0]
