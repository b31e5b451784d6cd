"""The table and the remarks at the end of a run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from forcepos.results.scores import in_words, remarks, score_table, with_interval


def result(**more: Any) -> dict[str, Any]:
    return {
        "test": {"euclidean_mean_mm": 4.0, "r2": 0.9},
        "baseline": {"euclidean_mean_mm": 16.0, "r2": 0.0},
        "intervals": {"euclidean_mean_mm": [3.5, 4.6]},
        "resampled": "recordings",
        "confidence": 0.95,
        **more,
    }


@pytest.mark.parametrize(
    ("value", "ends", "written"),
    [
        (1.258, (1.118, 1.424), "1.26 [1.12, 1.42]"),
        (0.99031, (0.98658, 0.993), "0.9903 [0.9866, 0.9930]"),
        (5.962, (4.932, 6.97), "6.0 [4.9, 7.0]"),
        (161.6, (98.2, 231.0), "162 [98, 231]"),
        (1.0, (1.0, 1.0), "1.00 [1.00, 1.00]"),
        (4.2, (None, None), "4.20"),
        (5.2440, None, "5.24"),
        (16.7597, None, "16.8"),
        (1234.5, None, "1234"),
        (0.0593, None, "0.059"),
        (-3.773e-06, None, "0.00"),
        (math.nan, None, "nan"),
        (None, None, ""),
    ],
)
def test_the_width_of_its_interval_says_how_many_digits_a_value_has(
    value: float | None, ends: tuple[float | None, float | None] | None, written: str
) -> None:
    assert with_interval(value, ends) == written


def test_a_unit_stands_before_the_interval() -> None:
    assert with_interval(1.258, (1.118, 1.424), "mm") == "1.26 mm [1.12, 1.42]"


def test_scores_metrics_and_columns_have_names_in_words_with_their_units() -> None:
    assert in_words("val_mae") == "validation: mean absolute error (mm)"
    assert in_words("euclidean_p95_mm") == "95 % of errors below (mm)"
    assert in_words("bias_x_mm") == "bias x (mm)"
    assert in_words("errors_by_point") == "errors by point"


def test_the_first_row_is_the_model_with_its_intervals() -> None:
    rows = score_table(result(linear={"euclidean_mean_mm": 9.0, "r2": 0.5}))
    assert list(rows[0]) == ["test subset", "mean error (mm)", "R²"]
    assert [list(row.values()) for row in rows] == [
        ["model", "4.0 [3.5, 4.6]", "0.900"],
        ["mean or most frequent class", "16.0", "0.00"],
        ["linear model", "9.00", "0.500"],
    ]


def test_only_the_wide_table_has_intervals_in_its_last_column() -> None:
    scores = result(intervals={"euclidean_mean_mm": [3.5, 4.6], "r2": [0.86, 0.93]})
    narrow, wide = score_table(scores)[0], score_table(scores, wide=True)[0]
    assert (narrow["R²"], wide["R²"]) == ("0.900", "0.900 [0.860, 0.930]")


def test_the_second_splits_scores_are_in_the_last_rows() -> None:
    second_split = {"split": "held_out_points", "test": {"euclidean_mean_mm": 14.0, "r2": 0.1},
            "intervals": {"euclidean_mean_mm": [12.0, 16.0]}, "coverage": None}  # fmt: skip
    model = ["model, held_out_points", "14.0 [12.0, 16.0]", "0.100"]
    of_an_earlier_version = score_table(result(also=second_split))
    assert list(of_an_earlier_version[-1].values()) == model
    known = second_split | {"linear": {"euclidean_mean_mm": 10.7, "r2": 0.2}}
    assert [list(row.values()) for row in score_table(result(also=known))[-2:]] == [
        model,
        ["linear model, held_out_points", "10.7", "0.200"],
    ]


def test_observed_coverage_is_reported_with_its_target() -> None:
    coverage = {"asked": 0.9, "found": 0.8812, "radius_mean_mm": 7.51, "counted": "recordings"}
    expected = "target coverage 90 %, observed 88.1 % on the test subset, with a mean radius of 7.51 mm"
    assert expected in remarks(result(coverage=coverage))


def test_a_coverage_that_few_recordings_vouch_for_is_reported_as_that() -> None:
    few = {"level": 0.8, "calibration_units": 5, "counted": "recordings"}
    coverage = {"asked": 0.9, "found": 0.8812, "radius_mean_mm": 7.51, **few}
    expected = (
        "target coverage 80 %, all that 5 recordings vouch for, observed 88.1 % on the test subset, with a mean "
        "radius of 7.51 mm"
    )
    assert expected in remarks(result(coverage=coverage))
