"""How the Cramér-Rao bound depends on noise, window and what is known, and where there is none."""

from __future__ import annotations

import time

import numpy as np
import pytest

from forcepos.data.simulation.arm import Arm
from forcepos.data.simulation.simulation import Simulation
from forcepos.evaluation.limits import cramer_rao_scores
from tests.data.test_simulation import EXACT_WRENCH, WRENCH, columns, simulate

# The plate is straight ahead of the arm: x points away from its base, so distance is observable, direction is not.
AHEAD = ("data.grid=[1,1]", "data.offset_mm=[-635,0,-375]")
KNOWN_FORCE = ("data.force_spread_n=0", "data.repeatability_mm=0")
NO_SLOW_ERROR = ("data.drift_percent=0", "data.visit_offset_percent=0")
WINDOW = 5


def cramer_rao(
    simulation: Simulation, *outputs: str, window: int = WINDOW, offsets_known: bool = False
) -> dict[str, float]:
    point = np.arange(len(simulation.nominal_postures), dtype=np.int32)
    return cramer_rao_scores(outputs, point, simulation, window, offsets_known)


def test_the_direction_around_the_base_is_unobservable_from_joint_torques() -> None:
    """A turned arm carries the same torques: only the distance from the base's axis is observable."""
    default = cramer_rao(simulate("data.grid=[1,1]"), "x", "y")
    assert np.isinf([default[f"rmse_{name}mm"] for name in ("", "x_", "y_", "tangential_")]).all()
    distance = np.hypot(578.6, 261.4)
    ahead = cramer_rao(simulate("data.grid=[1,1]", f"data.offset_mm=[{-distance},0,-375]"), "x", "y")
    assert ahead["rmse_x_mm"] == ahead["rmse_radial_mm"] == pytest.approx(default["rmse_radial_mm"], rel=1e-5)
    assert np.isinf(ahead["rmse_y_mm"])


def test_longer_windows_are_never_worse() -> None:
    simulation = simulate(*AHEAD)
    bounds = [cramer_rao(simulation, "x", "z", window=window)["rmse_mm"] for window in (1, 2, 3, 5, 10, 30, 100)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < 0.5 * bounds[0]


def test_white_noise_averages_out() -> None:
    """A drift that decays within a row is white, and with such a force only the lever arm reveals the place."""
    simulation = simulate(
        *AHEAD, *KNOWN_FORCE, "data.force_n=1e6", "data.drift_time_s=1e-4", "data.noise_percent=1e-3"
    )
    one, four = (
        cramer_rao(simulation, "x", window=window, offsets_known=True)["rmse_x_mm"] for window in (10, 40)
    )
    assert four == pytest.approx(one / 2, rel=0.01)


def test_a_known_offset_never_makes_it_larger() -> None:
    simulation = simulate("data.grid=[3,3]", "data.spacing_mm=20")
    for window in (1, 10):
        known, unknown = (
            cramer_rao(simulation, "x", "y", window=window, offsets_known=known) for known in (True, False)
        )
        assert known["rmse_radial_mm"] <= unknown["rmse_radial_mm"]
    assert known["rmse_radial_mm"] < unknown["rmse_radial_mm"]


@pytest.mark.parametrize("window", [1, 10])
def test_twice_the_noise_is_twice_the_bound_when_force_is_known(window: int) -> None:
    sizes = {"data.noise_percent": 0.03, "data.drift_percent": 0.06, "data.visit_offset_percent": 0.1}
    quiet, loud = (
        cramer_rao(
            simulate(*AHEAD, *KNOWN_FORCE, *(f"{name}={factor * size}" for name, size in sizes.items())),
            "x",
            "z",
            window=window,
        )
        for factor in (1, 2)
    )
    assert list(loud.values()) == pytest.approx([2 * value for value in quiet.values()], rel=1e-9)


def test_knowing_the_height_or_the_force_helps() -> None:
    simulation = simulate(*AHEAD)
    alone, with_height = cramer_rao(simulation, "x")["rmse_x_mm"], cramer_rao(simulation, "x", "z")["rmse_x_mm"]
    assert alone < with_height
    known = cramer_rao(simulate(*AHEAD, *KNOWN_FORCE), "x")["rmse_x_mm"]
    assert known < alone


def test_without_slow_errors_the_bound_stays_finite() -> None:
    """Without drift exT is an exact function of earlier rows: gravity, so distance, is almost free of error."""
    simulation = simulate(*AHEAD, *NO_SLOW_ERROR)
    bounds = [cramer_rao(simulation, "x", "z", window=window)["rmse_mm"] for window in (1, 2, 3, 10, 100)]
    assert np.isfinite(bounds).all()
    assert min(bounds) > 0
    assert bounds[-1] < 1e-3


def test_extreme_configs_give_no_nan() -> None:
    for more in (
        ("data.noise_percent=1e-9", *NO_SLOW_ERROR),
        ("data.noise_percent=1e-9", "data.drift_percent=0", "data.force_spread_n=1e6"),
        ("data.noise_percent=1e6", "data.force_spread_n=1e-9", "data.repeatability_mm=1e-9"),
        ("data.observer_time_s=1e-6",),
        ("data.observer_time_s=10", "data.visits=1", "data.rows=1"),
    ):
        simulation = simulate("data.grid=[2,1]", *more)
        for outputs in (("x",), ("y", "x"), ("x", "y", "z"), ("z",)):
            bounds = np.array(list(cramer_rao(simulation, *outputs, window=10).values()))
            assert (bounds >= 0).all()


def test_it_is_the_root_mean_square_over_the_test_samples() -> None:
    simulation = simulate("data.grid=[3,1]", "data.spacing_mm=100", "data.offset_mm=[-600,0,-375]")
    each = [
        cramer_rao_scores(("x",), np.array([number], np.int32), simulation, WINDOW, offsets_known=False)[
            "rmse_x_mm"
        ]
        for number in range(3)
    ]
    some = cramer_rao_scores(("x",), np.array([0, 2, 2, 2], np.int32), simulation, WINDOW, offsets_known=False)
    assert len(set(each)) == 3
    assert some["rmse_x_mm"] == pytest.approx(np.sqrt((each[0] ** 2 + 3 * each[2] ** 2) / 4))


def test_with_an_exact_wrench_the_bound_does_not_hold() -> None:
    """F and T are functions of exT and of the place then: six equations for three unknowns, at any noise."""
    alone = "data.grid=[1,1]", "data.repeatability_mm=20", "data.visits=1", "data.rows=1"
    simulation = simulate(*alone, *EXACT_WRENCH)
    external = columns(simulation.recordings, *[f"exT_A{joint}" for joint in range(1, 8)])[0]
    wrench = columns(simulation.recordings, *WRENCH)[0]

    def away(place: np.ndarray) -> np.ndarray:
        return np.asarray(Arm().posture((simulation.nominal_tips_mm[0] + place) / 1000).wrench @ external - wrench)

    estimate = np.zeros(3)
    for _ in range(10):
        slopes = np.array([(away(estimate + step) - away(estimate - step)) / 0.2 for step in 0.1 * np.eye(3)]).T
        estimate = estimate - np.linalg.lstsq(slopes, away(estimate), rcond=None)[0]
    true = simulation.positions_mm[0]
    assert np.linalg.norm(true) > 10
    assert np.abs(estimate - true).max() < 0.05


def test_the_default_plate_takes_less_than_a_second() -> None:
    simulation = simulate()
    started = time.process_time()
    cramer_rao(simulation, "x", "y", window=10)
    first = time.process_time()
    cramer_rao(simulation, "x", "y", window=1, offsets_known=True)
    assert first - started < 1
    assert time.process_time() - first < 0.3  # slopes are computed once
