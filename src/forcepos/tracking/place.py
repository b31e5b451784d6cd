"""Where the tracking store lies: which URIs can work, and a database that was moved or copied with its artifacts.

Imports no MLflow, which takes seconds: a URI that cannot work is refused before anything is written or read.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import sys
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)
_SQLITE = "sqlite:///"
_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql", "databricks", "databricks-uc", "uc")
_FILE_NEEDED = f"a file is needed, as in tracking.uri={_SQLITE}mlruns/mlflow.db"
# MLflow would take the one for a query, decode the other, and end the path at the third.
_CANNOT_BE_IN_A_PATH = re.compile(r"\?|%[0-9A-Fa-f]{2}|#")
# Where MLflow records the places of artifacts.
_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
# Experiments of ours lie beside their database; a place that a user chose has neither this tag nor this name.
_OURS = """
    SELECT DISTINCT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id)
    WHERE key = 'mlflow.experimentKind' AND value = 'custom_model_development'
    AND artifact_location LIKE 'file:///%/artifacts' AND artifact_location != ?
"""


def resolve(uri: str) -> tuple[str, Path | None]:
    """Make the URI absolute; return it, and the path of the database if it is a local one."""
    if not uri.startswith(_SQLITE):
        return uri, None
    path, mark, query = uri.removeprefix(_SQLITE).partition("?")
    database = Path(path).absolute()
    return f"{_SQLITE}{database}{mark}{query}", database


def check_uri(uri: str) -> None:
    """Check whether MLflow can use a store of this kind and place, without contacting it.

    Raises:
        InputError: it cannot; says why.
    """
    try:
        problem = _problem(uri)
    except OSError as error:  # its folder cannot be looked into
        problem = f"{error.filename}: {error.strerror}"
    if problem:
        raise InputError(f"tracking.uri={uri} cannot be used: {problem}")


def _problem(uri: str) -> str | None:
    database = resolve(uri)[1]
    if database:
        return _problem_of_file(uri, database)
    scheme, colon, rest = uri.partition(":")
    kind = scheme.partition("+")[0]
    if scheme == "sqlite":
        return _FILE_NEEDED
    if scheme == "file" or (not colon and scheme not in _SCHEMES):
        path = rest.removeprefix("//") or scheme or "mlruns"
        file = path if path.endswith(".db") else f"{path}/mlflow.db"
        allowed = os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1")
        return None if allowed else f"MLflow needs a database, as in tracking.uri={_SQLITE}{file}"
    if kind not in (*_SCHEMES, *(plugin.name for plugin in entry_points(group="mlflow.tracking_store"))):
        return f"MLflow knows no {scheme}:, but sqlite:///FILE, http://HOST:PORT and others"
    try:
        parts = urlsplit(uri)
        lacking = parts.port == 0 or (kind in ("http", "https") and not parts.hostname)
    except ValueError as error:
        return str(error)
    return "it names no server" if lacking else None


def _problem_of_file(uri: str, database: Path) -> str | None:
    found = _CANNOT_BE_IN_A_PATH.search(str(database))
    query = uri.partition("?")[2]
    if found or (query and "=" not in query):
        name = found[0] if found else "?"
        return f"MLflow cannot work with {name} in a path: rename the folder or choose another ({database})"
    if database.is_dir() or not uri.removeprefix(_SQLITE).partition("?")[0] or database.name == ":memory:":
        return _FILE_NEEDED
    place = next(path for path in (database, *database.parents) if path.exists())
    if place != database and not place.is_dir():
        return f"{place} is no folder"
    if place.is_file():
        with place.open("rb") as file:
            if file.read(15) not in (b"", b"SQLite format 3"):
                return f"{place} is no SQLite database"
    return None if os.access(place, os.W_OK) else f"{place} cannot be written"


def follow_move(database: Path) -> None:
    """Point a database to the artifacts beside it, if it was moved or copied together with them.

    MLflow records absolute places: without this, runs would be sought, and new ones written, in the old one. Only
    places under the old one of our own experiments change, all at once.

    Raises:
        OSError: the database cannot be read or written.
    """
    artifacts = database.parent / "artifacts"
    try:
        with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiment_tags'").fetchone():
                for old in _moved(connection, artifacts):
                    _rewrite(connection, old, artifacts.as_uri())
                    log.info("%s was moved or copied from %s: its runs point to this place now", database, old)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error


def _moved(connection: sqlite3.Connection, artifacts: Path) -> list[str]:
    """Return the places of artifacts that lie in `artifacts` now: those that are gone, or whose runs are here."""
    moved = []
    for (old,) in connection.execute(_OURS, (artifacts.as_uri(),)).fetchall():
        before = Path(url2pathname(urlsplit(old).path))
        runs = connection.execute("SELECT run_uuid FROM runs WHERE artifact_uri LIKE ? || '/%'", (old,))
        here = any((artifacts / run).is_dir() for (run,) in runs)
        if not before.is_dir() or (here and not before.samefile(artifacts)):
            moved.append(old)
    return moved


def _rewrite(connection: sqlite3.Connection, old: str, new: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for table, column in _LOCATIONS:
        known = connection.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column))
        if known.fetchone():  # a database of an earlier MLflow may lack it
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?)"  # noqa: S608  # names of our own
                f" WHERE {column} = ? OR substr({column}, 1, ?) = ? || '/'",
                (new, len(old) + 1, old, len(old) + 1, old),
            )
    connection.execute("COMMIT")


def main() -> None:
    """Prepare the store for MLflow's user interface: `python -m forcepos.tracking.place URI`."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        check_uri(sys.argv[1])
        database = resolve(sys.argv[1])[1]
        if database and database.exists():
            follow_move(database)
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
