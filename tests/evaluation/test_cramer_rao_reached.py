"""The best unbiased estimator attains the bound: estimator and covariances written out anew, row by row.

Only the arm and the config are shared with the code.
"""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.config.schema import SimulatedConfig
from forcepos.data.simulation.arm import MAX_TORQUE_NM, Arm
from forcepos.data.simulation.simulation import JOINT_CHANNELS, Simulation, row_covariance
from forcepos.evaluation.limits import _information
from tests.data.test_simulation import columns, simulate
from tests.evaluation.test_limits import AHEAD, WINDOW, cramer_rao


def memories(config: SimulatedConfig, window: int, offset_known: bool) -> np.ndarray:
    """Return (2 window, sources): how independent unit errors enter a joint's rows of msT, then of exT."""
    past = 200
    gain = 1 - np.exp(-1 / (config.observer_time_s * config.rate_hz))
    keep = np.exp(-1 / (config.drift_time_s * config.rate_hz))
    smoothed, drift = np.zeros(past + window), np.eye(1, window + 1)[0]
    measured, external = [], []
    for row in range(past + window):
        white = np.eye(past + window)[row]
        smoothed = smoothed + gain * (white - smoothed)
        if row >= past:
            drift = keep * drift + np.sqrt(1 - keep**2) * np.eye(window + 1)[row - past + 1]
            slow = np.append(config.drift_percent * drift, 0 if offset_known else config.visit_offset_percent)
            measured.append(np.append(config.noise_percent * white, slow))
            external.append(np.append(-config.noise_percent * smoothed, -slow))
    return np.array(measured + external)


def window_covariance(config: SimulatedConfig, window: int, offset_known: bool) -> np.ndarray:
    """Return (14 window, 14 window) Nm^2, in the order of window_slopes' rows."""
    sources = memories(config, window, offset_known)
    return np.kron(sources @ sources.T, np.diag((MAX_TORQUE_NM / 100) ** 2))


def spread_out(measured: np.ndarray, external: np.ndarray, window: int) -> np.ndarray:
    """Return (14 window, …): each row of msT, then each row of exT."""
    return np.concatenate([measured] * window + [external] * window)


def expected(tip_mm: np.ndarray, force: np.ndarray, window: int) -> np.ndarray:
    posture = Arm().posture(tip_mm / 1000)
    return spread_out(posture.gravity - posture.contact @ force, posture.contact @ force, window)


def window_slopes(tip_mm: np.ndarray, force: np.ndarray, window: int) -> np.ndarray:
    """Return (14 window, 6) slopes per mm and per N."""
    moved = [expected(tip_mm + step, force, window) - expected(tip_mm - step, force, window) for step in np.eye(3)]
    contact = Arm().posture(tip_mm / 1000).contact
    return np.column_stack([np.array(moved).T / 2, spread_out(-contact, contact, window)])


def least_squares_errors(simulation: Simulation, outputs: list[int], offset_known: bool) -> np.ndarray:
    """Return (visits, outputs) mm of generalised least squares, with priors on force and other coordinates."""
    config, window = simulation.config, simulation.config.rows
    tip, force = simulation.nominal_tips_mm[0], np.array([0, 0, config.force_n])
    signals = columns(simulation.recordings, *JOINT_CHANNELS).reshape(config.visits, window, 2, 7)
    if offset_known:
        offsets = simulation.offsets_nm[:, None]
        signals = signals - np.stack([offsets, -offsets], axis=2)
    away = signals.transpose(0, 2, 1, 3).reshape(config.visits, -1) - expected(tip, force, window)
    known = [0.0 if axis in outputs else config.repeatability_mm**-2 for axis in range(3)]
    prior = np.diag(known + [config.force_spread_n**-2] * 3)
    slopes = window_slopes(tip, force, window)
    weighted = np.linalg.solve(window_covariance(config, window, offset_known), slopes)
    estimates = np.linalg.solve(slopes.T @ weighted + prior, weighted.T @ away.T).T[:, :3]
    true = simulation.positions_mm
    return np.asarray((estimates - true)[:, outputs])


@pytest.mark.parametrize("window", [1, 5])
def test_generalised_least_squares_attains_the_bound(window: int) -> None:
    simulation = simulate(*AHEAD, "data.visits=3000", f"data.rows={window}")
    for known in (False, True):
        attained = np.sqrt((least_squares_errors(simulation, [0, 2], known) ** 2).mean(axis=0))
        bound = cramer_rao(simulation, "x", "z", window=window, offsets_known=known)
        # A root mean square of 3000 errors scatters by 1.3 %.
        assert attained == pytest.approx([bound["rmse_x_mm"], bound["rmse_z_mm"]], rel=0.04)
        assert bound["euclidean_rms_mm"] == pytest.approx(np.hypot(bound["rmse_x_mm"], bound["rmse_z_mm"]))
        assert bound["rmse_mm"] == pytest.approx(bound["euclidean_rms_mm"] / np.sqrt(2))


@pytest.mark.parametrize("spread_n", [0.5, 50.0])
def test_information_is_the_curvature_of_the_divergence_between_places(spread_n: float) -> None:
    """Kullback-Leibler divergence from p to p + d is d^T I d / 2 for small d; here of whole windows."""
    simulation = simulate(*AHEAD, f"data.force_spread_n={spread_n}")
    config, tip, force = simulation.config, simulation.nominal_tips_mm[0], np.array([0, 0, 15.0])

    def signals(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lever = window_slopes(place, force, WINDOW)[:, 3:]
        noise = window_covariance(config, WINDOW, offset_known=False)
        return expected(place, force, WINDOW), noise + config.force_spread_n**2 * lever @ lever.T

    information = _information(simulation, WINDOW, offsets_known=False)[0]
    for axis in (0, 2):
        step = 0.3 * np.eye(3)[axis]
        (mean, one), (moved, other) = signals(tip - step), signals(tip + step)
        both = np.linalg.inv(one) + np.linalg.inv(other)
        divergence = np.trace(np.linalg.solve(one, other) + np.linalg.solve(other, one)) - 2 * len(one)
        divergence += (moved - mean) @ both @ (moved - mean)
        assert divergence / 2 / 0.6**2 == pytest.approx(information[axis, axis], rel=1e-3)


def test_the_covariance_of_rows_is_that_of_their_errors() -> None:
    config = simulate(*AHEAD).config
    for known in (False, True):
        sources = memories(config, 7, known)
        assert np.allclose(row_covariance(config, 7, known), sources @ sources.T, rtol=1e-9, atol=1e-12)
