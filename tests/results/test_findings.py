"""Findings: what to doubt in a result, each with the numbers and what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from forcepos.results.findings import find
from forcepos.results.scores import BASELINES
from forcepos.tuning.search import SearchResult
from forcepos.tuning.trials import TrialResult
from tests.conftest import Smoke, checked_config

FILTERS = "conv_input_filter"
REST = {"scaling": "whiten", "statistics_s": 0.0,
    "conv_input_kernel": 3, "conv_input_activation": "relu", "num_layers": 1, "conv_0_filter": 64,
    "conv_0_kernel": 3, "conv_0_activation": "relu", "dropout": False, "lr": 4e-3, "batch_size": 16,
}  # fmt: skip


def sound(**more: Any) -> dict[str, Any]:
    """Return a result with nothing to doubt."""
    return {
        "test": {"euclidean_mean_mm": 4.0},
        "intervals": {"euclidean_mean_mm": [3.5, 4.6]},
        "baseline": {"euclidean_mean_mm": 16.0},
        "differences": {name: {"euclidean_mean_mm": [-13.0, -11.0]} for name in BASELINES},
        "neighbour_share": None,
        "coverage": {"asked": 0.9, "level": 0.9, "found": 0.88, "radius_mean_mm": 7.5, "counted": "recordings"},
        "also": None,
        "data": {"tested_recordings": 20},
        "best_epoch": 12,
        **more,
    }


def trial(number: int, score: float, **values: Any) -> TrialResult:
    history = [[{"val_mae": score, "loss": 1.0}]]
    return TrialResult(number, {FILTERS: 64, **REST, **values}, history, score)


def searched(*trials: TrialResult) -> SearchResult:
    best = min(trials, key=lambda one: one.score or 0.0) if trials else None
    return SearchResult(best.hyperparameters if best else {}, best.score if best else None, trials, 0)


def found(result: dict[str, Any], *trials: TrialResult, overrides: tuple[str, ...] = ()) -> list[str]:
    return [one.found for one in find(result, searched(*trials), checked_config(*overrides))]


def test_a_sound_result_has_no_findings() -> None:
    assert found(sound(), trial(1, 3.0), trial(2, 9.0)) == []


def test_a_baseline_that_is_better_is_named_first() -> None:
    beaten = sound(
        linear={"euclidean_mean_mm": 3.9}, boosted_trees={"euclidean_mean_mm": 3.0}, data={"tested_recordings": 3},
        differences={"boosted_trees": {"euclidean_mean_mm": [0.5, 1.5]}},
    )  # fmt: skip
    assert found(beaten)[0] == "the network does not beat the boosted trees: 4 mm against 3 mm"


def test_a_baseline_that_is_better_on_the_second_split_is_named_as_well() -> None:
    second = second_split(14.0, 12.0, 16.0) | {
        "linear": {"euclidean_mean_mm": 10.7}, "differences": {"linear": {"euclidean_mean_mm": [-0.2, 6.8]}}
    }  # fmt: skip
    first, _ = find(sound(also=second), searched(), checked_config())
    assert first.found == "the network does not beat the linear model on held_out_points: 14 mm against 10.7 mm"
    assert first.advice == ("do not use this network there: search with split=held_out_points, or record more")


def test_a_network_that_equals_the_constant_baseline_does_not_beat_it() -> None:
    equal = sound(
        test={"accuracy": 0.25}, baseline={"accuracy": 0.25}, intervals={"accuracy": [0.2, 0.3]},
        differences={"baseline": {"accuracy": [0.0, 0.0]}},
    )  # fmt: skip
    assert found(equal) == ["the network does not beat the constant baseline: 25 % against 25 %"]


def test_a_baseline_that_is_behind_by_no_more_than_chance_may_be_as_good() -> None:
    close = {"linear": {"euclidean_mean_mm": [-1.1, 0.1]}}
    assert found(sound(linear={"euclidean_mean_mm": 4.5}, differences=close)) == [
        "the linear model may be as good as the network: 4 mm against 4.5 mm, which chance may explain"
    ]


def test_a_baseline_that_is_behind_on_nearly_every_recording_is_beaten_within_the_scores_interval() -> None:
    """What makes a recording hard is hard for both: their difference varies less than the score does."""
    paired = {"linear": {"euclidean_mean_mm": [-0.8, -0.2]}}
    assert found(sound(linear={"euclidean_mean_mm": 4.5}, differences=paired)) == []


def test_a_leak_between_subsets_makes_the_score_too_optimistic() -> None:
    assert found(sound(neighbour_share=0.999)) == [
        "99.9 % of the test samples have a training sample of the same recording within a window's length: "
        "this score is too optimistic"
    ]


def second_split(score: float, low: float, high: float) -> dict[str, Any]:
    return {
        "split": "held_out_points", "test": {"euclidean_mean_mm": score}, "coverage": None,
        "baseline": {"euclidean_mean_mm": 18.0}, "differences": {"baseline": {"euclidean_mean_mm": [-9.0, -1.0]}},
        "intervals": {"euclidean_mean_mm": [low, high]}, "data": {"tested_recordings": 20},
    }  # fmt: skip


def test_a_second_split_that_is_worse_beyond_both_intervals_is_to_be_quoted() -> None:
    (one,) = find(sound(also=second_split(14.0, 12.0, 16.0)), searched(), checked_config())
    assert one.found == (
        "on held_out_points the same hyperparameters do worse, by more than chance explains: 14 mm against 4 mm"
    )
    assert one.advice == (
        "quote the score on held_out_points for contacts that were never recorded, and record more of them"
    )
    assert found(sound(also=second_split(5.0, 4.2, 6.0))) == []


def test_intervals_over_few_recordings_are_too_narrow() -> None:
    assert found(sound(data={"tested_recordings": 1}, coverage=None)) == [
        "the test subset has 1 recording: intervals over so few are too narrow"
    ]


@pytest.mark.parametrize(("observed", "promise"), [(0.61, "more"), (1.0, None), (0.77, None)])
def test_coverage_is_off_target_if_the_number_of_recordings_does_not_explain_it(
    observed: float, promise: str | None
) -> None:
    coverage = {"asked": 0.9, "level": 0.9, "found": observed, "radius_mean_mm": 7.5, "counted": "recordings"}
    values = f"target 90 %, observed {100 * observed:g} %"
    expected = [f"the calibration promises {promise} than it holds: {values}"] if promise else []
    assert found(sound(coverage=coverage)) == expected


def test_channels_whose_test_values_leave_the_training_range_are_named_the_worst_first() -> None:
    data = {"tested_recordings": 20, "outside_training": {"Fx": 0.004, "q1": 0.25, "q2": 1.0}}
    (one,) = find(sound(data=data), searched(), checked_config())
    assert one.found == (
        "test values of 2 channels leave the range of training: "
        "q2 of 100 % of the samples, q1 of 25 % of the samples"
    )
    assert one.advice == "record such values, tare, or leave these channels out (data.features)"


def test_too_few_recordings_to_calibrate_on_are_told_with_what_they_vouch_for() -> None:
    few = {"calibration_units": 5, "counted": "recordings", "calibration": "part"}
    coverage = {"asked": 0.9, "level": 0.8, "found": 0.8, "radius_mean_mm": 7.5, **few}
    (one,) = find(sound(coverage=coverage), searched(), checked_config())
    assert one.found == "5 recordings to calibrate on vouch for 80 %, not for 90 %"
    assert one.advice == "calibrate on 9 or more: evaluation.calibration=folds, or record more"


def test_trials_that_differ_by_less_than_chance_cannot_be_told_apart() -> None:
    assert found(sound(), trial(1, 3.0), trial(2, 9.0), trial(3, 3.2)) == [
        "the two best trials, 1 and 3, cannot be told apart: val_mae 3 and 3.2"
    ]


def test_a_stopped_trial_is_not_compared_with_the_best() -> None:
    stopped = replace(trial(3, 3.1), stopped=True)
    assert found(sound(), trial(1, 3.0), trial(2, 9.0), stopped) == []


def test_a_search_that_ran_out_of_time_says_so() -> None:
    search = searched(trial(1, 3.0), trial(2, 9.0))._replace(out_of_time=True)
    (one,) = find(sound(), search, checked_config("tuner.minutes=2.5"))
    assert one.found == "tuner.minutes=2.5 ended the search after 2 trials"
    assert one.advice == "raise tuner.minutes, which keeps the trials of this search"


def test_executions_tell_trials_apart_by_their_own_spread() -> None:
    runs = {1: (3.0, 3.01, 3.02), 2: (3.2, 3.21, 3.22), 3: (3.0, 3.5, 4.0)}
    trials = {
        number: TrialResult(
            number, {FILTERS: 64, **REST}, [[{"val_mae": each}] for each in scores], sum(scores) / 3
        )
        for number, scores in runs.items()
    }
    executions = ("tuner.executions_per_trial=3",)
    assert found(sound(), trials[1], trials[2], overrides=executions) == []
    assert found(sound(), trials[1], trials[3], overrides=executions) == [
        "the two best trials, 1 and 3, cannot be told apart: val_mae 3.01 and 3.5"
    ]


def test_a_best_value_at_the_end_of_its_range_is_named_where_trials_became_better_towards_it() -> None:
    towards = [trial(number, 10.0 - number, **{FILTERS: 16 * number}) for number in range(1, 9)]
    assert found(sound(intervals={}), *towards) == [
        "the best trial has conv_input_filter=128 at the upper end of 16 to 128, "
        "and trials became better towards it"
    ]
    away = [trial(number, 9.0 - number, **{FILTERS: 128 - 16 * number}) for number in range(2, 8)]
    assert found(sound(intervals={}), trial(1, 1.0, **{FILTERS: 128}), *away) == []


def test_a_single_layer_is_no_end_that_could_be_widened() -> None:
    layers = [trial(number, float(number), num_layers=number) for number in range(1, 7)]
    assert found(sound(intervals={}), *layers) == []


def test_a_final_training_that_was_best_in_its_last_epoch_may_not_have_ended() -> None:
    assert found(sound(best_epoch=30)) == [
        "the final training was best in its last epoch, 30: it may not have ended"
    ]


def test_a_run_keeps_its_findings_in_its_result(smoke: Smoke) -> None:
    finished, _ = smoke("cnn_regression")
    checks = finished.result["checks"]
    assert {tuple(check) for check in checks} == {("found", "advice")}
    assert json.dumps(checks).count("to calibrate on vouch for") == 1  # the other split has no radius
