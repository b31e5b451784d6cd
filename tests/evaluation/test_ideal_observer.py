"""The oracle finds what the noise lets it find."""

from __future__ import annotations

import numpy as np

from forcepos.data.samples import all_samples
from forcepos.evaluation.ideal_observer import locate
from tests.data.test_simulation import simulate

MODEST = ("data.grid=[3,3]", "data.spacing_mm=20", "data.visits=2", "data.rows=50")


def test_without_offsets_every_visit_is_found() -> None:
    simulation = simulate(*MODEST)
    samples = all_samples(simulation.recordings, 10)
    found = locate(simulation.recordings, samples.starts, 10, simulation.known_visits(10))
    assert np.abs(found - samples.positions).max() < 1e-4


def test_an_oracle_that_does_not_know_the_offsets_finds_less() -> None:
    simulation = simulate("data.rows=20")
    samples = all_samples(simulation.recordings, 10)
    errors = [
        np.linalg.norm(locate(simulation.recordings, samples.starts, 10, known) - samples.positions, axis=1).mean()
        for known in (simulation.known_visits(10), simulation.known_points(10))
    ]
    assert errors[0] < 0.1
    assert errors[1] > 1


def test_longer_windows_average_the_noise_away() -> None:
    simulation = simulate(*MODEST, "data.noise_percent=3", "data.drift_percent=0", "data.observer_time_s=0.001")
    errors = []
    for window in (1, 40):
        samples = all_samples(simulation.recordings, window)
        found = locate(simulation.recordings, samples.starts, window, simulation.known_visits(window))
        errors.append(np.linalg.norm(found - samples.positions, axis=1).mean())
    assert errors[1] < 0.5 * errors[0]
