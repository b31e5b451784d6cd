"""New databases of MLflow as copies of one: making its tables takes dozens of migrations, a second of a core."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, create_engine


def copy_tables(made: Path) -> None:
    """Let new SQLite databases of this process be copies of `made`, which the first process that needs it makes.

    What a database is beyond MLflow's tables, its experiments and where it lies, is done as everywhere.
    """
    from mlflow.store.db import utils

    migrate = utils._initialize_tables

    def initialize(engine: Engine) -> None:
        if engine.dialect.name != "sqlite":
            migrate(engine)  # type: ignore[no-untyped-call]
            return
        if not made.exists():
            unfinished = made.with_name(f"{made.name}.{os.getpid()}")
            first = create_engine(f"sqlite:///{unfinished}")
            migrate(first)  # type: ignore[no-untyped-call]
            first.dispose()
            unfinished.replace(made)
        with closing(sqlite3.connect(made)) as source, closing(engine.raw_connection()) as target:
            assert target.driver_connection is not None
            source.backup(target.driver_connection)

    utils._initialize_tables = initialize
