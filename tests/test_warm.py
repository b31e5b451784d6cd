"""Commands in processes that begin warm see what they would see in any other."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from forcepos.config.schema import TrackingConfig
from forcepos.tracking.store import open_store
from tests.warm import python


def schema(database: Path) -> dict[str, list[str]]:
    """The words that define each table and index, sorted: migrations write constraints in any order."""
    with closing(sqlite3.connect(database)) as opened:
        found = opened.execute("select name, sql from sqlite_master").fetchall()
    return {name: sorted(re.findall(r"\w+", sql or "")) for name, sql in found}


def test_libraries_are_loaded_before_a_program_begins(tmp_path: Path) -> None:
    begun = python("import sys; print({'tensorflow', 'mlflow', 'mujoco', 'hydra'} <= {*sys.modules})", tmp_path)
    assert begun.out == "True\n", begun.err


def test_migrations_are_not_shown_and_a_copied_database_has_the_tables_that_they_make(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    open_store(TrackingConfig("mlflow", f"sqlite:///{tmp_path}/mlruns/mlflow.db", "forcepos", None, "runs"))
    told = caplog.text + capfd.readouterr().err
    assert [word for word in ("alembic", "INFO") if word in told] == []
    make = """
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
for name in ("first", "second"):
    SqlAlchemyStore(f"sqlite:///{name}.db", "artifacts")
"""
    done = python(make, tmp_path)
    assert done.code == 0, done.err
    migrated = schema(tmp_path / "mlruns" / "mlflow.db")
    assert schema(tmp_path / "first.db") == schema(tmp_path / "second.db") == migrated
    assert "alembic_version" in migrated
