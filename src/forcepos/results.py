"""What a run leaves behind: files in its folder, the same in MLflow, one line of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from forcepos.config import Config
from forcepos.evaluation.evaluate import Evaluation
from forcepos.evaluation.figures import learning_curves, true_against_predicted
from forcepos.files import write_json
from forcepos.models.prediction import batches
from forcepos.models.preparation import TrainingData
from forcepos.models.tasks import Task
from forcepos.tracking.run import Run
from forcepos.tuning.search import Found
from forcepos.tuning.trials import Logs


@dataclass(frozen=True)
class Outcome:
    """All that a run has produced."""

    task: Task
    data: TrainingData
    found: Found
    model: keras.Model
    history: list[Logs]
    evaluation: Evaluation


def save(outcome: Outcome, config: Config, folder: Path, run: Run) -> dict[str, Any]:
    """Write model, figures and result.json into `folder`, log the same, and return the result."""
    path = folder / "model.keras"
    outcome.model.save(path)
    uri = run.log_model(outcome.model, _example(outcome.data))
    if config.evaluation.figures:
        _save_figures(outcome, config, folder, run)
    result = {
        "run_id": run.run_id,
        "test": outcome.evaluation.test,
        "baseline": outcome.evaluation.baseline,
        **outcome.evaluation.oracles,
        "best_hyperparameters": outcome.found.best,
        "model_uri": uri or path.as_uri(),
        "outputs": str(folder),
    }
    write_result(result, folder)
    run.log_scores(
        {"test": outcome.evaluation.test, "baseline": outcome.evaluation.baseline, **outcome.evaluation.oracles}
    )
    run.log_hyperparameters(outcome.found.best)
    run.log_file(folder / "result.json")
    return result


def write_result(result: dict[str, Any], folder: Path) -> None:
    """Write result.json into `folder`."""
    write_json(folder / "result.json", result)


def _example(data: TrainingData) -> Any:
    """One raw sample, as the model takes it."""
    signals, _ = next(iter(batches(data, data.split.test[:1], 1)))
    return signals.numpy()


def _save_figures(outcome: Outcome, config: Config, folder: Path, run: Run) -> None:
    metric = config.tuner.objective.removeprefix("val_")
    unit = "mm" if metric in ("mae", "rmse") else ""
    evaluation = outcome.evaluation
    figures = {
        "learning_curves": learning_curves(outcome.history, metric, unit),
        "true_against_predicted": true_against_predicted(outcome.task, evaluation.true, evaluation.predicted),
    }
    (folder / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / "figures" / f"{name}.png", dpi=150)
        run.log_figure(name, figure)
