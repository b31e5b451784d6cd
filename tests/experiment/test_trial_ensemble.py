"""What becomes of trials that end early, go on or are combined: in the result, in MLflow, on disk."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from forcepos.experiment.run import find_hyperparameters
from forcepos.experiment.trial_ensemble import combine_trials, train_trials
from forcepos.models.final import TrainedModel, network_outputs, predict
from forcepos.models.problem import Problem
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime.errors import InputError
from forcepos.tuning.checkpoints import remove_checkpoints
from forcepos.tuning.search import SearchResult
from forcepos.tuning.trials import Events, Listener, Logs, best_first
from tests.conftest import checked_config, children, runs
from tests.models.test_training import prepared
from tests.running import PLAIN
from tests.warm import forcepos

SEARCH = (
    "tuner=random", "tuner.max_trials=4", "training.epochs=3", "training.ensemble=trials",
    "model.space.num_layers.max=2", "model.space.units.max=32",
)  # fmt: skip


@cache
def problem() -> Problem:
    return prepared(*SEARCH, "model.space.lr.min=0.01", "model.space.lr.max=0.03")


class Numbers(Listener):
    def __init__(self) -> None:
        self.trained = list[tuple[int, int]]()

    def final_epoch_ended(self, member: int, epoch: int, logs: Logs) -> None:
        self.trained.append((member, epoch))


@pytest.fixture(scope="module")
def combined(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainedModel, SearchResult]:
    """A search of four trials, and the ensemble of its networks."""
    folder, numbers = tmp_path_factory.mktemp("search"), Numbers()
    trainer = NetworkTrainer(problem(), folder)
    found = find_hyperparameters(trainer, folder, Events())
    assert sorted(path.name for path in folder.glob("*.npz")) == [f"trial_000{n}_1.npz" for n in (1, 2, 3, 4)]
    trained, chosen = combine_trials(trainer, folder, found, Events(numbers))
    assert numbers.trained == [], "nothing was trained for it"
    return folder, trained, chosen


def mae(predicted: np.ndarray) -> float:
    return float(np.abs(predicted - problem().targets[problem().split.validation]).mean())


def test_the_ensemble_is_the_weighted_mean_of_networks_with_the_weights_of_their_best_epochs(
    combined: tuple[Path, TrainedModel, SearchResult],
) -> None:
    _, trained, found = combined
    shares, validation = found.shares(), problem().split.validation
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) == best_first(found.trials, "min")[0].number
    scores = {trial.number: trial.score for trial in found.trials}
    outputs = []
    for place, number in enumerate(shares, 1):
        network = trained.model.get_layer(f"network_{place}")
        outputs.append(network_outputs(network, problem(), validation, rows=trained.model.input_shape[1]))
        assert mae(network_outputs(network, problem(), validation)) == pytest.approx(scores[number], rel=1e-3)
    mean = np.average(outputs, axis=0, weights=[*shares.values()])
    answers = predict(trained.model, problem(), validation)
    inside = np.isclose(answers["position"], mean, atol=1e-2).all(axis=1)
    assert inside.mean() > 0.95, "others were moved into the box of the training targets"
    assert mae(mean) <= min(score for score in scores.values() if score)
    assert len(trained.histories) == len(shares)


def test_the_ensemble_is_calibrated_as_one(combined: tuple[Path, TrainedModel, SearchResult]) -> None:
    _, trained, _ = combined
    calibration, samples = trained.calibration, problem().split.calibration
    assert calibration is not None
    answers = predict(trained.model, problem(), samples)
    off = np.linalg.norm(answers["position"] - problem().targets[samples], axis=1)
    assert (off <= answers["radius"] * (1 + 1e-5)).mean() >= calibration.coverage - 0.1


def test_networks_that_are_gone_are_trained_again_to_the_same_model(
    combined: tuple[Path, TrainedModel, SearchResult], caplog: pytest.LogCaptureFixture
) -> None:
    folder, before, found = combined
    kept = {path: path.read_bytes() for path in folder.glob("*.npz")}
    remove_checkpoints(folder)
    numbers = Numbers()
    after, again = combine_trials(
        NetworkTrainer(problem(), folder), folder, found._replace(ensemble=()), Events(numbers)
    )
    for path, content in kept.items():
        path.write_bytes(content)
    assert again.shares() == found.shares()
    test = problem().split.test
    assert np.array_equal(
        predict(after.model, problem(), test)["position"], predict(before.model, problem(), test)["position"]
    )
    assert after.histories == before.histories
    ranked = [trial.number for trial in best_first(found.trials, "min")]
    assert numbers.trained == [(number, epoch) for number in ranked for epoch in (1, 2, 3)]
    assert caplog.messages[: len(ranked)] == [
        f"{folder / f'trial_000{number}_1.npz'} is gone: "
        f"the network of trial {number} is trained again, as in the search"
        for number in ranked
    ]


def test_for_another_split_the_chosen_trials_are_trained_on_it(
    combined: tuple[Path, TrainedModel, SearchResult], tmp_path: Path
) -> None:
    _, trained, found = combined
    numbers, other = Numbers(), prepared(*SEARCH, "split=held_out_recordings")
    second = train_trials(NetworkTrainer(other, tmp_path), found, Events(numbers), "training for split=x")
    assert numbers.trained == [(number, epoch) for number in found.shares() for epoch in (1, 2, 3)]
    names = [layer.name for layer in second.model.layers if isinstance(layer, keras.Model)]
    assert sorted(names) == [f"network_{place}" for place in range(1, len(found.shares()) + 1)]
    assert second.histories != trained.histories


def test_a_trial_that_fails_on_another_split_is_named(
    combined: tuple[Path, TrainedModel, SearchResult], tmp_path: Path
) -> None:
    _, _, found = combined
    first = found.ensemble[0]
    diverging = found._replace(ensemble=[first.__class__(7, first.hyperparameters | {"lr": 1e30}, [], 1.0)])
    with pytest.raises(InputError) as error:
        train_trials(NetworkTrainer(problem(), tmp_path), diverging, Events(), "training for split=x")
    assert str(error.value) == (
        "training.ensemble=trials: trial 7, trained again, failed: the loss is not finite in epoch 1; "
        "choose a number"
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tuner=fixed", "tuner.hyperparameters=f"],
         "training.ensemble=trials needs a search, and tuner=fixed does without: choose a number"),
        (["training.pretrain=f"],
         "training.ensemble=trials needs a search, and training.pretrain does without: choose a number"),
        (["evaluation.calibration=folds"],
         "training.ensemble=trials has no networks that were trained without a fold: "
         "choose evaluation.calibration=part, or a number"),
    ],
)  # fmt: skip
def test_where_there_are_no_trials_to_combine_a_line_says_so(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        checked_config("training.ensemble=trials", *overrides)
    assert str(error.value) == message


@pytest.mark.parametrize("value", ["none", "1.5", "true", "-1"])
def test_an_ensemble_is_a_number_or_of_trials(value: str) -> None:
    with pytest.raises(InputError, match=r"^training\.ensemble=\S+ must be at least 1, or trials$"):
        checked_config(f"training.ensemble={value}")


def test_trials_that_stop_and_are_combined_from_the_command_line(tmp_path: Path) -> None:
    command = [
        "debug=smoke", "model=ffnn_regression", *SEARCH, *PLAIN, "tuner.max_trials=7", "tuner.stop=median",
        "training.epochs=4",
    ]  # fmt: skip
    finished = forcepos(command, tmp_path)
    assert finished.code == 0, finished.err
    result, outputs = finished.result, Path(finished.result["outputs"])
    assert sum(one["weight"] for one in result["ensemble"]) == pytest.approx(1)
    (search,) = (tmp_path / "outputs" / "search").glob("*/")
    assert not [*search.glob("*.npz")]
    stored = [json.loads(path.read_text()) for path in sorted(search.glob("trial_*.json"))]
    stopped = [one["number"] for one in stored if one["stopped"]]
    assert stopped
    assert not {one["trial"] for one in result["ensemble"]} & {*stopped}
    table = pd.read_csv(outputs / "tables" / "trials.csv")
    assert table["number"][table["stopped"]].tolist() == stopped
    reason = "stopped in epoch {}: worse than the median of earlier trials"
    for trial in children(runs(tmp_path), result["run_id"]):
        number = int((trial.info.run_name or "").split()[1])
        epochs = len(stored[number - 1]["history"][0])
        assert trial.info.status == ("KILLED" if number in stopped else "FINISHED")
        assert trial.data.tags.get("reason") == (reason.format(epochs) if number in stopped else None)
        assert trial.data.metrics["objective"] == pytest.approx(stored[number - 1]["score"])
        if number in stopped:
            told = f"trial {number}: {reason.format(epochs)}, val_mae {stored[number - 1]['score']:.4g}"
            assert told in finished.err


@pytest.mark.system
def test_hyperbands_winners_go_on_with_workers_until_time_is_over(tmp_path: Path) -> None:
    command = [
        "debug=smoke", "model=ffnn_regression", "tuner=hyperband", "tuner.max_trials=null", "training.epochs=3",
        "tuner.workers=2", "training.ensemble=trials", "tuner.minutes=1000", *PLAIN,
        "evaluation.also=held_out_points",
    ]  # fmt: skip
    finished = forcepos(command, tmp_path)
    assert finished.code == 0, finished.err
    (search,) = (tmp_path / "outputs" / "search").glob("*/")
    stored = {one["number"]: one for one in (json.loads(path.read_text()) for path in search.glob("trial_*.json"))}
    winners = [one for one in stored.values() if "tuner/trial_id" in one["hyperparameters"]]
    assert winners
    for winner in winners:
        before = stored[int(winner["hyperparameters"]["tuner/trial_id"]) + 1]
        assert winner["history"][0][:1] == before["history"][0]
    assert "is gone" not in finished.err
    assert finished.result["also"]["test"]
    again = forcepos(command, tmp_path)
    for key in ("test", "ensemble", "also"):
        assert again.result[key] == finished.result[key]
    assert "is gone: the network of trial" in again.err
    brief = [*command, "tuner.minutes=0.001", "tuner.workers=1", "tuner.fresh=true"]
    short = forcepos(brief, tmp_path)
    assert short.code == 0, short.err
    assert "tuner.minutes=0.001 is over: the search ends after trial 1; more extend it" in short.err
    assert short.result["checks"][-1]["found"] == "tuner.minutes=0.001 ended the search after 1 trials"
