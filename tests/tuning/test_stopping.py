"""Trials that end early, tried with histories that are made up and a training that is a formula."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from forcepos.runtime.errors import InputError
from forcepos.tuning.search import SearchResult, lock_search, search
from forcepos.tuning.stopping import bars_for, falls_behind
from forcepos.tuning.trials import Events, Listener, Logs, TrialResult, best_first, load_trial, load_trials
from forcepos.tuning.tuner import SearchSpec
from tests.conftest import checked_config
from tests.tuning.test_search import Epoch, Formula, declare, tuner
from tests.tuning.test_workers import Search

STOPS = "tuner.stop=median"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # takes most of the time, and no machine fails here


EPOCHS = 8


def ended(number: int, *curves: list[float], stopped: bool = False, inherited: int = 0) -> TrialResult:
    """A trial with these values of val_mae in its executions."""
    history = [[{"loss": 1.0, "val_mae": value} for value in curve] for curve in curves]
    values, score = {"tuner/initial_epoch": inherited}, sum(map(min, curves)) / len(curves)
    return TrialResult(number, values, history, score, None, stopped)


def failed(number: int, *curve: float) -> TrialResult:
    return TrialResult(number, {}, [[{"loss": 1.0, "val_mae": value} for value in curve]], None, "it diverged")


def so_far(*values: float) -> list[list[Logs]]:
    return [[{"loss": 1.0, "val_mae": value} for value in values]]


def test_a_bar_is_the_median_of_the_best_values_so_far_of_three_trials_or_more() -> None:
    trials = [ended(1, [5, 3, 4]), ended(2, [9, 8, 7]), ended(3, [6, 6, 1])]
    assert bars_for(tuner(STOPS), trials[:2]) == {}
    assert bars_for(tuner(STOPS), trials) == {(1, 1): 6, (1, 2): 6, (1, 3): 3}
    assert bars_for(tuner(STOPS), [*trials, ended(4, [1, 1, 1])]) == {(1, 1): 5.5, (1, 2): 4.5, (1, 3): 2}


def test_a_larger_objective_may_be_the_better_one() -> None:
    config = tuner(STOPS, "tuner.objective=val_r2", "tuner.direction=max")
    trials = [TrialResult(n, {}, [[{"val_r2": 0.1 * n}, {"val_r2": 0.0}]], 0.1 * n) for n in (1, 2, 3)]
    bars = bars_for(config, trials)
    assert bars == {(1, 1): pytest.approx(0.2), (1, 2): pytest.approx(0.2)}
    worse, better = ([[{"val_r2": 0.0}, {"val_r2": value}]] for value in (0.1, 0.3))
    assert falls_behind(config, bars, worse, 4)
    assert not falls_behind(config, bars, better, 4)


def test_a_stopped_trial_counts_in_the_epochs_that_it_did_and_a_failed_one_not_at_all() -> None:
    trials = [ended(1, [4, 3]), ended(2, [5, 4]), ended(3, [9], stopped=True), failed(4, 0, 0)]
    assert bars_for(tuner(STOPS), trials) == {(1, 1): 5}


def test_each_execution_is_compared_with_the_same_one_of_others() -> None:
    trials = [ended(n, [10.0 * n], [1.0 * n]) for n in (1, 2, 3)]
    assert bars_for(tuner(STOPS), trials) == {(1, 1): 20, (2, 1): 2}


def test_epochs_that_a_winner_of_hyperband_has_from_another_trial_count_once() -> None:
    winner = ended(4, [1, 0.5], inherited=1)
    assert bars_for(tuner(STOPS), [ended(1, [1]), ended(2, [2]), ended(3, [3]), winner]) == {(1, 1): 2}


def test_nothing_is_compared_without_the_rule() -> None:
    assert bars_for(tuner(), [ended(n, [1.0]) for n in range(1, 9)]) == {}


@pytest.mark.parametrize(
    ("values", "behind"),
    [
        ((9.0,), False), ((9.0, 9.0), False),  # warming up: a quarter of eight epochs
        ((9.0, 9.0, 9.0), True), ((9.0, 9.0, 5.0), False),  # as good as the median
        ((4.0, 9.0, 9.0), False),  # it was better than that before
        ((9.0,) * 7, True), ((9.0,) * 8, False),  # nothing is left to save
        ((9.0,) * 9, False),  # an epoch that no other trial did
    ],
)  # fmt: skip
def test_a_trial_falls_behind_where_its_best_value_so_far_is_worse_than_the_median(
    values: tuple[float, ...], behind: bool
) -> None:
    bars = {(1, epoch): 5.0 for epoch in range(1, 9)}
    assert falls_behind(tuner(STOPS), bars, so_far(*values), EPOCHS) is behind


def test_the_last_epoch_of_a_first_execution_leaves_another_one_to_save() -> None:
    config, bars = tuner(STOPS, "tuner.executions_per_trial=2"), {(1, 8): 5.0}
    assert falls_behind(config, bars, so_far(*[9.0] * 8), EPOCHS)


class Curves(Formula):
    """A training whose val_mae approaches the distance of lr from 0.001, farther off with more layers."""

    def __init__(self, killed_in: int | None = None) -> None:
        super().__init__()
        self._killed_in = killed_in  # the epoch, counted over all trials, in which the process is killed
        self.epochs = 0

    def __call__(
        self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
    ) -> list[Logs]:
        for epoch in range(1, epochs + 1):
            self.epochs += 1
            if self.epochs == self._killed_in:
                raise KeyboardInterrupt
            distance = abs(hyperparameters["lr"] - 1e-3) + 1e-3 * hyperparameters["num_layers"]
            after_epoch(epoch, {"loss": 1.0, "val_mae": distance + 0.01 / epoch})
        return []


class Started(Listener):
    def __init__(self) -> None:
        self.numbers = list[int]()

    def trial_started(self, number: int, hyperparameters: dict[str, Any]) -> None:
        self.numbers.append(number)


def run(
    folder: Path, *overrides: str, train: Curves | None = None, listener: Listener | None = None
) -> SearchResult:
    config = tuner(*overrides)
    with lock_search(folder / "abc", fresh=False):
        spec = SearchSpec(config, declare, folder / "abc", 1, EPOCHS)
        return search(spec, train or Curves(), Events(listener or Listener()))


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
def test_each_tuner_stops_trials_and_none_that_was_stopped_is_the_best(name: str, tmp_path: Path) -> None:
    found = run(tmp_path, f"tuner={name}", "tuner.max_trials=14", STOPS)
    stopped = [trial for trial in found.trials if trial.stopped]
    assert 1 <= len(stopped) <= 11
    for trial in stopped:
        assert len(trial.history[0]) < trial.hyperparameters.get("tuner/epochs", EPOCHS)
        assert trial.score == min(logs["val_mae"] for logs in trial.history[0])
        assert trial.failure is None
        assert trial.reason == (
            f"stopped in epoch {len(trial.history[0])}: worse than the median of earlier trials"
        )
    assert found.score == min(trial.score for trial in found.trials if trial.score and not trial.stopped)


def test_a_stopped_trial_is_not_the_best_even_with_the_best_score() -> None:
    trials = [ended(1, [3]), ended(2, [1], stopped=True), ended(3, [2]), failed(4, 0)]
    assert [trial.number for trial in best_first(trials, "min")] == [3, 1]
    assert [trial.number for trial in best_first(trials, "max")] == [1, 3]


def test_the_tuner_is_told_a_stopped_trials_best_value_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras_tuner.oracles import RandomSearchOracle

    told = list[tuple[str, float]]()
    update = RandomSearchOracle.update_trial

    def heard(self: Any, trial_id: str, metrics: dict[str, float], step: int = 0) -> Any:
        told.append((trial_id, metrics["val_mae"]))
        return update(self, trial_id, metrics, step)

    monkeypatch.setattr(RandomSearchOracle, "update_trial", heard)
    found = run(tmp_path, "tuner=random", "tuner.max_trials=8", STOPS)
    assert any(trial.stopped for trial in found.trials)
    assert told == [(str(trial.number - 1), trial.score) for trial in found.trials]


@pytest.mark.parametrize("name", ["random", "bayesian", "hyperband"])
def test_a_search_that_was_killed_at_any_epoch_ends_as_if_it_had_not_been(name: str, tmp_path: Path) -> None:
    overrides, train = (f"tuner={name}", "tuner.max_trials=9", STOPS), Curves()
    whole = run(tmp_path / "whole", *overrides, train=train)
    assert any(trial.stopped for trial in whole.trials)
    for killed_in in range(train.epochs // 2, train.epochs, 5):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / f"{killed_in}", *overrides, train=Curves(killed_in))
        again = run(tmp_path / f"{killed_in}", *overrides)
        assert list(again.trials) == list(whole.trials)
        assert again[:2] == whole[:2]


def test_a_trial_that_is_done_again_is_compared_with_those_that_it_was_compared_with(tmp_path: Path) -> None:
    overrides = ("tuner=random", "tuner.max_trials=9", STOPS)
    whole = run(tmp_path, *overrides)
    stopped = [trial.number for trial in whole.trials if trial.stopped]
    for number in (1, stopped[0], stopped[-1]):
        (tmp_path / "abc" / f"trial_{number:04}.json").unlink()
    assert list(run(tmp_path, *overrides).trials) == list(whole.trials)


class Slowly(Curves):
    """Such that several workers have trials at the same time."""

    def __call__(
        self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
    ) -> list[Logs]:
        def after_a_while(epoch: int, logs: Logs) -> None:
            time.sleep(0.005)
            after_epoch(epoch, logs)

        return super().__call__(hyperparameters, execution, seed, epochs, after_a_while)


def test_what_several_workers_decided_is_replayed(tmp_path: Path) -> None:
    """Which trials had ended when another began differs from run to run; the journal tells, whatever is lost."""
    place, overrides = tmp_path / "s", ("tuner=random", "tuner.max_trials=12", STOPS)
    before = Search(place, *overrides).run(Slowly(), Slowly())
    stopped = [trial.number for trial in before.trials if trial.stopped]
    assert stopped
    again = Search(place, *overrides)
    assert list(again.run(Slowly()).trials) == list(before.trials)
    assert again.heard.numbers("started") == []
    for number in (2, stopped[-1]):
        (place / f"trial_{number:04}.json").unlink()
    again = Search(place, *overrides)
    assert list(again.run(Slowly(), Slowly()).trials) == list(before.trials)
    assert again.heard.numbers("started") == [2, stopped[-1]]


def test_that_a_trial_was_stopped_is_in_its_file(tmp_path: Path) -> None:
    found = run(tmp_path, "tuner=random", "tuner.max_trials=8", STOPS)
    for trial in found.trials:
        stored = json.loads((tmp_path / "abc" / f"trial_{trial.number:04}.json").read_text())
        assert stored["stopped"] is trial.stopped
        assert load_trial(tmp_path / "abc", trial.number) == trial


def test_files_of_earlier_versions_tell_neither_stops_nor_seconds(tmp_path: Path) -> None:
    found = run(tmp_path, "tuner=random", "tuner.max_trials=2")
    for path in (tmp_path / "abc").glob("trial_*.json"):
        stored = json.loads(path.read_text())
        del stored["stopped"], stored["seconds"]
        path.write_text(json.dumps(stored))
    assert load_trials(tmp_path / "abc") == list(found.trials)
    assert [trial.seconds for trial in load_trials(tmp_path / "abc")] == [0.0, 0.0]


def test_a_search_that_never_stops_takes_no_trial_that_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, "tuner=random", "tuner.max_trials=2")
    path = tmp_path / "abc" / "trial_0002.json"
    path.write_text(path.read_text().replace('"stopped": false', '"stopped": true'))
    run(tmp_path, "tuner=random", "tuner.max_trials=2")
    assert caplog.messages == [
        f"{path} is damaged (it was stopped, which tuner.stop=none never does): "
        "moved to trial_0002.json.damaged; trial 2 is done again"
    ]


class Timed(Curves):
    """A training that takes so many seconds of a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        super().__init__()
        self._seconds, self.now = seconds, 1000.0
        monkeypatch.setattr("forcepos.tuning.search.time.monotonic", lambda: self.now)

    def __call__(self, *arguments: Any) -> list[Logs]:
        self.now += self._seconds
        return super().__call__(*arguments)


@pytest.mark.parametrize("name", ["random", "bayesian", "grid", "hyperband"])
def test_a_search_ends_after_its_minutes_and_more_of_them_extend_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    clock = Timed(monkeypatch, seconds=40)
    found = run(tmp_path, f"tuner={name}", "tuner.max_trials=9", "tuner.minutes=2", train=clock)
    assert (len(found.trials), found.out_of_time) == (3, True)
    assert caplog.messages == ["tuner.minutes=2 is over: the search ends after trial 3; more extend it"]
    same = run(tmp_path, f"tuner={name}", "tuner.max_trials=9", "tuner.minutes=2", train=clock)
    assert list(same.trials) == list(found.trials)
    more = run(tmp_path, f"tuner={name}", "tuner.max_trials=9", "tuner.minutes=3", train=clock)
    assert (len(more.trials), more.reused, more.out_of_time) == (5, 3, True)
    rest = run(tmp_path, f"tuner={name}", "tuner.max_trials=6", "tuner.minutes=99", train=clock)
    assert (len(rest.trials), rest.out_of_time) == (6, False)


def test_trials_that_began_are_done_even_if_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a search proposes later may depend on them, and what is known of later ones is kept."""
    overrides, clock = ("tuner=random", "tuner.max_trials=9", "tuner.minutes=2"), Timed(monkeypatch, seconds=40)
    found = run(tmp_path, *overrides, train=clock)
    (tmp_path / "abc" / "trial_0001.json").unlink()
    assert list(run(tmp_path, *overrides, train=clock).trials) == list(found.trials)


def test_minutes_are_those_of_all_workers_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "tuner=random", "tuner.max_trials=4", train=Timed(monkeypatch, seconds=60))
    listener = Started()
    overrides = ("tuner=random", "tuner.max_trials=9", "tuner.minutes=3", "tuner.workers=2")
    run(tmp_path, *overrides, train=Timed(monkeypatch, seconds=30), listener=listener)
    assert listener.numbers == [5, 6]  # four trials took two workers two minutes


def test_minutes_are_enough_of_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Timed(monkeypatch, seconds=20)
    found = run(tmp_path, "tuner=random", "tuner.max_trials=null", "tuner.minutes=1", train=clock)
    assert len(found.trials) == 3
    with pytest.raises(
        InputError, match="tuner.max_trials=null needs tuner.minutes, or a tuner that ends by itself"
    ):
        checked_config("tuner=random", "tuner.max_trials=null")
