"""Values that cannot be are warned about, with recording, column and row; sound data is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from forcepos.data.checks.check import check, constant_targets
from forcepos.data.recordings import Recordings

ROWS, VISITS = 60, 3
CHANNELS = ("Fx", "Fy", "Fz")


@pytest.fixture
def visits() -> Recordings:
    """Three visits of nine points, 20 mm apart, at rest: 60 rows each at 100 Hz."""
    rng = np.random.default_rng(1)
    x, y = (np.repeat(grid.ravel(), VISITS) for grid in np.meshgrid([-20, 0, 20], [-20, 0, 20]))
    count = len(x)
    force = np.column_stack([x**2 / 100 + 4, x * y / 100 + 9, np.full(count, 15)])
    force += rng.normal(0, 0.1, (count, 3))
    number = np.repeat(np.arange(count, dtype=np.int32), ROWS)
    return Recordings(
        signals=(force[number] + rng.normal(0, 0.02, (count * ROWS, 3))).astype(np.float32),
        positions=np.column_stack([x, y, np.zeros(count)]).astype(np.float32)[number],
        recording=number,
        point=(number // VISITS).astype(np.int32),
        channels=CHANNELS,
        names=tuple(f"v{place}" for place in range(count)),
        rate_hz=100.0,
        axes=("x", "y"),
    )


def changed(recordings: Recordings, change: Callable[[np.ndarray, np.ndarray], object]) -> list[str]:
    change(recordings.signals, recordings.positions)
    return check(recordings, 10)


def test_sound_recordings_are_not_warned_about(visits: Recordings) -> None:
    assert check(visits, 10) == []


@pytest.mark.parametrize("value", [-999, 9999, 65535, -32768, 1e30, 0])
def test_a_number_that_stands_for_no_value_is_found(visits: Recordings, value: float) -> None:
    def change(signals: np.ndarray, _: np.ndarray) -> None:
        signals[[70, 71, 200], 2] = value

    assert changed(visits, change) == [
        f"numbers that seem to stand for no value: {value:g} in column Fz, row 10 of recording v1 and 2 more "
        "rows; leave them empty, and set data.missing=drop"
    ]


def test_a_single_signal_far_outside_all_others_is_found(visits: Recordings) -> None:
    def change(signals: np.ndarray, _: np.ndarray) -> None:
        signals[70, 0] = 4321

    assert changed(visits, change) == [
        "single values far outside the others: 4321 in column Fx, row 10 of recording v1; remove these rows if no "
        "contact explains them"
    ]


@pytest.mark.parametrize("value", [1e6, 60.0])
def test_a_target_far_from_its_neighbours_is_found(visits: Recordings, value: float) -> None:
    def change(_: np.ndarray, positions: np.ndarray) -> None:
        positions[70, 0] = value

    assert changed(visits, change) == [
        f"targets far from their neighbours in time: {value:g} in column x, row 10 of recording v1; correct or "
        "remove these rows"
    ]


def test_rows_of_zeros_and_rows_that_repeat_for_a_second_are_found(visits: Recordings) -> None:
    whole = replace(visits, rate_hz=30.0)

    def change(signals: np.ndarray, _: np.ndarray) -> None:
        signals[60:64] = 0
        signals[130:170] = signals[130]

    assert [line for line in changed(whole, change) if line.startswith("all signals")] == [
        "all signals are exactly zero: 4 rows of v1; did a sensor stop? Then remove these rows",
        "all signals repeat the row before for more than a second: 40 rows of v2; did a sensor stop? Then remove "
        "these rows",
    ]


def test_units_that_differ_between_recordings_are_found_in_targets_and_signals(visits: Recordings) -> None:
    def targets_in_m(_: np.ndarray, positions: np.ndarray) -> None:
        positions[20 * ROWS :] /= 1000

    def forces_in_mn(signals: np.ndarray, _: np.ndarray) -> None:
        signals[: 25 * ROWS] *= 1000

    (line,) = changed(visits, targets_in_m)
    assert line == (
        "likely m and mm, or N and mN, mixed: targets are so much smaller in recordings v20, v21, v22, v23, "
        "v24 and 2 more; convert to one unit"
    )
    visits.positions[20 * ROWS :] *= 1000
    assert changed(visits, forces_in_mn) == [
        "likely m and mm, or N and mN, mixed: Fx, Fy, Fz are so much smaller in recordings v25, v26; convert "
        "to one unit"
    ]


def test_degrees_among_radians_are_found_if_several_channels_agree(visits: Recordings) -> None:
    def change(signals: np.ndarray, _: np.ndarray) -> None:
        signals[: 25 * ROWS, :2] *= 180 / np.pi

    assert changed(visits, change) == [
        "likely rad and deg mixed: Fx, Fy are so much smaller in recordings v25, v26; convert to one unit"
    ]


def test_a_sign_that_flips_between_visits_of_one_point_is_found(visits: Recordings) -> None:
    def change(signals: np.ndarray, _: np.ndarray) -> None:
        signals[4 * ROWS : 5 * ROWS, 1:] *= -1

    assert changed(visits, change) == [
        "the sign of Fy, Fz in recordings v4 is the opposite of that in others of the same point: was the sensor "
        "mounted the other way round?"
    ]


@pytest.mark.parametrize(
    ("scale", "extent", "factor", "fits"), [(1e-3, "0.04", "1000", "40"), (1e3, "4e+04", "0.001", "40")]
)
def test_a_tiny_or_a_huge_plate_names_the_scale(
    visits: Recordings, scale: float, extent: str, factor: str, fits: str
) -> None:
    def change(_: np.ndarray, positions: np.ndarray) -> None:
        positions *= scale

    assert changed(visits, change) == [
        f"the targets extend over {extent} mm, hardly a plate: data.target_scale_mm is likely wrong; {factor} "
        f"times as much makes it {fits} mm"
    ]


def test_one_point_in_all_and_a_point_for_each_row_are_warned_about(visits: Recordings) -> None:
    rows = len(visits.point)
    advice = "though the targets extend over 40 mm: name another column in data.point, or set data.point_grid_mm"
    for point, found in (
        (np.zeros(rows, np.int32), "1 point"),
        (np.arange(rows, dtype=np.int32), f"{rows} points"),
    ):
        assert check(replace(visits, point=point), 10) == [f"the {rows} rows are of {found}, {advice}"]


def test_a_class_that_a_subset_lacks_is_told_with_its_samples() -> None:
    def of(*labels: int) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[list(labels)]

    subsets = {"train": of(0, 1, 0), "validation": of(0, 1), "test": of(0, 1, 2)}
    subsets["calibration"] = of(0, 1)
    assert constant_targets(subsets, ("left", "right", "lab"), "class") == [
        "samples of a class are not in each subset: lab (0 train, 0 validation, 1 test, 0 calibration); what "
        "train lacks is never predicted, what test lacks is not tested: record it more often, leave it out, or "
        "choose another split"
    ]
    assert constant_targets({"train": of(0, 1, 2), "test": of(2, 1, 0)}, ("a", "b", "c"), "class") == []
    (line,) = constant_targets(
        {"train": of(0, 1), "test": of(1, 0)}, ("a", "b", "c"), "class"
    )  # left out by the split
    assert line.startswith("samples of a class are not in each subset: c (0 train, 0 test); ")
    assert constant_targets({"train": of(0, 1), "test": of(1, 0)}, ("a", "b", "c"), "sector") == []


def test_a_subset_of_one_class_only_is_not_also_said_to_lack_the_others() -> None:
    one, other = np.eye(2, dtype=np.float32)
    (line,) = constant_targets({"train": np.array([one, other]), "test": np.array([one])}, ("a", "b"), "class")
    assert line.startswith("class a in all samples of these subsets: test; ")
