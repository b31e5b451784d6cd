"""The ideal observer is as accurate as the noise permits."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.data.recordings import all_samples
from forcepos.data.simulation.simulation import JOINT_CHANNELS
from forcepos.evaluation.ideal_observer import locate
from tests.data.test_simulation import simulate

MODEST = ("data.grid=[3,3]", "data.spacing_mm=20", "data.visits=2", "data.rows=50")


def test_with_known_torques_every_visit_is_located() -> None:
    simulation = simulate(*MODEST)
    samples = all_samples(simulation.recordings, 10)
    located = locate(simulation.recordings, samples.starts, 10, simulation.known_visits(10))
    assert np.abs(located - samples.positions).max() < 1e-4


@pytest.mark.parametrize("wrench", ["controller", "sensor"])
def test_known_offsets_help_less_than_a_visits_own_torques(wrench: str) -> None:
    """Offsets cancel in msT + exT, gravity: what a visit's own torques reveal is its force and its posture."""
    simulation = simulate("data.rows=20", "data.visit_offset_percent=0.3", f"data.wrench={wrench}")
    samples = all_samples(simulation.recordings, 10)
    observers = (
        (simulation.recordings, simulation.known_points(10)),
        (simulation.without_offsets(), simulation.known_points(10, offsets_known=True)),
        (simulation.recordings, simulation.known_visits(10)),
    )
    points, offsets, visits = (
        np.linalg.norm(locate(recordings, samples.starts, 10, known) - samples.positions, axis=1).mean()
        for recordings, known in observers
    )
    assert visits < 0.1
    assert 1 < offsets < points


def test_without_offsets_only_joint_torques_change_and_by_each_visits_offset() -> None:
    simulation = simulate(
        "data.grid=[1,1]",
        "data.drift_percent=0",
        "data.noise_percent=1e-9",
        "data.force_spread_n=0",
        "data.repeatability_mm=0",
    )
    corrected = simulation.without_offsets()
    assert corrected.channels == JOINT_CHANNELS
    first, second = corrected.signals.reshape(2, 100, 14)
    assert np.abs(first - second).max() < 1e-4  # Nm: visits differed by their offsets only


def test_longer_windows_average_out_the_noise() -> None:
    simulation = simulate(*MODEST, "data.noise_percent=3", "data.drift_percent=0", "data.observer_time_s=0.001")
    errors = []
    for window in (1, 40):
        samples = all_samples(simulation.recordings, window)
        located = locate(simulation.recordings, samples.starts, window, simulation.known_visits(window))
        errors.append(np.linalg.norm(located - samples.positions, axis=1).mean())
    assert errors[1] < 0.5 * errors[0]
