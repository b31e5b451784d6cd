"""What tests share: composing configs, finished runs, and what MLflow holds of them."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from omegaconf import DictConfig

from forcepos import compose
from forcepos.config.checks import compose_unchecked
from forcepos.config.schema import Config
from tests.running import Finished
from tests.warm import forcepos

DATA = Path(__file__).parent / "data"
PLATE = DATA / "versuch_p1_40_1.feather"  # nine points in the notebook's format


def compose_config(*overrides: str) -> DictConfig:
    """The config that these overrides compose, before our own checks."""
    return compose_unchecked(overrides)


def checked_config(*overrides: str) -> Config:
    """The config that these overrides compose, checked; composed once in a process, which takes a while."""
    mlflows = tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith("MLFLOW_")))
    return copy.deepcopy(_composed(overrides, mlflows))


@cache
def _composed(overrides: tuple[str, ...], _: tuple[tuple[str, str], ...]) -> Config:
    return compose(*overrides)


_LEFT_BEHIND = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_ID",
    "FORCEPOS_SWEEP_RUN",
    "FORCEPOS_SWEEP_KEYS",
    "FORCEPOS_SKIP_FINISHED",
)


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """MLflow writes its store into the environment, where the commands of later tests would find it.

    Commands that run in this process set the level of log lines.
    """
    yield
    logging.getLogger().setLevel(logging.WARNING)
    for name in (*_LEFT_BEHIND, *(name for name in os.environ if name.startswith("KERASTUNER_"))):
        os.environ.pop(name, None)


Smoke = Callable[[str], tuple[Finished, Path]]
MODELS = ["ffnn_regression", "ffnn_classification", "cnn_regression", "cnn_classification"]


def runs(folder: Path) -> list[Run]:
    """All runs in the folder's database, first started first."""
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("forcepos")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], max_results=1000, order_by=["start_time ASC"])
    return list(found)


def children(everything: list[Run], parent: str) -> list[Run]:
    return [run for run in everything if run.data.tags.get("mlflow.parentRunId") == parent]


def datasets_of(run: Run) -> dict[str, Any]:
    """The data sets of a run, by their contexts."""
    return {one.tags[0].value: one.dataset for one in (run.inputs.dataset_inputs if run.inputs else ())}


def trial_numbers(everything: list[Run], parent: str) -> list[str]:
    """The names of a run's trials in order, without the run's own name: trial 1, trial 2, …"""
    name = next(run.info.run_name for run in everything if run.info.run_id == parent)
    return sorted((run.info.run_name or "").removesuffix(f" of {name}") for run in children(everything, parent))


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """A finished smoke run of each model with random search, done once in a session."""
    done: dict[str, tuple[Finished, Path]] = {}

    def run(model: str) -> tuple[Finished, Path]:
        if model not in done:
            folder = tmp_path_factory.mktemp(model)
            done[model] = forcepos(["debug=smoke", f"model={model}", "tuner=random"], folder), folder
        return done[model]

    return run


def a_result(outputs: Path | str) -> dict[str, Any]:
    """Make the result of a finished run, as far as later runs use it."""
    return {
        "run_id": None, "test": {"r2": 0.5}, "baseline": {"r2": 0.0}, "objective": 1.5, "best_hyperparameters": {},
        "model_uri": None, "tracking": "complete", "outputs": str(outputs),
    }  # fmt: skip
