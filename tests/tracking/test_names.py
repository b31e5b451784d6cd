"""Names, params and descriptions of runs: short, and what is said in them stays text."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from forcepos.config.schema import Config
from forcepos.results.scores import description, key_metrics
from forcepos.runtime.wording import code_span
from forcepos.tracking.description import SWEEP_KEYS_VARIABLE, command, run_name, short_value, swept
from forcepos.tracking.run import Run
from forcepos.tracking.steps import Step
from forcepos.tracking.track import track
from forcepos.tuning.trials import TrialResult
from tests.conftest import checked_config, runs
from tests.tracking.test_outages import smoke_with

LONG = [f"channel_{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ("0.01", "0.01"),
        ('["Fx", "Fy"]', '["Fx", "Fy"]'),
        (json.dumps(LONG), "20 values, 38d40bf6"),
        (f"[{','.join(LONG)}]", "20 values, 277e2769"),  # as Hydra writes it
        (
            "/home/lab/" + "deep/" * 20 + "plate.csv",
            "/home/lab/deep/deep/deep/deep/deep…/deep/plate.csv, 172ed7ff",
        ),
        ("a\x1b[31m", r"a\x1b[31m"),
    ],
)
def test_a_value_that_is_too_long_for_a_column_is_shortened_and_stays_its_own(value: str, short: str) -> None:
    assert short_value(value) == short
    assert len(short_value(value)) <= 60


def test_a_run_is_named_by_its_choices_and_a_sweeps_job_by_what_the_sweep_varies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    overrides = ["model=ffnn_regression", "+tuner=random", f"data.features=[{','.join(LONG)}]", "seed=2"]
    config = checked_config("model=ffnn_regression", "tuner=random", "seed=2")
    name = run_name(config, overrides)
    assert name.startswith("ffnn_regression random blocked seed=2 data.features=[channel_0,")
    assert len(name) < 110
    monkeypatch.setenv(SWEEP_KEYS_VARIABLE, '["tuner", "seed"]')
    assert run_name(config, overrides) == "tuner=random seed=2"
    assert swept(overrides) == {"tuner": "random", "seed": "2"}


def test_a_fold_of_a_sweeps_job_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWEEP_KEYS_VARIABLE, '["seed", "split.fold"]')
    config = checked_config("split=cross_validation", "split.fold=2")
    assert run_name(config, ["seed=1"]) == run_name(config, ["seed=1", "split.fold=2"]) == "seed=1 fold=2"


def test_the_command_is_quoted_for_a_shell() -> None:
    assert command(["model.axes=[x,y]", "data.path=my plate.csv"]) == (
        "python -m forcepos 'model.axes=[x,y]' 'data.path=my plate.csv'"
    )


@pytest.mark.parametrize(
    ("text", "span"),
    [("a_b*c*", "`a_b*c*`"), ("a`b", "`` a`b ``"), ("`` <b>", "``` `` <b> ```"), ("a\nb", r"`a\x0ab`")],
)
def test_a_code_span_holds_nothing_but_text(text: str, span: str) -> None:
    assert code_span(text) == span


RESULT: dict[str, Any] = {
    "test": {"accuracy": 0.9, "f1_macro": 0.8, "mae_mm": 1.0}, "intervals": {"accuracy": [0.85, 0.95]},
    "baseline": {"accuracy": 0.5}, "linear": {"accuracy": 0.7}, "coverage": {"asked": 0.9, "found": 0.93},
    "also": {
        "split": "mine`", "test": {"accuracy": 0.6}, "intervals": {"accuracy": [0.5, 0.7]}, "coverage": None,
    },
    "oracle_points": {"accuracy": 1.0},
}  # fmt: skip


def test_a_description_compares_with_the_best_baseline_and_says_the_honest_figure() -> None:
    config = checked_config("model=ffnn_classification")
    assert description(RESULT, config, "python -m forcepos").split("\n\n") == [
        "model `ffnn_classification`, data `simulated`, split `blocked`, tuner `bayesian`, seed 1",
        "**accuracy 0.90 [0.85, 0.95]**, best baseline (linear model) 0.700, on `` mine` `` 0.60 [0.50, 0.70], "
        "coverage 93 % (target 90 %)",
        "Repeat it: `python -m forcepos`",
    ]


def test_a_cross_validation_has_means_and_spreads() -> None:
    scores = {"euclidean_mean_mm": 1.0, "mae_x_mm": 0.5, "rmse_mm": 2.0}
    of_folds = {"test": scores, "spread": scores, "baseline": scores, "coverage": None}
    assert {name: values for name, values in key_metrics(of_folds).items() if values} == {
        "test": {"euclidean_mean_mm": 1.0, "mae_x_mm": 0.5},
        "test_spread": {"euclidean_mean_mm": 1.0, "mae_x_mm": 0.5},
        "best_baseline": {"euclidean_mean_mm": 1.0},
    }


@pytest.fixture
def config(empty_store: Path, tmp_path: Path) -> Config:
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_bytes((empty_store / "mlruns" / "mlflow.db").read_bytes())
    return smoke_with(f"sqlite:///{tmp_path}/mlruns/mlflow.db")


def interrupt(config: Config) -> None:
    """Leave a run with a trial behind, as Ctrl-C does."""
    with suppress(KeyboardInterrupt), track(config, "name", "abc") as run:
        run.trial_started(1, {"lr": 0.1})
        raise KeyboardInterrupt


def make_old(config: Config, changed: dict[str, str]) -> str:
    """Make of an interrupted run what an earlier version would have left; return its id."""
    client = MlflowClient(config.tracking.uri)
    now, trial = client.search_runs(["1"], order_by=["attributes.start_time ASC"])
    old = client.create_run("1", run_name="name", tags={**now.data.tags, "mlflow.runName": "name"})
    features = json.dumps(config.data.features)
    whole = now.data.params | {"data.features": features, "tracking.uri": "file", "tuner.workers": "2"} | changed
    for key, value in whole.items():
        client.log_param(old.info.run_id, key, value)
    client.set_tag(trial.info.run_id, "mlflow.parentRunId", old.info.run_id)
    client.update_run(trial.info.run_id, name="trial 1")
    client.set_terminated(old.info.run_id, "KILLED")
    client.delete_run(now.info.run_id)
    return str(old.info.run_id)


def test_what_an_earlier_version_left_interrupted_is_resumed(config: Config, tmp_path: Path) -> None:
    interrupt(config)
    old = make_old(config, {"training.final_batch_size": "None"})
    with track(config, "name", "abc") as run:
        run.trial_ended(TrialResult(1, {"lr": 0.1}, [[{"loss": 1.0}]], 1.0))
        run.trial_started(2, {"lr": 0.2})
    assert run.run_id == old
    assert [one.info.run_name for one in runs(tmp_path)] == ["trial 1", "name", "trial 2 of name"]


def test_what_an_earlier_version_left_of_another_config_is_not_resumed(config: Config) -> None:
    interrupt(config)
    old = make_old(config, {"training.final_batch_size": "64"})
    with track(config, "name", "abc") as run:
        pass
    assert run.run_id != old


def test_trials_whose_numbers_begin_alike_are_told_apart(config: Config) -> None:
    with track(config, "name", "abc") as run:
        for number in (1, 10, 11):
            run.trial_started(number, {"lr": number / 10})
        run.trial_ended(TrialResult(1, {"lr": 0.1}, [[{"loss": 1.0}]], 1.5))
    scores = {one.info.run_name: one.data.metrics.get("objective") for one in MlflowClient().search_runs(["1"])}
    assert scores == {"name": None, "trial 1 of name": 1.5, "trial 10 of name": None, "trial 11 of name": None}


def test_scores_that_an_earlier_version_kept_for_later_are_logged(config: Config, tmp_path: Path) -> None:
    run = Run(config)
    run.connect()
    run.steps = [
        Step("start", 1, {"name": "name", "search": "abc", "parent": None, "params": {"seed": "1"}}),
        Step("log_scores", 2, {"groups": {"test": {"mae_mm": 1.25, "r2": None}, "linear": {"mae_mm": 3.0}}}),
        Step("close", 3, {"status": "FINISHED"}),
    ]
    run.try_again()
    (logged,) = runs(tmp_path)
    assert logged.data.metrics == {"test/mae_mm": 1.25, "linear/mae_mm": 3.0}
