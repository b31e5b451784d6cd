"""The walls between the subsets: each figure comes from the subset that it is meant to come from, and no other.

The subsets differ so much that a mix-up shows as a number: targets are 10 in the training subset, 20 in the
validation subset, 30 in the calibration subset and 40 in the test subset, and the signal is 1, 2, 3 or 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest

from forcepos.commands.train import _loss
from forcepos.config.schema import Config
from forcepos.data.checks.check import check
from forcepos.data.recordings import Samples, all_samples
from forcepos.data.sectors import make_sectors
from forcepos.data.simulation.simulation import Simulation
from forcepos.data.splits.split import Subsets
from forcepos.evaluation.baselines import reference_predictions
from forcepos.evaluation.evaluate import Evaluation, References, differences, evaluate, references
from forcepos.models.final import TrainedModel, network_outputs, target_box, train_final
from forcepos.models.problem import Classification, Problem, Regression
from forcepos.models.training.compiled import Logs
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.results.run_report import RunReport, Scored, _data, save
from forcepos.tracking.run import Run
from forcepos.tuning.search import SearchResult
from tests.conftest import checked_config
from tests.data.test_simulation import simulate
from tests.data.test_splits import plate

CHOSEN = {"num_layers": 1, "units_0": 32, "activation": "relu", "dropout": False, "lr": 1e-2, "batch_size": 8}
SIZE = 24  # samples of each subset: equal, so that a mix-up is a wrong number and no wrong shape
LENGTHS = [6] * 4 + [12] * 2 + [8] * 3 + [4] * 6  # of recordings: 4 train, 2 validate, 3 calibrate, 6 test
NUMBER = np.repeat([1, 2, 3, 4], SIZE)  # of each row's subset
X = Regression(("x",))
SPLIT = Subsets(
    train=np.arange(0, 24, dtype=np.int32),
    validation=np.arange(24, 48, dtype=np.int32),
    calibration=np.arange(48, 72, dtype=np.int32),
    test=np.arange(72, 96, dtype=np.int32),
)


@cache
def config(*overrides: str) -> Config:
    return checked_config(
        "model=ffnn_regression", "model.axes=[x]", "model.clip=false", "evaluation.coverage=0.5", *overrides
    )


def problem_with(signals: np.ndarray, targets: np.ndarray, *overrides: str) -> Problem:
    """Make each row a sample; signals (rows, channels), targets (rows,) are x in mm."""
    positions = np.zeros((4 * SIZE, 3), np.float32)
    positions[:, 0] = targets
    channels = tuple(f"signal {number}" for number in range(signals.shape[1]))
    recordings = replace(
        plate(LENGTHS, visits=1), signals=signals.astype(np.float32), positions=positions, channels=channels
    )
    samples = all_samples(recordings, 1)
    return Problem(config(*overrides), X, samples, X.targets(samples), SPLIT)


def problem(*overrides: str) -> Problem:
    """Return signals 1, 2, 3, 4 and targets 10, 20, 30, 40: training, validation, calibration, test subset."""
    return problem_with(NUMBER[:, None], 10 * NUMBER, *overrides)


def repeating_network() -> keras.Sequential:
    """Build a network whose output is its signal, which shows the subset that it was given."""
    return keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(1.0)])


@dataclass
class UntrainedNetworks:
    """A trainer, where it does not matter how a network was trained."""

    problem: Problem

    def final(self, _best: Mapping[str, Any], _member: int, _report: object) -> tuple[keras.Model, list[Logs]]:
        return repeating_network(), [{"val_mae": 7.0}]


def trained_on(problem: Problem) -> TrainedModel:
    return train_final(cast(NetworkTrainer, UntrainedNetworks(problem)), CHOSEN, lambda *_: None)


# --- scores, intervals and coverage: of the test subset ---


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate(problem(), trained_on(problem()))


def test_scores_compare_predictions_and_targets_of_the_test_subset(evaluation: Evaluation) -> None:
    assert evaluation.true.tolist() == [[40]] * SIZE
    assert evaluation.predicted.tolist() == [[4]] * SIZE
    assert evaluation.test["mae_mm"] == 36
    assert evaluation.intervals["mae_mm"] == (36, 36)


def test_intervals_draw_recordings_of_the_test_subset(evaluation: Evaluation) -> None:
    """The test subset of `alone` is one recording, the others have several."""
    assert evaluation.resampled == "recordings"
    alone = problem()
    alone = replace(alone, split=replace(SPLIT, test=np.arange(92, 96, dtype=np.int32)))
    assert evaluate(alone, trained_on(alone)).resampled == "time blocks of the only recording"


def test_coverage_is_observed_on_the_test_subset(evaluation: Evaluation) -> None:
    """The radius of 27 mm holds all of the calibration subset, where the error is 27 mm, and nothing else."""
    assert evaluation.coverage is not None
    assert evaluation.coverage.scores == {
        "asked": 0.5, "level": 0.5, "found": 0.0, "radius_mean_mm": 27.0,
        "calibration_units": 3, "counted": "recordings", "calibration": "part",
    }  # fmt: skip
    assert evaluation.coverage.regions[["x_from_mm", "x_to_mm", "samples"]].to_numpy().tolist() == [[40, 40, SIZE]]


# --- calibration: on the calibration subset ---


def test_calibration_takes_errors_and_recordings_of_the_calibration_subset() -> None:
    calibration = trained_on(problem()).calibration
    assert calibration is not None
    assert (calibration.bound, calibration.units, calibration.counted) == (27, 3, "recordings")


def test_without_a_calibration_subset_nothing_is_calibrated() -> None:
    bare = problem()
    bare = replace(bare, split=replace(SPLIT, calibration=np.empty(0, np.int32)))
    assert trained_on(bare).calibration is None


# --- baselines: from the training subset, scored on the test subset ---


def test_the_constant_baseline_is_the_mean_of_the_training_targets() -> None:
    found = references(problem("evaluation.baselines=false"), None)
    assert found.predictions["baseline"].tolist() == [[10]] * SIZE
    assert found.scores["baseline"]["mae_mm"] == 30


def test_baselines_learn_the_training_subset_and_are_scored_on_the_test_subset() -> None:
    found = references(problem(), None)
    assert set(found.scores) == {"baseline", "linear", "boosted_trees"}
    for name in ("linear", "boosted_trees"):
        assert found.predictions[name].tolist() == [[10]] * SIZE
        assert found.scores[name]["mae_mm"] == 30


def test_the_difference_from_a_baseline_is_sure_where_all_recordings_agree_however_hard_they_are() -> None:
    hard = np.repeat([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], 4)[:, None].astype(np.float32)  # of the six recordings
    model, other = 40 + hard, 40 - hard - 1.5
    found = differences(problem(), model, {"linear": other, "baseline": model})
    assert found["linear"]["euclidean_mean_mm"] == pytest.approx([-1.5, -1.5])
    assert found["baseline"]["euclidean_mean_mm"] == [0.0, 0.0]


def test_the_difference_from_a_baseline_is_unsure_where_recordings_disagree() -> None:
    model = np.full((SIZE, 1), 42, np.float32)
    other = model + np.repeat([-1, 1, 1, -1, 3, 1], 4)[:, None]  # it is better on two recordings, worse on four
    (low, high), *_ = differences(problem(), model, {"linear": other})["linear"].values()
    assert low + high == pytest.approx(2 * -4 / 6)
    assert low < -2
    assert high > 0


def test_the_difference_of_accuracies_is_positive_where_the_model_is_better() -> None:
    right = np.tile(np.array([0, 1], np.float32), (4 * SIZE, 1))
    two = replace(problem(), task=Classification(None, ("left", "right")), targets=right)
    wrong_once_in_each_recording = np.where(np.arange(SIZE)[:, None] % 4 == 0, [1, 0], [0, 1]).astype(np.float32)
    assert differences(two, right[:SIZE], {"linear": wrong_once_in_each_recording}) == {
        "linear": {"accuracy": [0.25, 0.25]}
    }


def test_baselines_predict_from_the_test_subsets_windows() -> None:
    """The training subset shows that the target is ten times the signal, which is 4 in the test subset."""
    signals = np.where(NUMBER == 1, np.arange(4 * SIZE) % 5, NUMBER)[:, None]
    predicted = reference_predictions(problem_with(signals, 10 * signals[:, 0]))["linear"]
    assert np.allclose(predicted, 40, atol=2)  # a ridge, which shrinks a little towards the mean of 20
    assert predicted.min() > 35


def test_baselines_learn_classes_of_the_training_subset() -> None:
    task = Classification(make_sectors(config().sectors))
    one_hot = np.eye(8, dtype=np.float32)[NUMBER]
    predicted = reference_predictions(replace(problem(), task=task, targets=one_hot))
    for name in ("linear", "boosted_trees"):
        assert predicted[name].argmax(axis=1).tolist() == [1] * SIZE


# --- training: from the training subset, chosen by the validation subset ---

# No signal at all, so that a network with scaling gives the mean of the training targets whatever its weights are:
# 10, which is 10 from the validation subset's targets, 20 from the calibration's and 30 from the test's.
BLANK = np.zeros((4 * SIZE, 1))


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> NetworkTrainer:
    return NetworkTrainer(
        problem_with(BLANK, 10 * NUMBER, "training.final_epochs=2"), tmp_path_factory.mktemp("run")
    )


def test_a_trial_learns_from_the_training_subset_and_is_validated_on_the_validation_subset(
    blank: NetworkTrainer,
) -> None:
    history = blank.trial(CHOSEN, 1, 2, lambda *_: None)
    assert [(logs["mae"], logs["val_mae"]) for logs in history] == [(0, 10), (0, 10)]


def test_the_final_training_learns_and_is_validated_and_calibrated_on_a_subset_each(blank: NetworkTrainer) -> None:
    trained = train_final(blank, CHOSEN, lambda *_: None)
    assert [(logs["mae"], logs["val_mae"]) for logs in trained.histories[0]] == [(0, 10), (0, 10)]
    assert trained.calibration is not None
    assert trained.calibration.bound == 20
    assert evaluate(blank.problem, trained).test["mae_mm"] == 30


def test_the_final_training_stops_by_the_validation_subset_and_keeps_its_best_epoch(tmp_path: Path) -> None:
    """What makes the training and test subset's error less makes the validation subset's more, from epoch 1 on."""
    targets = np.array([10, -10, 20, 20])[NUMBER - 1]
    overrides = ["model.scaling=none", "training.final_epochs=9", "training.patience=2"]
    opposed = problem_with(np.ones((4 * SIZE, 1)), targets, *overrides)
    network, history = NetworkTrainer(opposed, tmp_path).final(CHOSEN, 1, lambda *_: None)
    errors = {name: [logs[name] for logs in history] for name in ("mae", "val_mae")}
    assert errors["mae"] == sorted(errors["mae"], reverse=True)
    assert errors["val_mae"] == sorted(errors["val_mae"])
    assert len(history) == 3
    kept = network_outputs(network, opposed, SPLIT.validation) + 10
    assert float(np.abs(kept).mean()) == pytest.approx(errors["val_mae"][0], rel=1e-5)


@pytest.mark.parametrize("scaling", ["standardize", "whiten"])
def test_scaling_is_fitted_on_training_rows_and_training_targets(scaling: str, tmp_path: Path) -> None:
    """Signals of mean 5 and 7, deviation 2 and 3, correlation 0.6; targets 10 +- 4. All else is far away."""
    first, second = np.tile([1, 1, -1, -1], SIZE // 4), np.tile([1, -1, 1, -1], SIZE // 4)
    signals = np.outer(1000.0 * NUMBER, [1, -1]) + np.arange(4 * SIZE)[:, None]
    targets = 1000 * NUMBER + np.arange(4 * SIZE)
    signals[:SIZE] = np.column_stack([5 + 2 * first, 7 + 1.8 * first + 2.4 * second])
    targets[:SIZE] = 10 + 4 * first
    spread = problem_with(signals, targets, f"model.scaling={scaling}")
    network = NetworkTrainer(spread, tmp_path)._build(CHOSEN, 1)
    standardize, to_mm = network.get_layer("standardize"), network.get_layer("to_mm")
    assert np.allclose(standardize.scale, [1 / 2, 1 / 3], rtol=1e-6)
    assert np.allclose(standardize.offset, [-5 / 2, -7 / 3], rtol=1e-6)
    assert np.allclose([to_mm.scale, to_mm.offset], [[4], [10]], rtol=1e-6)
    if scaling == "whiten":
        own, other = (1.6**-0.5 + 0.4**-0.5) / 2, (1.6**-0.5 - 0.4**-0.5) / 2  # the eigenvalues are 1 +- 0.6
        assert np.allclose(network.get_layer("whiten").kernel, [[own, other], [other, own]], rtol=1e-5)


# --- what Hydra's sweepers choose by: the validation objective ---


def report_of(problem: Problem, score: float | None, histories: list[list[Logs]]) -> RunReport:
    trained = replace(trained_on(problem), histories=histories)
    search = SearchResult(dict(CHOSEN), score, (), 0)
    return RunReport(
        Scored(problem, trained, evaluate(problem, trained), references(problem, None)), search, None, {}
    )


def curves(name: str, *members: list[float]) -> list[list[Logs]]:
    return [[{name: value, "loss": 99.0} for value in member] for member in members]


def test_the_result_holds_scores_of_the_test_subset_and_the_searchs_validation_objective(tmp_path: Path) -> None:
    """Sweepers get the search's objective, neither the final training's nor a score of the test subset."""
    searched = problem("evaluation.baselines=false", "tuner=random")
    report = report_of(searched, 3.5, curves("val_mae", [2.5]))
    result = save(report, tmp_path, Run(checked_config("tracking=none")))
    assert (result["test"]["mae_mm"], result["baseline"]["mae_mm"], result["objective"]) == (36, 30, 3.5)
    assert _loss(searched.config, result) == 3.5


def test_an_objective_of_which_more_is_better_is_turned_for_sweepers() -> None:
    result = {"objective": 0.75, "test": {"accuracy": 0.5}}
    assert _loss(checked_config("model=ffnn_classification"), result) == -0.75
    assert _loss(checked_config("model=ffnn_regression"), result) == 0.75


@pytest.mark.parametrize(
    ("patience", "members", "objective"),
    [
        ("2", [[5, 3, 4]], 3),
        ("null", [[5, 3, 4]], 4),
        ("2", [[5, 3, 4], [9, 8, 10]], 5.5),
        ("null", [[5, 3, 4], [9, 8, 10]], 7),
    ],
)
def test_without_a_search_the_objective_is_that_of_the_final_trainings_kept_epoch(
    patience: str, members: list[list[float]], objective: float
) -> None:
    fixed = problem("tuner=fixed", "tuner.hyperparameters=f.json", f"training.patience={patience}",
                    "evaluation.baselines=false")  # fmt: skip
    assert report_of(fixed, None, curves("val_mae", *members)).objective == objective


@pytest.mark.parametrize(("patience", "objective"), [("2", 0.75), ("null", 0.5)])
def test_the_best_epoch_of_an_objective_of_which_more_is_better_is_the_greatest(
    patience: str, objective: float
) -> None:
    overrides = ["tuner=fixed", "tuner.hyperparameters=f.json", "tuner.direction=max", "tuner.objective=val_r2"]
    fixed = problem(*overrides, f"training.patience={patience}", "evaluation.baselines=false")
    assert report_of(fixed, None, curves("val_r2", [0.25, 0.75, 0.5])).objective == objective


# --- likely leakage ---


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("correlation", "warnings"), [(0.99899, 0), (0.99901, 1)])
def test_a_feature_is_likely_leakage_above_a_correlation_of_0_999(
    correlation: float, sign: int, warnings: int
) -> None:
    target, other = np.tile([1.0, 1, -1, -1], SIZE), np.tile([1.0, -1, 1, -1], SIZE)  # uncorrelated
    signals = sign * (correlation * target + np.sqrt(1 - correlation**2) * other)
    recordings = problem_with(signals[:, None], 30 * target).samples.recordings
    assert len(check(replace(recordings, axes=("x",)), 1)) == warnings


# --- with simulated data: what perfect knowledge finds ---


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(
        "data.grid=[3,3]", "data.spacing_mm=20", "data.visits=2", "data.rows=20", "data.noise_percent=9"
    )


def simulated(simulation: Simulation, train: str, validation: str, calibration: str, test: str) -> References:
    """Score references where each subset is the quarter of the recordings with that number."""
    samples: Samples = all_samples(simulation.recordings, 1)
    quarter = simulation.recordings.recording[samples.starts] % 4
    members = [
        np.flatnonzero(quarter == int(number)).astype(np.int32)
        for number in (train, validation, test, calibration)
    ]
    chosen = config("evaluation.baselines=false")
    return references(Problem(chosen, X, samples, X.targets(samples), Subsets(*members)), simulation)


def test_the_ideal_observer_and_the_limits_depend_on_the_test_subset_alone(simulation: Simulation) -> None:
    one = simulated(simulation, "0", "1", "2", test="3").scores
    others_swapped = simulated(simulation, "2", "0", "1", test="3").scores
    another_test = simulated(simulation, "3", "1", "2", test="0").scores
    ideal = {name for name in one if name != "baseline"}
    assert ideal == {"oracle_points", "oracle_offsets", "oracle_visits"}
    assert one["baseline"] != others_swapped["baseline"]
    for name in ideal:
        assert one[name] == others_swapped[name]
        assert one[name] != another_test[name]


# --- calibration by folds, and what is kept out of reach ---


def test_networks_that_never_saw_a_fold_calibrate_by_it(tmp_path: Path) -> None:
    """Signals tell nothing: each fold's network gives the mean of the other recordings' targets."""
    positions = np.repeat([0.0, 10, 20, 30, 40, 50], 4)  # of six recordings that train
    targets = np.concatenate([positions, 25 + 0 * NUMBER[SIZE:]])
    overrides = ["split=held_out_recordings", "evaluation.calibration=folds", "training.final_epochs=1"]
    six = problem_with(np.zeros((4 * SIZE, 1)), targets, *overrides)
    recordings = replace(six.samples.recordings, recording=np.arange(4 * SIZE, dtype=np.int32) // 4)
    samples = replace(six.samples, recordings=recordings)
    trained = train_final(NetworkTrainer(replace(six, samples=samples), tmp_path), CHOSEN, lambda *_: None)
    assert trained.calibration is not None
    assert (trained.calibration.units, trained.calibration.counted) == (6, "recordings")
    assert 25 / 2 < trained.calibration.bound < 30  # half of six errors, of 5 to 25 mm or a little more


def test_a_channel_that_leaves_its_range_in_training_is_found() -> None:
    signals = np.column_stack([np.arange(4 * SIZE) % SIZE, np.arange(4 * SIZE), NUMBER * 0])
    result = _data(problem_with(signals, 10 * NUMBER))
    assert result["outside_training"] == {"signal 1": 1.0}


def test_no_calibration_gives_no_radius() -> None:
    none = problem("evaluation.calibration=none")
    recordings = none.samples.recordings
    divided = Problem.of(config("evaluation.calibration=none", "split=held_out_recordings"), recordings)
    assert len(divided.split.calibration) == 0
    assert trained_on(divided).calibration is None


def test_no_true_position_of_held_out_points_is_out_of_reach() -> None:
    small = ["data.grid=[5,5]", "data.rows=20"]
    simulated, recordings = config("split=held_out_points", "model.clip=true", *small), simulate(*small).recordings
    for seed in range(1, 21):
        held_out = Problem.of(replace(simulated, seed=seed), recordings)
        box = target_box(held_out)
        assert box is not None
        assert (held_out.test_targets >= box[0]).all()
        assert (held_out.test_targets <= box[1]).all()
