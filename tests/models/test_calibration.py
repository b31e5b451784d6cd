"""The conformal bound reaches its target coverage."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.data.recordings import all_samples
from forcepos.data.sectors import make_sectors
from forcepos.data.splits.split import Units, split_of
from forcepos.models.calibration import calibrate, conformal_bound, spread_mm, vouched
from forcepos.models.problem import Classification, Regression
from tests.conftest import checked_config
from tests.data.test_splits import plate

XY = Regression(("x", "y"))


def test_with_one_sample_per_group_the_bound_is_the_textbook_quantile() -> None:
    scores = np.arange(1, 20, dtype=float)  # n = 19: the ceil(20 x 0.9) = 18th smallest
    assert conformal_bound(scores, np.arange(19), 0.9) == 18


def test_a_group_counts_once_however_many_samples_it_has() -> None:
    scores = np.concatenate([np.full(1000, 5.0), np.arange(1.0, 10.0)])
    group = np.concatenate([np.zeros(1000, int), np.arange(1, 10)])
    assert conformal_bound(scores, group, 0.5) == 5.0  # of 1 2 3 4 5 5 6 7 8 9 and infinity, the 6th
    assert conformal_bound(scores, group, 0.8) == 8.0


@pytest.mark.parametrize(("groups", "bound"), [(8, np.inf), (9, 9.0)])
def test_a_coverage_of_nine_tenths_needs_nine_groups(groups: int, bound: float) -> None:
    assert conformal_bound(np.arange(1.0, groups + 1), np.arange(groups), 0.9) == bound


def test_coverage_of_new_recordings_reaches_its_target_and_hardly_exceeds_it() -> None:
    rng = np.random.default_rng(1)

    def recordings(count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw errors that are similar within a recording."""
        group = np.repeat(np.arange(count), 20)
        return np.abs(rng.normal(0, 1, count)[group] + rng.normal(0, 0.3, 20 * count)), group

    coverages = [np.mean(recordings(50)[0] <= conformal_bound(*recordings(30), 0.9)) for _ in range(400)]
    assert 0.9 < np.mean(coverages) < 0.9 + 1 / 31


def test_the_radius_of_a_single_network_is_a_distance() -> None:
    true = np.zeros((19, 2), np.float32)
    outputs = np.zeros((1, 19, 2), np.float32)
    outputs[0, :, 0] = np.arange(1, 20)
    calibration = calibrate(XY, true, outputs, Units(np.arange(19, dtype=np.int32)), 0.9)
    assert calibration is not None
    assert (calibration.bound, calibration.floor_mm, calibration.units) == (18.0, 0.0, 19)


def test_the_spread_of_an_ensemble_is_the_distance_of_its_members_from_their_mean() -> None:
    members = np.zeros((2, 1, 2), np.float32)
    members[:, 0, 0] = 1, 5  # 2 mm from their mean each
    assert spread_mm(members, 0.0).tolist() == [2.0]
    assert spread_mm(members, 1.5).tolist() == [2.5]
    assert spread_mm(members[:1], 0.0).tolist() == [1.0]


def test_too_few_recordings_calibrate_the_level_that_they_vouch_for(caplog: pytest.LogCaptureFixture) -> None:
    true, outputs = np.zeros((40, 2), np.float32), np.zeros((1, 40, 2), np.float32)
    outputs[0, :, 0] = np.arange(40)
    calibration = calibrate(XY, true, outputs, Units(np.repeat(np.arange(4, dtype=np.int32), 10)), 0.9)
    assert calibration is not None
    assert (calibration.coverage, calibration.units, calibration.counted) == (0.75, 4, "recordings")
    assert calibration.bound == 37.0  # the 38th of 40 has a weight of 38 / 50 below it
    assert caplog.messages == [
        "recordings to calibrate on: 4, too few for evaluation.coverage=0.9: the radius is for 0.75; "
        "evaluation.calibration=folds, or more of them, may do"
    ]


def test_one_recording_gives_no_radius_however_many_samples_it_has(caplog: pytest.LogCaptureFixture) -> None:
    true, outputs = np.zeros((500, 2), np.float32), np.ones((1, 500, 2), np.float32)
    assert calibrate(XY, true, outputs, Units(np.zeros(500, np.int32)), 0.9) is None
    assert caplog.messages == [
        "recordings to calibrate on: 1, too few for evaluation.coverage=0.9: no radius; "
        "evaluation.calibration=folds, or more of them, may do"
    ]


def test_k_recordings_vouch_for_less_than_k_of_k_plus_one() -> None:
    levels = {units: vouched(units, 0.9) for units in range(12)}
    assert [*levels.values()] == [0, 0, 0.65, 0.7, 0.75, 0.8, 0.85, 0.85, 0.85, 0.9, 0.9, 0.9]


def test_the_bound_of_sectors_is_one_minus_the_probability_of_the_true_one() -> None:
    task = Classification(make_sectors(checked_config().sectors))
    true = np.eye(8, dtype=np.float32)[np.zeros(19, int)]
    outputs = np.zeros((1, 19, 8), np.float32)
    outputs[0, :, 0] = np.arange(1, 20) / 20
    calibration = calibrate(task, true, outputs, Units(np.arange(19, dtype=np.int32)), 0.9)
    assert calibration is not None
    assert calibration.bound == pytest.approx(1 - 2 / 20)


@pytest.mark.parametrize(
    ("overrides", "groups"),
    [
        (["split=blocked"], [0, 1, 2, 3]),
        (["split=held_out_recordings"], [0, 1, 2, 3]),
        (["split=held_out_points"], [0, 0, 1, 1]),
        (["split=cross_validation"], [0, 0, 1, 1]),
        (["split=cross_validation", "split.unit=recording"], [0, 1, 2, 3]),
    ],
)
def test_samples_are_grouped_by_the_unit_that_new_data_differ_in(overrides: list[str], groups: list[int]) -> None:
    samples = all_samples(plate([1, 1, 1, 1]), 1)
    assert split_of(checked_config(*overrides).split).units(samples).number.tolist() == groups
