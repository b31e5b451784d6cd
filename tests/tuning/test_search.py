"""Searches, tried with a training that is a formula."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import keras_tuner as kt
import pytest
from filelock import FileLock

from forcepos.config.plugins import values_with_plugins
from forcepos.experiment.run import search_fingerprint
from forcepos.runtime.errors import InputError, TrialFailure
from forcepos.tuning.search import SearchResult, lock_search, search
from forcepos.tuning.trials import Events, Listener, Logs, TrialResult
from forcepos.tuning.tuner import SearchSpec, Tuner
from tests.conftest import checked_config

Epoch = Callable[[int, Logs], None]


class Formula:
    """A training whose val_mae is the distance of lr from 0.001, and better in its second of three epochs."""

    def __init__(self, fails: Callable[[Mapping[str, Any]], bool] = lambda _: False) -> None:
        self.fails, self.seeds = fails, list[int]()

    def __call__(
        self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
    ) -> list[Logs]:
        self.seeds.append(seed)
        if self.fails(hyperparameters):
            raise TrialFailure("the formula does not like it")
        history = [
            {"loss": 1.0, "val_mae": abs(hyperparameters["lr"] - 1e-3) + extra} for extra in (2.0, 0.0, 1.0)
        ]
        for epoch, logs in enumerate(history, 1):
            after_epoch(epoch, logs)
        return history


class Recorder(Listener):
    def __init__(self) -> None:
        self.known, self.started, self.epochs, self.ended = 0, list[int](), 0, list[TrialResult]()

    def trial_known(self, result: TrialResult) -> None:
        self.known += 1
        assert result.number == self.known

    def trial_started(self, number: int, hyperparameters: dict[str, Any]) -> None:
        assert hyperparameters
        self.started.append(number)

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None:
        assert number == self.started[-1]
        assert 1 <= epoch <= 3
        assert execution >= 1
        assert logs
        self.epochs += 1

    def trial_ended(self, result: TrialResult) -> None:
        self.ended.append(result)


def declare(hp: kt.HyperParameters) -> None:
    hp.Float("lr", 1e-4, 1e-2, sampling="log")
    hp.Int("num_layers", 1, 5)


def tuner(*overrides: str) -> Tuner:
    return cast("Tuner", checked_config(*overrides).tuner)


def run(
    config: Tuner, folder: Path, train: Formula, listener: Recorder | None = None, seed: int = 1
) -> SearchResult:
    with lock_search(folder / "abc", config.fresh):
        return search(SearchSpec(config, declare, folder / "abc", seed, 9), train, Events(listener or Recorder()))


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
def test_a_search_runs_its_trials_and_finds_the_best(name: str, tmp_path: Path) -> None:
    listener = Recorder()
    found = run(tuner(f"tuner={name}", "tuner.max_trials=6"), tmp_path, Formula(), listener)
    assert listener.started == [1, 2, 3, 4, 5, 6]
    scores = [result.score for result in listener.ended if result.score is not None]
    assert len(found.trials) == len(scores) == 6
    assert found.score == min(scores) == pytest.approx(abs(found.best["lr"] - 1e-3))
    assert found.reused == 0


def test_a_trials_score_is_its_best_epoch_averaged_over_executions(tmp_path: Path) -> None:
    listener = Recorder()
    train = Formula()
    run(tuner("tuner=random", "tuner.max_trials=2", "tuner.executions_per_trial=3"), tmp_path, train, listener)
    for result in listener.ended:
        assert result.score == pytest.approx(abs(result.hyperparameters["lr"] - 1e-3))
        assert [len(history) for history in result.history] == [3, 3, 3]
    assert listener.epochs == 2 * 3 * 3
    assert len(set(train.seeds)) == 6


@pytest.mark.parametrize("name", ["random", "bayesian"])
def test_a_seed_decides_the_search(name: str, tmp_path: Path) -> None:
    chosen = []
    for place, seed in enumerate((1, 1, 2)):
        listener = Recorder()
        run(tuner(f"tuner={name}", "tuner.max_trials=5"), tmp_path / str(place), Formula(), listener, seed)
        chosen.append([result.hyperparameters for result in listener.ended])
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize("name", ["random", "bayesian", "hyperband"])
def test_seeds_close_by_share_no_trial(name: str, tmp_path: Path) -> None:
    rates = []
    for seed in range(1, 6):
        listener = Recorder()
        run(tuner(f"tuner={name}", "tuner.max_trials=4"), tmp_path / str(seed), Formula(), listener, seed)
        rates.append({result.hyperparameters["lr"] for result in listener.ended})
    assert len(set.union(*rates)) == sum(map(len, rates))


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
def test_a_finished_search_is_reused_and_more_trials_extend_it(name: str, tmp_path: Path) -> None:
    first = run(tuner(f"tuner={name}", "tuner.max_trials=3"), tmp_path, Formula())
    again = Recorder()
    reused = run(tuner(f"tuner={name}", "tuner.max_trials=3"), tmp_path, Formula(), again)
    assert (again.started, reused.reused, reused.best) == ([], 3, first.best)
    more = Recorder()
    extended = run(tuner(f"tuner={name}", "tuner.max_trials=5"), tmp_path, Formula(), more)
    assert (more.started, extended.reused, len(extended.trials)) == ([4, 5], 3, 5)


def test_a_search_says_nothing_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for trials in (2, 3):
        run(tuner("tuner=random", f"tuner.max_trials={trials}"), tmp_path, Formula())
    assert capsys.readouterr().out == ""


def test_a_failed_trial_is_told_and_the_search_goes_on(tmp_path: Path) -> None:
    listener = Recorder()
    train = Formula(fails=lambda chosen: chosen["num_layers"] > 2)
    found = run(tuner("tuner=random", "tuner.max_trials=8", "tuner.max_failures=8"), tmp_path, train, listener)
    failed = [result for result in listener.ended if result.score is None]
    assert 0 < len(failed) < 8
    assert {result.failure for result in failed} == {"the formula does not like it"}
    assert len(found.trials) == 8
    assert found.best["num_layers"] <= 2


def test_a_loss_that_is_not_finite_fails_the_trial(tmp_path: Path) -> None:
    class Diverging(Formula):
        def __call__(
            self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
        ) -> list[Logs]:
            after_epoch(1, {"loss": 1.0, "val_mae": 1.0})
            after_epoch(2, {"loss": float("nan"), "val_mae": float("nan")})
            return super().__call__(hyperparameters, execution, seed, epochs, after_epoch)

    with pytest.raises(InputError) as error:
        run(tuner("tuner=random", "tuner.max_trials=2"), tmp_path, Diverging())
    assert str(error.value) == "all 2 trials failed, the last one with: the loss is not finite in epoch 2"


def test_a_bug_is_raised_not_recorded_as_a_failed_trial(tmp_path: Path) -> None:
    class Broken(Formula):
        def __call__(
            self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
        ) -> list[Logs]:
            raise KeyError("units_7")

    with pytest.raises(KeyError, match="units_7"):
        run(tuner("tuner=random", "tuner.max_trials=2"), tmp_path, Broken())
    assert not list((tmp_path / "abc").glob("trial_*"))


def test_an_objective_to_maximise_is_maximised(tmp_path: Path) -> None:
    config = tuner("tuner=random", "tuner.objective=val_r2", "tuner.direction=max", "tuner.max_trials=5")
    listener = Recorder()

    class Score(Formula):
        def __call__(
            self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
        ) -> list[Logs]:
            after_epoch(1, {"loss": 1.0, "val_r2": hyperparameters["lr"]})
            after_epoch(2, {"loss": 1.0, "val_r2": 0.0})
            return []

    found = run(config, tmp_path, Score(), listener)
    assert found.score == max(result.hyperparameters["lr"] for result in listener.ended)


def test_the_fingerprint_covers_what_changes_a_trial_and_not_the_number_of_trials() -> None:
    def fingerprint(*overrides: str, data: str = "d") -> str:
        return search_fingerprint(checked_config(*overrides), data)

    same = fingerprint()
    for override in (
        "tuner.max_trials=50",
        "training.final_epochs=3",
        "tracking=none",
        "evaluation.figures=false",
        "tuner.minutes=5",
        "tuner.stop=none",
        "training.ensemble=trials",
    ):
        assert fingerprint(override) == same
    for override in (
        "seed=2", "training.epochs=9", "split.test_ratio=0.1", "model.window=12", "model.space.filters.max=64",
        "tuner.beta=1", "tuner.executions_per_trial=2", "tuner=random", "model=ffnn_regression",
        "training.offset_noise=1", "evaluation.calibration=folds", "model.scaling=whiten", "split.train_share=0.5",
        "tuner.stop=median",
    ):  # fmt: skip
        assert fingerprint(override) != same
    assert fingerprint(data="other") != same


def test_keys_that_earlier_versions_did_not_know_leave_their_searches_and_results_where_they_are() -> None:
    values = values_with_plugins(checked_config())["tuner"]
    assert not {"stop", "minutes"} & values.keys()
    values = values_with_plugins(checked_config("tuner.stop=median", "tuner.minutes=5"))["tuner"]
    assert (values["stop"], values["minutes"]) == ("median", 5)


def test_a_search_that_another_process_is_at_is_left_alone(tmp_path: Path) -> None:
    with FileLock(tmp_path / "abc.lock"), pytest.raises(InputError) as error:
        run(tuner("tuner=random", "tuner.max_trials=2"), tmp_path, Formula())
    assert str(error.value) == (
        f"another process works on this search, {tmp_path / 'abc'}: wait for it, or change the config"
    )
    assert len(run(tuner("tuner=random", "tuner.max_trials=2"), tmp_path, Formula()).trials) == 2


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
def test_a_search_goes_on_as_if_it_had_not_been_interrupted(name: str, tmp_path: Path) -> None:
    config = tuner(f"tuner={name}", "tuner.max_trials=6")
    whole = Recorder()
    run(config, tmp_path / "whole", Formula(), whole)

    class Interrupted(Formula):
        def __call__(
            self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
        ) -> list[Logs]:
            if len(self.seeds) == 4:
                raise KeyboardInterrupt
            return super().__call__(hyperparameters, execution, seed, epochs, after_epoch)

    before, after = Recorder(), Recorder()
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "parts", Interrupted(), before)
    run(config, tmp_path / "parts", Formula(), after)
    assert before.ended + after.ended == whole.ended


def test_too_many_failures_end_the_search_with_the_reason(tmp_path: Path) -> None:
    listener = Recorder()
    config = tuner("tuner=random", "tuner.max_trials=9", "tuner.max_failures=3")
    with pytest.raises(InputError) as error:
        run(config, tmp_path, Formula(fails=lambda _: True), listener)
    assert len(listener.ended) == 3
    assert str(error.value) == (
        "3 of 3 trials failed, the last one with: the formula does not like it; "
        "raise tuner.max_failures to continue all the same"
    )


def test_a_fresh_search_begins_again_and_keeps_the_old_one(tmp_path: Path) -> None:
    run(tuner("tuner=random", "tuner.max_trials=2"), tmp_path, Formula())
    listener = Recorder()
    run(tuner("tuner=random", "tuner.max_trials=2", "tuner.fresh=true"), tmp_path, Formula(), listener)
    assert listener.started == [1, 2]
    kept = [path.name for path in tmp_path.glob("abc.before-*")]
    assert len(kept) == 1
    assert len(list((tmp_path / kept[0]).glob("trial_*.json"))) == 2


def test_half_a_file_is_no_trial(tmp_path: Path) -> None:
    """A process killed while it writes leaves `.unfinished`, which nobody reads."""
    run(tuner("tuner=random", "tuner.max_trials=3"), tmp_path, Formula())
    last = tmp_path / "abc" / "trial_0003.json"
    last.rename(last.with_suffix(".unfinished"))
    listener = Recorder()
    run(tuner("tuner=random", "tuner.max_trials=3"), tmp_path, Formula(), listener)
    assert (listener.known, listener.started) == (2, [3])


def small(hp: kt.HyperParameters) -> None:
    hp.Float("lr", 1e-3, 3e-3, step=1e-3)
    hp.Int("num_layers", 1, 3)
    with hp.conditional_scope("num_layers", [2, 3]):
        hp.Choice("units_1", [32, 64])


@pytest.mark.parametrize("name", ["grid", "bayesian"])
def test_a_small_space_is_searched_without_repeating_a_point(name: str, tmp_path: Path) -> None:
    listener = Recorder()
    with lock_search(tmp_path / "abc", fresh=False):
        spec = SearchSpec(tuner(f"tuner={name}", "tuner.max_trials=14"), small, tmp_path / "abc", 1, 9)
        search(spec, Formula(), Events(listener))
    points = [tuple(sorted(result.hyperparameters.items())) for result in listener.ended]
    assert len(set(points)) == len(points) == 14  # of 3 * (1 + 2 * 2)


def test_grid_stops_when_the_space_is_used_up(tmp_path: Path) -> None:
    with lock_search(tmp_path / "abc", fresh=False):
        spec = SearchSpec(tuner("tuner=grid", "tuner.max_trials=99"), small, tmp_path / "abc", 1, 9)
        found = search(spec, Formula(), Events())
    assert len(found.trials) == 15


def test_bayesian_search_finds_a_narrow_optimum_that_random_search_misses(tmp_path: Path) -> None:
    def scores(name: str) -> float:
        total = 0.0
        for seed in (1, 2, 3):
            config = tuner(f"tuner={name}", "tuner.max_trials=20")
            total += run(config, tmp_path / f"{name}{seed}", Formula(), seed=seed).score or 0.0
        return total / 3

    assert scores("bayesian") < 0.5 * scores("random")


def test_a_bayesian_proposal_costs_little(tmp_path: Path) -> None:
    """Trials of a formula that takes no time: fifty proposals of KerasTuner's own would take over a minute."""
    started = time.process_time()
    run(tuner("tuner=bayesian", "tuner.max_trials=15"), tmp_path, Formula())
    assert (time.process_time() - started) / 12 < 1


def test_hyperband_trains_few_networks_long(tmp_path: Path) -> None:
    lengths: list[int] = []

    class Counting(Formula):
        def __call__(
            self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
        ) -> list[Logs]:
            lengths.append(epochs)
            return super().__call__(hyperparameters, execution, seed, epochs, after_epoch)

    config = tuner("tuner=hyperband")
    assert config.max_trials is None
    found = run(config, tmp_path, Counting())
    assert len(found.trials) == len(lengths) > 10
    assert (min(lengths), max(lengths)) == (1, 9)
    assert lengths.count(1) > lengths.count(9)
    assert set(found.best) == {"lr", "num_layers"}
