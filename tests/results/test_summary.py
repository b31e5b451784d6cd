"""What a run says of itself at its end."""

from __future__ import annotations

from typing import Any

from forcepos.results.summary import remarks, score_table


def result(**more: Any) -> dict[str, Any]:
    return {
        "test": {"euclidean_mean_mm": 4.0, "r2": 0.9},
        "baseline": {"euclidean_mean_mm": 16.0, "r2": 0.0},
        "intervals": {"euclidean_mean_mm": [3.5, 4.6]},
        "resampled": "recordings",
        "confidence": 0.95,
        **more,
    }


def test_the_model_stands_in_the_first_row_with_its_intervals() -> None:
    columns, rows = score_table(result(linear={"euclidean_mean_mm": 9.0, "r2": 0.5}))
    assert columns == ["on the test part", "euclidean_mean_mm", "r2"]
    assert rows == [
        ["model", "4 [3.5, 4.6]", "0.9"],
        ["mean or most frequent class", "16", "0"],
        ["linear model", "9", "0.5"],
    ]


def test_the_honest_figure_stands_in_the_last_row_and_is_said() -> None:
    also = {"split": "held_out_points", "test": {"euclidean_mean_mm": 14.0, "r2": 0.1},
            "intervals": {"euclidean_mean_mm": [12.0, 16.0]}, "coverage": None}  # fmt: skip
    assert score_table(result(also=also))[1][-1] == [
        "model on held_out_points", "14 [12, 16]", "0.1"
    ]  # fmt: skip
    assert "split=held_out_points: the same hyperparameters reach euclidean_mean_mm 14 [12, 16]" in remarks(
        result(also=also)
    )


def test_what_is_beaten_by_a_baseline_says_so_in_its_last_line() -> None:
    assert not any("does not beat" in line for line in remarks(result()))
    trees = {"euclidean_mean_mm": 3.0}
    assert remarks(result(boosted_trees=trees, linear={"euclidean_mean_mm": 3.9}))[-1] == (
        "the network does not beat the boosted trees on the test part: euclidean_mean_mm 4 against 3"
    )


def test_no_better_than_a_constant_is_beaten_by_it() -> None:
    worse = {"test": {"accuracy": 0.25}, "baseline": {"accuracy": 0.25}}
    assert remarks(worse) == [
        "the network does not beat the constant baseline on the test part: accuracy 0.25 against 0.25"
    ]


def test_coverage_is_said_beside_what_was_asked() -> None:
    found = result(
        coverage={"asked": 0.9, "found": 0.8812, "radius_mean_mm": 7.51, "counted": "recordings or points"}
    )
    assert "a mean radius of 7.51 mm should hold 90 % of the samples and holds 88.1 % of the test part" in remarks(
        found
    )


def test_a_split_that_leaks_says_how_much() -> None:
    assert (
        "99.9 % of the test samples have a training sample of the same recording within a window's length: "
        "this score flatters"
    ) in remarks(result(neighbour_share=0.999))


def test_the_limit_is_told_by_direction() -> None:
    limits = {"limit_row_new_visit": {"rmse_radial_mm": 0.53}, "limit_new_visit": {"rmse_radial_mm": 0.071}}
    assert remarks(result(**limits))[1] == (
        "no unbiased estimate from joint torques alone (F and T know the joint angles, too) has an rmse below: "
        "from a row 0.53 mm, from a window 0.071 mm along the line to the base; across it they tell nothing"
    )
