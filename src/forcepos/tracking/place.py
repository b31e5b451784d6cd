"""Where the tracking store lies: URIs that can work, a database that was moved. Loads no MLflow, which is slow."""

import logging
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)
_SQLITE = "sqlite:///"
_DATABASE_NEEDED = f"MLflow needs a database, as in tracking.uri={_SQLITE}mlruns/mlflow.db"
# MLflow would take the one for a query, decode the other, and end the path at the third.
_CANNOT_BE_IN_A_PATH = re.compile(r"\?|%[0-9A-Fa-f]{2}|#")
# Experiments of ours lie beside their database; a place that a user chose has neither this tag nor this name.
_OURS = """
    SELECT DISTINCT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id)
    WHERE key = 'mlflow.experimentKind' AND value = 'custom_model_development'
    AND artifact_location LIKE 'file:///%/artifacts' AND artifact_location != ?
"""
_RUNS = "SELECT run_uuid FROM runs WHERE instr(artifact_uri, ? || '/') = 1"
# Where MLflow records the places of artifacts.
_LOCATIONS = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
    ("model_versions", "source"), ("model_versions", "storage_location"),
)  # fmt: skip


def resolve(uri: str) -> tuple[str, Path | None]:
    """Make the URI absolute; return it, and the path of the database if it is a local one."""
    if not uri.startswith(_SQLITE):
        return uri, None
    path, mark, query = uri.removeprefix(_SQLITE).partition("?")
    return f"{_SQLITE}{Path(path).absolute()}{mark}{query}", Path(path).absolute()


def check_uri(uri: str) -> None:
    """Raise InputError where MLflow cannot use a store of this kind or in this place, without contacting it."""
    problem, (_, database), scheme = "", resolve(uri), uri.partition(":")[0]
    of_files = scheme in ("file", uri) and "MLFLOW_ALLOW_FILE_STORE" not in os.environ
    if database and (found := _CANNOT_BE_IN_A_PATH.search(str(database)) or re.search(r"\?(?!.*=)", uri)):
        problem = f"MLflow cannot work with {found[0]} in a path: rename the folder or choose another ({database})"
    elif database:
        problem = _DATABASE_NEEDED if database.is_dir() or database.name == ":memory:" else ""
    elif scheme == "sqlite" or (of_files and not uri.startswith(("databricks", "uc"))):
        problem = _DATABASE_NEEDED
    else:
        try:
            urlsplit(uri).port  # noqa: B018  # reading it checks it
        except ValueError as error:
            problem = str(error)
    if problem:
        raise InputError(f"tracking.uri={uri} cannot be used: {problem}")


def follow_move(database: Path) -> None:
    """Point a database to the artifacts beside it, if it was moved or copied with them; OSError if that fails.

    MLflow records absolute places. Only those under the old one of our own experiments change, all at once.
    """
    artifacts = database.parent / "artifacts"
    new = artifacts.as_uri()
    try:
        with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
            for (old,) in connection.execute(_OURS, (new,)).fetchall():
                before = Path(url2pathname(urlsplit(old).path))
                here = any((artifacts / run).is_dir() for (run,) in connection.execute(_RUNS, (old,)))
                if before.is_dir() and (not here or before.samefile(artifacts)):
                    continue
                for table, column in _LOCATIONS:
                    update = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608  # names of our own
                    connection.execute(f"{update} WHERE instr({column} || '/', ? || '/') = 1", (old, new, old))
                log.info("%s was moved or copied from %s: its runs point to this place now", database, old)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
