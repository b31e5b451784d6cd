"""Every point is tested once, by a run of its own, under one parent."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from forcepos import runs as found_runs
from tests.conftest import children, runs
from tests.running import QUICK
from tests.warm import forcepos

FOLDS = [*QUICK, "model=ffnn_regression", "split=cross_validation", "split.folds=3"]


@pytest.mark.system
def test_each_fold_is_a_run_with_its_own_search_and_the_parent_holds_mean_and_spread(tmp_path: Path) -> None:
    finished = forcepos(FOLDS, tmp_path)
    assert finished.code == 0, finished.err
    result = finished.result
    assert json.loads(Path(result["outputs"], "result.json").read_text()) == result
    errors = [fold["test"]["euclidean_mean_mm"] for fold in result["folds"]]
    assert len(set(errors)) == 3
    assert result["test"]["euclidean_mean_mm"] == pytest.approx(np.mean(errors))
    assert result["spread"]["euclidean_mean_mm"] == pytest.approx(np.std(errors, ddof=1))
    everything = runs(tmp_path)
    parent = next(run for run in everything if run.info.run_id == result["run_id"])
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["test/euclidean_mean_mm"] == pytest.approx(np.mean(errors))
    assert parent.data.metrics["test_spread/euclidean_mean_mm"] == pytest.approx(np.std(errors, ddof=1))
    kinds = {name.partition("/")[0] for name in parent.data.metrics}
    assert kinds == {"test", "test_spread", "best_baseline"}  # too few points for a calibration
    assert result["coverage"] is None
    assert len(parent.data.metrics) <= 20
    assert ", mean of 3 folds, best baseline (" in parent.data.tags["mlflow.note.content"]
    folds = children(everything, parent.info.run_id)
    assert [run.data.params["split.fold"] for run in folds] == ["1", "2", "3"]
    assert [run.info.run_id for run in folds] == [fold["run_id"] for fold in result["folds"]]
    assert all(len(children(everything, run.info.run_id)) == 1 for run in folds)  # a trial each
    with Path(result["outputs"], "folds.csv").open() as file:
        assert [float(row["euclidean_mean_mm"]) for row in csv.DictReader(file)] == pytest.approx(errors)
    assert len(finished.out.splitlines()) == 1
    assert found_runs(tmp_path)["path"].tolist() == [result["outputs"]]  # neither folds nor copies in MLflow


@pytest.mark.system
def test_given_hyperparameters_are_validated_without_a_search(tmp_path: Path) -> None:
    chosen = {"num_layers": 1, "units_0": 32, "activation": "relu", "dropout": False, "lr": 1e-2, "batch_size": 16}
    (tmp_path / "chosen.json").write_text(json.dumps(chosen))
    fixed = ["debug=smoke", "tuner=fixed", "tuner.hyperparameters=chosen.json", "tracking=none"]
    without = [override for override in FOLDS if override not in QUICK]
    finished = forcepos([*fixed, *without, "evaluation.baselines=false"], tmp_path)
    assert finished.code == 0, finished.err
    as_before = {"scaling": "whiten", "statistics_s": 0.0}  # what the file does not say
    assert finished.result["best_hyperparameters"] == chosen | as_before
    assert "trial 1" not in finished.err


def test_one_fold_can_be_a_job_of_its_own(tmp_path: Path) -> None:
    finished = forcepos([*FOLDS, "split.fold=2", "tracking=none"], tmp_path)
    assert finished.code == 0, finished.err
    assert "folds" not in finished.result
    assert finished.result["model_uri"].endswith("model.keras")
