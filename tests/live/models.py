"""Small trained models, saved with what they know of themselves, as a run leaves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forcepos import compose, load_recordings
from forcepos.models.facts import Familiarity, facts_of, write_facts
from forcepos.models.final import train_final
from forcepos.models.problem import Problem
from forcepos.models.training.trainer import NetworkTrainer
from tests.models.test_networks import CNN, FFNN

QUICK = ("debug=smoke", "training.final_epochs=1", "training.xla=never")


def save_model(folder: Path, *overrides: str, model: str = "cnn_regression", **chosen: Any) -> Path:
    """Train a network for an epoch with these hyperparameters, and save it as a run does; return its file."""
    config = compose(*QUICK, f"model={model}", *overrides)
    problem = Problem.of(config, load_recordings(config))
    best = (CNN if model.startswith("cnn") else FFNN) | {"batch_size": 32, "scaling": "whiten"} | chosen
    trained = train_final(NetworkTrainer(problem, folder), {"statistics_s": 0.0} | best, lambda *_: None)
    samples, split = problem.samples, problem.split
    facts = facts_of(
        problem, trained.model, trained.calibration, Familiarity.of(samples, split.train, split.validation)
    )
    folder.mkdir(parents=True, exist_ok=True)
    trained.model.save(folder / "model.keras")
    write_facts(folder / "model.keras", facts)
    return folder / "model.keras"
