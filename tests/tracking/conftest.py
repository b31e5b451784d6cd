"""What tests of tracking share."""

from __future__ import annotations

from pathlib import Path

import pytest

from forcepos.config.schema import TrackingConfig
from forcepos.tracking.store import open_store


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store to copy: making its database takes seconds."""
    folder = tmp_path_factory.mktemp("empty")
    open_store(TrackingConfig("mlflow", f"sqlite:///{folder}/mlruns/mlflow.db", "forcepos", None, "runs"))
    return folder
