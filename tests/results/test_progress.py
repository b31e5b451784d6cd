"""The time left of a run, estimated from its epochs, with a clock that the test moves."""

from __future__ import annotations

import pytest

from forcepos.results.progress import Progress
from forcepos.runtime.wording import duration
from tests.conftest import checked_config

# Without patience, baselines, figures and a second split only saving has seconds of its own.
BARE = (
    "evaluation.baselines=false",
    "evaluation.figures=false",
    "training.patience=null",
    "training.final_epochs=10",
)
ALONE = (*BARE, "evaluation.also=null")
FIRST_S, FURTHER_S, SAVING_S = 3.5, 1.0, 1.5  # as on the machine of the known seconds


class Clocked:
    """A run of five trials with five epochs each, and its clock."""

    def __init__(self, *overrides: str) -> None:
        self.now = 100.0
        self.progress = Progress(checked_config(*overrides), 1000, lambda: self.now)

    def begin(self, number: int) -> None:
        self.progress.begin_trial(number, None)

    def epochs(self, number: int, count: int) -> None:
        """Do a trial's first epochs."""
        for epoch in range(count):
            self.now += FIRST_S if epoch == 0 else FURTHER_S
            self.progress.tick(number)

    def finals(self, count: int) -> None:
        for epoch in range(1, count + 1):
            self.now += FIRST_S if epoch == 1 else FURTHER_S
            self.progress.final_epoch(1, epoch, 1)

    @property
    def left(self) -> float | None:
        return self.progress.seconds_left()


def test_there_is_no_estimate_before_a_network_has_done_an_epoch_after_its_first_one() -> None:
    run = Clocked(*ALONE)
    run.progress.enter("search")
    assert run.left is None
    run.begin(1)
    run.epochs(1, 1)
    assert run.left is None


def test_an_ensemble_of_trials_is_trained_for_a_second_split_only() -> None:
    trials = ("training.ensemble=trials", "training.epochs=5", "tuner.max_trials=8")
    alone, second = Clocked(*trials, *ALONE), Clocked(*trials, *BARE, "evaluation.also=held_out_points")
    assert alone.progress.plan().startswith("8 trials x 5 epochs, 0 x at most 5 epochs: roughly ")
    assert second.progress.plan().startswith("8 trials x 5 epochs, 3 x at most 5 epochs: roughly ")


def test_each_further_network_compiles_as_the_first_one_did() -> None:
    run = Clocked(*ALONE)
    run.progress.enter("search")
    run.begin(1)
    run.epochs(1, 2)
    trial, final, saving = FIRST_S + 4 * FURTHER_S, FIRST_S + 9 * FURTHER_S, SAVING_S
    assert run.left == 3 * FURTHER_S + 7 * trial + final + saving


def test_time_passes_between_events() -> None:
    run = Clocked(*ALONE)
    run.progress.enter("search")
    run.begin(1)
    run.epochs(1, 2)
    before = run.left
    run.now += 0.5
    assert before is not None
    assert run.left == before - 0.5


def test_a_trial_that_failed_leaves_nothing_to_wait_for() -> None:
    run = Clocked(*ALONE, "tuner.max_trials=2")
    run.progress.enter("search")
    run.begin(1)
    run.epochs(1, 2)
    run.progress.networks[1].epochs = 0  # as Terminal does when it ends
    assert run.left == FIRST_S + 4 * FURTHER_S + FIRST_S + 9 * FURTHER_S + SAVING_S


def test_two_workers_share_the_trials_whose_events_interleave() -> None:
    run = Clocked(*ALONE, "tuner.workers=2", "tuner.max_trials=4")
    run.progress.enter("search")
    run.begin(1)
    run.begin(2)
    run.now += FIRST_S
    for number in (1, 2):
        run.progress.tick(number)
    run.now += FURTHER_S
    for number in (1, 2):
        run.progress.tick(number)
    two_rest, two_more = 2 * 3 * FURTHER_S, 2 * (FIRST_S + 4 * FURTHER_S)
    assert run.left == (two_rest + two_more) / 2 + FIRST_S + 9 * FURTHER_S + SAVING_S


def test_a_search_of_unknown_length_has_no_estimate_but_what_follows_it_has() -> None:
    run = Clocked(*ALONE, "tuner=hyperband")
    run.progress.enter("search")
    run.begin(1)
    run.epochs(1, 5)
    assert run.left is None
    run.progress.leave()
    assert run.left == FIRST_S + 9 * FURTHER_S + SAVING_S


def test_early_stopping_is_expected_halfway_between_the_least_and_the_most_epochs() -> None:
    run = Clocked(*ALONE, "training.patience=4", "training.final_epochs=20")
    run.progress.enter("final training")
    run.finals(3)  # the best one was the first: training ends after epoch 5 at the earliest
    assert run.left == ((5 + 20) / 2 - 3) * FURTHER_S + SAVING_S


def test_the_second_split_is_expected_to_take_as_long_as_the_runs_own() -> None:
    run = Clocked(*BARE)
    run.progress.enter("final training")
    run.finals(10)
    run.progress.leave()
    assert run.progress.stages == [
        "final training" if name == "final" else name
        for name in ("search", "final", "baselines", "training for split=held_out_points", "baselines", "figures")
    ]
    assert run.left == pytest.approx(FIRST_S + 9 * FURTHER_S + SAVING_S)
    for stage in run.progress.stages[2:]:
        assert run.progress.stages[run.progress.at] == stage
        run.progress.enter(stage)
        run.progress.leave()
    assert run.left == 0


def test_the_plan_says_how_much_is_trained_and_roughly_how_long() -> None:
    config = checked_config("tuner.executions_per_trial=2")
    assert Progress(config, 9631).plan() == (
        "8 trials x 10 epochs, 2 x at most 30 epochs: roughly 80 s on two cores"
    )
    fixed = checked_config("tuner=fixed", "tuner.hyperparameters=best.json", "training.ensemble=3", *ALONE)
    assert Progress(fixed, 9631).plan() == "3 x at most 10 epochs: roughly 13 s on two cores"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4.4, "4 s"), (94, "94 s"), (96, "1.6 min"), (600, "10 min"), (5400, "90 min"), (6000, "1.7 h")],
)
def test_a_duration_has_few_digits(seconds: float, words: str) -> None:
    assert duration(seconds) == words
