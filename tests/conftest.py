"""What tests share: composing configs and running the command line as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from mlflow import MlflowClient
from mlflow.entities import Run
from omegaconf import DictConfig

from forcepos.config import Config
from forcepos.paths import conf_dir
from forcepos.validation import register_schemas, to_config

DATA = Path(__file__).parent / "data"
PLATE = DATA / "versuch_p1_40_1.feather"  # nine points in the notebook's format


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The last line of standard output."""
        return dict(json.loads(self.out.splitlines()[-1]))


def compose_config(*overrides: str) -> DictConfig:
    """The config that these overrides compose, before our own checks."""
    register_schemas()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose("config", overrides=list(overrides))


def checked_config(*overrides: str) -> Config:
    """The config that these overrides compose, checked."""
    return to_config(compose_config(*overrides))


def forcepos(arguments: Sequence[str], folder: Path, timeout_s: float = 300, **environment: str) -> Finished:
    """Run `python -m forcepos` in `folder`."""
    ours = ("MLFLOW_", "FORCEPOS_", "TF_CPP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-m", "forcepos", *arguments],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def start(arguments: Sequence[str], folder: Path, **options: Any) -> subprocess.Popen[str]:
    """`python -m forcepos` in `folder`, to be read while it runs; by default both streams are pipes."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, "-m", "forcepos", *arguments], cwd=folder, text=True, **(pipes | options)
    )


def read_until(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process tells, up to the line with these words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"ended without saying {words!r}")


_LEFT_BEHIND = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "FORCEPOS_SWEEP_RUN", "FORCEPOS_SKIP_FINISHED")


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """MLflow writes its store into the environment, where the commands of later tests would find it."""
    yield
    for name in (*_LEFT_BEHIND, *(name for name in os.environ if name.startswith("KERASTUNER_"))):
        os.environ.pop(name, None)


Smoke = Callable[[str], tuple[Finished, Path]]
MODELS = ["ffnn_regression", "ffnn_classification", "cnn_regression", "cnn_classification"]
PLAIN = ["evaluation.also=null", "evaluation.baselines=false", "evaluation.figures=false"]  # no more than scores
QUICK = ["debug=smoke", "tuner=random", "tuner.max_trials=1", "training.final_epochs=1", *PLAIN]


def runs(folder: Path) -> list[Run]:
    """All runs in the folder's database, first started first."""
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("forcepos")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], max_results=1000, order_by=["start_time ASC"])
    return list(found)


def children(everything: list[Run], parent: str) -> list[Run]:
    return [run for run in everything if run.data.tags.get("mlflow.parentRunId") == parent]


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
