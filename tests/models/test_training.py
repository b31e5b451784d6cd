"""Batches hold the right windows, and training is reproducible."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from forcepos.data.loading import load_recordings
from forcepos.data.recordings import all_samples
from forcepos.data.splits.split import Subsets
from forcepos.experiment.run import train_model
from forcepos.models.final import batches, network_outputs
from forcepos.models.problem import Classification, Problem, Regression
from forcepos.models.scaling import spread_of_recordings
from forcepos.models.training.compiled import Logs
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime.errors import InputError, TrialFailure
from forcepos.tuning.trials import Events
from tests.conftest import checked_config
from tests.data.test_splits import plate

CHOSEN = {"num_layers": 1, "units_0": 32, "activation": "relu", "dropout": False, "lr": 1e-2, "batch_size": 16}


def prepared(*overrides: str) -> Problem:
    config = checked_config("debug=smoke", "model=ffnn_regression", *overrides)
    return Problem.of(config, load_recordings(config.data).recordings)


def counted(window: int) -> Problem:
    """Recordings whose signal is the row's number, every sample's target the sample's number."""
    samples = all_samples(plate([20, 20]), window)
    everything = np.arange(len(samples.starts), dtype=np.int32)
    split, targets = Subsets(everything, everything, everything), everything.astype(np.float32)[:, None]
    return Problem(checked_config("model=ffnn_regression"), Regression(("x",)), samples, targets, split)


def test_a_batch_holds_windows_and_the_targets_of_their_samples() -> None:
    data = counted(10)
    signals, targets = next(iter(batches(data, np.array([0, 3, 11], np.int32), 3)))
    assert signals.shape == (3, 10, 1)
    assert signals[:, :, 0].numpy().tolist() == [list(range(first, first + 10)) for first in (0, 3, 20)]
    assert targets.numpy().tolist() == [[0], [3], [11]]


def test_a_window_of_one_row_is_a_flat_sample() -> None:
    signals, _ = next(iter(batches(counted(1), np.array([5], np.int32), 1)))
    assert signals.numpy().tolist() == [[5]]


def test_predictions_come_in_the_order_of_the_samples() -> None:
    data = counted(1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(2.0)])
    assert network_outputs(model, data, data.split.test)[:, 0].tolist() == [2.0 * row for row in range(40)]


def test_training_is_reproducible_with_the_same_seed(tmp_path: Path) -> None:
    problem = prepared()
    trainer = NetworkTrainer(problem, tmp_path)
    one, same, other = (trainer.trial(CHOSEN, seed, 1, lambda *_: None) for seed in (1, 1, 2))
    assert one == same != other


def test_executions_of_a_trial_share_one_program_and_stay_independent(tmp_path: Path) -> None:
    problem = prepared("training.xla=never")
    shared, alone = (NetworkTrainer(problem, tmp_path) for _ in range(2))
    first = shared.trial(CHOSEN | {"dropout": True}, 1, 2, lambda *_: None)
    program = shared._latest
    second = shared.trial(CHOSEN | {"dropout": True}, 2, 2, lambda *_: None)
    assert shared._latest is program is not None
    assert alone.trial(CHOSEN | {"dropout": True}, 2, 2, lambda *_: None) == second != first


def recordings_of(problem: Problem, members: np.ndarray) -> set[int]:
    return set(problem.samples.recordings.recording[problem.samples.starts[members]].tolist())


def test_executions_of_a_trial_validate_on_different_recordings_in_turn() -> None:
    problem = prepared("split=held_out_recordings")
    parts = [problem.rotated(execution) for execution in (1, 2, 3, 4)]
    validating = [recordings_of(part, part.split.validation) for part in parts]
    assert parts[0] is problem
    assert len(set.union(*validating)) == sum(map(len, validating)) == 4 * len(validating[0])
    for part, validates in zip(parts, validating, strict=True):
        assert not recordings_of(part, part.split.train) & validates
        assert len(part.split.train) + len(part.split.validation) == len(problem.split.train) + len(
            problem.split.validation
        )
        assert part.split.test.tolist() == problem.split.test.tolist()


def test_executions_share_time_blocks_of_all_recordings() -> None:
    problem = prepared("split=blocked")
    assert problem.rotated(2) is problem


def test_a_trials_second_execution_learns_from_other_recordings(tmp_path: Path) -> None:
    trainer = NetworkTrainer(prepared("split=held_out_recordings"), tmp_path)
    first, second, again = (trainer.execute(CHOSEN, number, 1, 1, lambda *_: None) for number in (1, 2, 1))
    assert first == again != second


def test_the_rows_of_recordings_are_on_the_device_once_for_all_executions(tmp_path: Path) -> None:
    trainer = NetworkTrainer(prepared("split=held_out_recordings"), tmp_path)
    other = trainer.on(trainer.problem.rotated(2))
    assert other._dataset.signals is trainer._dataset.signals


def test_offset_noise_disturbs_training_and_not_validation(tmp_path: Path) -> None:
    quiet, noisy, same = (
        NetworkTrainer(prepared(f"training.offset_noise={noise}"), tmp_path).trial(
            CHOSEN | {"lr": 1e-9}, 1, 1, lambda *_: None
        )[0]
        for noise in (0, 3, 3)
    )
    assert noisy == same
    assert noisy["val_mae"] == pytest.approx(quiet["val_mae"], rel=1e-4)
    assert noisy["mae"] > 1.05 * quiet["mae"]


def test_the_spread_of_recordings_is_that_of_their_means() -> None:
    samples = all_samples(plate([20, 20]), 5)
    assert spread_of_recordings(samples, np.arange(len(samples.starts), dtype=np.int32)).tolist() == [10.0]
    assert spread_of_recordings(samples, np.arange(16, dtype=np.int32)).tolist() == [0.0]


@pytest.mark.parametrize(("epochs", "xla"), [(48, False), (49, True)])
def test_a_training_is_compiled_if_it_has_enough_steps(epochs: int, xla: bool, tmp_path: Path) -> None:
    problem = prepared()
    steps = -(-len(problem.split.train) // 16)
    assert steps * 48 < 3000 <= steps * 49
    trainer = NetworkTrainer(problem, tmp_path)
    trainer._training(trainer._build(CHOSEN, 1), CHOSEN, 16, epochs)
    assert trainer._latest is not None
    assert trainer._latest[1].xla is xla


def test_the_final_model_has_the_weights_of_its_best_epoch(tmp_path: Path) -> None:
    problem = prepared("training.final_epochs=8", "training.patience=8")
    model, history = NetworkTrainer(problem, tmp_path).final(CHOSEN | {"lr": 0.05}, 1, lambda *_: None)
    validation = problem.split.validation
    mae = np.abs(network_outputs(model, problem, validation) - problem.targets[validation]).mean()
    assert mae == pytest.approx(min(logs["val_mae"] for logs in history), rel=1e-4)


def test_the_final_training_stops_when_the_objective_no_longer_improves(tmp_path: Path) -> None:
    problem = prepared("training.final_epochs=50", "training.patience=1")
    _, history = NetworkTrainer(problem, tmp_path).final(CHOSEN | {"lr": 0.05}, 1, lambda *_: None)
    values = [logs["val_mae"] for logs in history]
    assert len(values) < 50
    assert values[-1] >= min(values[:-1])


def test_a_network_that_cannot_be_built_fails_its_trial(tmp_path: Path) -> None:
    problem = prepared()
    with pytest.raises(TrialFailure, match="^the network cannot be built: "):
        NetworkTrainer(problem, tmp_path).trial(CHOSEN | {"units_0": -1}, 1, 1, lambda *_: None)


@pytest.mark.system
def test_a_network_that_does_not_fit_into_memory_fails_its_trial(tmp_path: Path) -> None:
    problem = prepared()
    huge = CHOSEN | {"num_layers": 2, "units_0": 100_000, "units_1": 10_000_000}  # 4 TB
    with pytest.raises(TrialFailure, match="^out of memory: "):
        NetworkTrainer(problem, tmp_path).trial(huge, 1, 1, lambda *_: None)


@pytest.mark.system
def test_a_final_network_that_does_not_fit_into_memory_is_an_error_that_says_so(tmp_path: Path) -> None:
    trainer = NetworkTrainer(prepared("tuner=random"), tmp_path)
    huge = CHOSEN | {"num_layers": 2, "units_0": 1_000_000, "units_1": 1_000_000}  # 4 TB, within the limits
    with pytest.raises(InputError) as error:
        train_model(trainer, huge, Events(), "final training")
    assert str(error.value).startswith("final training with lr=")
    assert " failed: out of memory: " in str(error.value)
    assert str(error.value).endswith("; choose smaller networks in model.space")


def test_a_final_network_that_cannot_be_built_is_an_error_that_says_so(tmp_path: Path) -> None:
    trainer = NetworkTrainer(prepared("tuner=random"), tmp_path)
    with pytest.raises(InputError, match=r" failed: the network cannot be built: .*; choose smaller networks in"):
        train_model(trainer, CHOSEN | {"units_0": -1}, Events(), "final training")


def test_without_patience_the_final_model_has_the_weights_of_its_last_epoch(tmp_path: Path) -> None:
    problem = prepared("training.final_epochs=5", "training.patience=null")
    model, history = NetworkTrainer(problem, tmp_path).final(CHOSEN | {"lr": 0.05}, 1, lambda *_: None)
    validation = problem.split.validation
    mae = np.abs(network_outputs(model, problem, validation) - problem.targets[validation]).mean()
    assert len(history) == 5
    assert mae == pytest.approx(history[-1]["val_mae"], rel=1e-4)


def test_samples_on_the_origin_are_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    recordings = plate([40, 40, 40], visits=1)
    recordings.positions[:] = [3, 1, 0]
    recordings.positions[5:12] = 0
    config = checked_config("model=ffnn_classification", "split=random")
    data = Problem.of(config, recordings)
    assert isinstance(data.task, Classification)
    assert len(data.samples.starts) == 120 - 7
    assert "7 samples on the exact origin belong to no sector and are dropped" in caplog.text


def test_classes_that_a_subset_lacks_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    recordings = plate([40] * 9, visits=1)
    recordings.positions[:] = [3, 1, 0]
    config = checked_config("model=ffnn_classification", "split=held_out_recordings")
    Problem.of(config, recordings)
    assert caplog.messages[-1] == (
        "sector class 2 in all samples of these subsets: train, validation, test, calibration; "
        "no score there tells how well other sectors are found; set data.label or sectors, or check data and split"
    )
    train = Problem.of(config, recordings).split.train
    recordings.positions[train[: len(train) // 2]] = [-3, 1, 0]
    caplog.clear()
    Problem.of(config, recordings)
    assert "in all samples of these subsets: validation, test, calibration; no score there" in caplog.messages[-1]


NOT_FINITE = "is not finite in epoch 1"


@pytest.mark.parametrize("patience", ["null", "2"])
def test_a_final_training_that_diverges_stops_in_that_epoch(patience: str, tmp_path: Path) -> None:
    problem = prepared("training.final_epochs=5", f"training.patience={patience}")
    epochs: list[int] = []
    with pytest.raises(TrialFailure, match=f"^the loss {NOT_FINITE}$"):
        NetworkTrainer(problem, tmp_path).final(CHOSEN | {"lr": 1e30}, 1, lambda epoch, _: epochs.append(epoch))
    assert epochs == [1]


@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_weights_that_are_not_finite_fail_a_training_whose_losses_do_not_show_them(
    weight: float, tmp_path: Path
) -> None:
    trainer = NetworkTrainer(prepared(), tmp_path)
    network = trainer._build(CHOSEN, 1)
    training = trainer._training(network, CHOSEN, 16, 1)

    def spoil(_epoch: int, logs: Logs) -> None:
        assert np.isfinite(logs["val_loss"])
        first = training.trainable_variables[0]
        first.assign(np.full(first.shape, weight))

    with pytest.raises(TrialFailure, match="^the weights are not finite$"):
        training.run(network, 1, 1, spoil)


def test_a_training_that_fails_names_its_phase_what_to_lower_and_what_is_kept(tmp_path: Path) -> None:
    problem = prepared("tuner=random", "training.ensemble=2", "training.final_epochs=2")
    trainer = NetworkTrainer(problem, tmp_path)
    for phase in ("final training", "training for split=held_out_points"):
        with pytest.raises(InputError) as error:
            train_model(trainer, CHOSEN | {"lr": 1e30}, Events(), phase)
        assert str(error.value) == (
            f"{phase} with lr=1e+30 failed: the loss {NOT_FINITE}; "
            "lower training.final_epochs, which keeps the trials of this search, or model.space.lr.max"
        )


def test_without_a_gpu_asking_for_one_is_an_error() -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError) as error:
        use_device(checked_config("training.device=gpu").training)
    assert str(error.value) == ("training.device=gpu but TensorFlow sees no GPU: use training.device=auto or cpu")
    assert use_device(checked_config("training.device=auto").training).startswith("CPU, ")


def test_mixed_precision_on_a_cpu_is_an_error() -> None:
    with pytest.raises(InputError) as error:
        use_device(checked_config("training.device=cpu", "training.precision=mixed").training)
    assert str(error.value) == "training.precision=mixed needs a GPU, a CPU gains nothing from it: use full"


def test_a_gpu_is_used_where_there_is_one() -> None:
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has no GPU")
    assert use_device(checked_config("training.device=auto").training).startswith("GPU, ")
