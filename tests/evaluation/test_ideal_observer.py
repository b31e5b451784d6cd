"""The ideal observer is as accurate as the noise permits."""

from __future__ import annotations

import numpy as np

from forcepos.data.recordings import all_samples
from forcepos.evaluation.limits import locate
from tests.data.test_simulation import simulate

MODEST = ("data.grid=[3,3]", "data.spacing_mm=20", "data.visits=2", "data.rows=50")


def test_with_known_offsets_every_visit_is_located() -> None:
    simulation = simulate(*MODEST)
    samples = all_samples(simulation.recordings, 10)
    located = locate(simulation.recordings, samples.starts, 10, simulation.known_visits(10))
    assert np.abs(located - samples.positions).max() < 1e-4


def test_without_knowing_the_offsets_it_locates_less_accurately() -> None:
    simulation = simulate("data.rows=20")
    samples = all_samples(simulation.recordings, 10)
    errors = [
        np.linalg.norm(locate(simulation.recordings, samples.starts, 10, known) - samples.positions, axis=1).mean()
        for known in (simulation.known_visits(10), simulation.known_points(10))
    ]
    assert errors[0] < 0.1
    assert errors[1] > 1


def test_longer_windows_average_out_the_noise() -> None:
    simulation = simulate(*MODEST, "data.noise_percent=3", "data.drift_percent=0", "data.observer_time_s=0.001")
    errors = []
    for window in (1, 40):
        samples = all_samples(simulation.recordings, window)
        located = locate(simulation.recordings, samples.starts, window, simulation.known_visits(window))
        errors.append(np.linalg.norm(located - samples.positions, axis=1).mean())
    assert errors[1] < 0.5 * errors[0]
