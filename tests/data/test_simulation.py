"""The simulated arm: right statics, the noise that the config names, the same for the same seed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from forcepos.config.schema import SimulatedConfig
from forcepos.data.checks import check
from forcepos.data.recordings import Recordings
from forcepos.data.simulation.arm import MAX_TORQUE_NM, Arm
from forcepos.data.simulation.simulation import CHANNELS, JOINT_CHANNELS, Simulation
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config

QUIET = (
    "data.noise_percent=1e-9", "data.drift_percent=0", "data.visit_offset_percent=0",
    "data.force_spread_n=0", "data.repeatability_mm=0", "data.wrench_bias_n=0", "data.wrench_step_n=1e-6",
)  # fmt: skip
CENTRE_M = np.array([0.5786, -0.2614, 0.375])


def simulate(*overrides: str) -> Simulation:
    config = checked_config(*overrides).data
    assert isinstance(config, SimulatedConfig)
    return Simulation(config)


def columns(recordings: Recordings, *names: str) -> np.ndarray:
    return recordings.signals[:, [recordings.channels.index(name) for name in names]].astype(float)


def test_the_default_plate_has_the_notebooks_grid_and_signals() -> None:
    recordings = simulate().recordings
    assert recordings.channels == tuple(checked_config().data.features) == CHANNELS
    assert recordings.signals.shape == (121 * 2 * 100, 20)
    assert recordings.names[:3] == ("0,0 visit 1", "0,0 visit 2", "0,1 visit 1")
    assert np.abs(recordings.positions[0] - [-20, -20, 0]).max() < 0.3
    assert np.abs(recordings.positions[-1] - [20, 20, 0]).max() < 0.3
    assert check(recordings, 10) == []


def test_grid_spacing_visits_and_rows_are_the_configs() -> None:
    recordings = simulate(
        "data.grid=[2,3]", "data.spacing_mm=10", "data.visits=4", "data.rows=7", *QUIET
    ).recordings
    assert len(recordings.signals) == 2 * 3 * 4 * 7
    points = [(-5.0, -10.0), (-5.0, 0.0), (-5.0, 10.0), (5.0, -10.0), (5.0, 0.0), (5.0, 10.0)]
    assert recordings.positions[:: 4 * 7, :2].tolist() == [list(point) for point in points]


def test_the_flange_feels_the_plate_push_the_tool_back() -> None:
    """The hand points down: a force upwards is one against the flange's z axis, through the tool's axis."""
    recordings = simulate("data.force_n=15", "data.grid=[1,1]", *QUIET).recordings
    wrench = columns(recordings, "Fx", "Fy", "Fz", "Tx", "Ty", "Tz")
    assert np.abs(wrench - [0, 0, -15, 0, 0, 0]).max() < 1e-4


def test_measured_and_external_torque_add_up_to_gravity() -> None:
    recordings = simulate("data.grid=[1,1]", *QUIET).recordings
    total = sum(columns(recordings, *[f"{kind}_A{joint}" for joint in range(1, 8)]) for kind in ("msT", "exT"))
    assert np.abs(total - Arm().posture(CENTRE_M).gravity).max() < 1e-4


def test_gravity_is_the_slope_of_potential_energy() -> None:
    """Raising the whole tool by 1 mm costs what gravity torque times the joints' turn says."""
    arm = Arm()
    low, high = arm.posture(CENTRE_M - [0, 0, 5e-4]), arm.posture(CENTRE_M + [0, 0, 5e-4])
    turn = high.angles - low.angles
    assert np.allclose(arm.posture(CENTRE_M).contact.T @ turn, [0, 0, 1e-3], atol=1e-8)
    assert np.isclose(arm.posture(CENTRE_M).gravity[0], 0, atol=1e-9)  # the first axis stands upright


def test_the_arm_moves_to_the_given_position() -> None:
    posture = Arm().posture(CENTRE_M)
    again = Arm().posture(CENTRE_M, posture.angles)
    assert np.allclose(posture.angles, again.angles)
    assert posture.angles[2] == 0  # the elbow stays in its plane


def test_the_hand_points_down_straight_ahead_of_the_arm_too() -> None:
    """There the search starts half a turn away from where the hand should be."""
    ahead, aside = (Arm().posture(np.array([*place, 0.375])) for place in ([0.65, 0], [0.6, 0.25]))
    for posture in (ahead, aside):
        assert posture.angles[1] - posture.angles[3] + posture.angles[5] == pytest.approx(np.pi)
    assert np.allclose(ahead.gravity, aside.gravity, atol=1e-6)


def test_slopes_are_those_of_the_postures_beside() -> None:
    arm, step = Arm(), 1e-3
    slopes = arm.slopes(arm.posture(CENTRE_M))
    for axis, way in enumerate(np.eye(3)):
        ahead, behind = (arm.posture(CENTRE_M + sign * step * way) for sign in (1, -1))
        gravity, contact = ahead.gravity - behind.gravity, ahead.contact - behind.contact
        assert np.allclose(slopes[axis, :, 0], gravity / (2 * step), atol=1e-2)  # of 107 Nm per m
        assert np.allclose(slopes[axis, :, 1:], contact / (2 * step), atol=1e-4)  # of 1 Nm per N and m


def test_a_point_out_of_reach_is_an_error() -> None:
    with pytest.raises(
        InputError, match=r"^the simulated arm cannot reach x=0.579 y=-1.261 z=0.375 m: reduce data.grid"
    ):
        simulate("data.grid=[1,3]", "data.spacing_mm=1000")


def test_noise_offset_and_drift_have_the_sizes_that_the_config_names() -> None:
    simulation = simulate(
        "data.grid=[1,1]", "data.visits=300", "data.rows=200", "data.noise_percent=0.03",
        "data.visit_offset_percent=0.1", "data.drift_percent=0.06", "data.drift_time_s=0.5", "data.rate_hz=100",
        "data.force_spread_n=0", "data.repeatability_mm=0",
    )  # fmt: skip
    measured = columns(simulation.recordings, *[f"msT_A{joint}" for joint in range(1, 8)]).reshape(300, 200, 7)
    percent = 100 / MAX_TORQUE_NM
    steps = np.diff(measured, axis=1).std(axis=(0, 1)) * percent
    assert np.allclose(steps, np.sqrt(2 * (0.03**2 + 0.06**2 * (1 - np.exp(-1 / 50)))), rtol=0.03)
    spread = measured[:, 0].std(axis=0) * percent
    assert np.allclose(spread, np.sqrt(0.1**2 + 0.06**2 + 0.03**2), rtol=0.15)


def test_external_torque_is_smoothed() -> None:
    recordings = simulate("data.grid=[1,1]", "data.rows=5000", "data.observer_time_s=0.1").recordings
    external, measured = columns(recordings, "exT_A2")[:, 0], columns(recordings, "msT_A2")[:, 0]
    assert np.diff(external).std() < 0.3 * np.diff(measured).std()


def test_without_filter_bias_and_steps_the_wrench_is_a_function_of_the_external_torques() -> None:
    exact = "data.wrench_filter_s=0", "data.wrench_bias_n=0", "data.wrench_step_n=1e-6"
    recordings = simulate("data.grid=[1,1]", "data.visits=1", "data.rows=500", *exact).recordings
    external = columns(recordings, *[f"exT_A{joint}" for joint in range(1, 8)])
    wrench = columns(recordings, "Fx", "Fy", "Fz", "Tx", "Ty", "Tz")
    solution = np.linalg.lstsq(external - external.mean(axis=0), wrench - wrench.mean(axis=0), rcond=None)[0]
    assert np.abs((external - external.mean(axis=0)) @ solution - (wrench - wrench.mean(axis=0))).max() < 1e-3


def test_the_oracles_noise_is_the_simulations() -> None:
    """Covariance of window means as computed, compared with that of 4000 simulated visits."""
    simulation = simulate("data.grid=[1,1]", "data.visits=4000", "data.rows=10", "data.repeatability_mm=0")
    means = columns(simulation.recordings, *JOINT_CHANNELS).reshape(4000, 10, 14).mean(axis=1)
    expected = simulation.known_points(10).covariances[0]
    spread = np.sqrt(np.diag(expected))
    assert np.allclose(means.mean(axis=0), simulation.known_points(10).means[0], atol=0.06 * spread.max())
    assert np.allclose(np.cov(means.T) / np.outer(spread, spread), expected / np.outer(spread, spread), atol=0.09)


def test_a_seed_decides_everything() -> None:
    one, same, other = (simulate("data.grid=[2,2]", f"data.seed={seed}").recordings for seed in (1, 1, 2))
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_the_notebooks_amount_of_data_takes_less_than_a_minute() -> None:
    started = time.monotonic()
    recordings = simulate("experiment=full_size").recordings
    assert len(recordings.signals) == 121 * 4643
    assert time.monotonic() - started < 60


def test_fewer_signals_can_be_chosen() -> None:
    recordings = simulate("data.grid=[1,1]").recordings
    assert recordings.select(["Fz", "msT_A2"]).channels == ("Fz", "msT_A2")
    with pytest.raises(InputError, match="^unknown signals Fq: available are exT_A1, "):
        recordings.select(["Fq"])
    with pytest.raises(InputError, match="^data.features names a signal twice: Fz, Fz$"):
        recordings.select(["Fz", "Fz"])


WRENCH = ("Fx", "Fy", "Fz", "Tx", "Ty", "Tz")


def test_the_controllers_wrench_has_a_bias_that_depends_on_the_posture() -> None:
    grid = ("data.grid=[3,3]", "data.spacing_mm=100", *QUIET)
    biased, exact = (
        columns(simulate(*grid, f"data.wrench_bias_n={size}").recordings, *WRENCH).reshape(9, -1, 6).mean(axis=1)
        for size in (1.4, 0)
    )
    bias = np.linalg.norm((biased - exact)[:, :3], axis=1)
    assert bias.mean() == pytest.approx(1.4, rel=1e-3)
    assert np.ptp(biased - exact, axis=0).max() > 0.1  # N, within 200 mm


def test_the_controllers_wrench_is_no_exact_function_of_the_external_torques() -> None:
    """With the posture's matrix as good as known, what is left of the wrench is its filter's and its steps'."""
    recordings = simulate("data.grid=[1,1]", "data.visits=1", "data.rows=2000", "data.wrench_bias_n=0").recordings
    external, wrench = columns(recordings, *JOINT_CHANNELS[7:]), columns(recordings, *WRENCH)
    fitted = external @ np.linalg.lstsq(external, wrench, rcond=None)[0]
    assert (wrench - fitted)[:, :3].std(axis=0).min() > 0.01  # N
    assert np.allclose(np.round(wrench[:, :3] / 0.01), wrench[:, :3] / 0.01, atol=1e-3)


def test_a_sensor_at_the_flange_has_noise_and_drift_of_its_own_and_none_of_the_joints() -> None:
    recordings = simulate(
        "data.wrench=sensor", "data.grid=[1,1]", "data.visits=200", "data.force_spread_n=0",
        "data.repeatability_mm=0", "data.wrench_step_n=1e-6",
    ).recordings  # fmt: skip
    wrench = columns(recordings, *WRENCH).reshape(200, 100, 6) - [0, 0, -15, 0, 0, 0]
    assert np.allclose(wrench.std(axis=1).mean(axis=0), [0.02] * 3 + [0.001] * 3, rtol=0.1)
    assert np.allclose(wrench.mean(axis=1).std(axis=0), [0.02] * 3 + [0.001] * 3, rtol=0.2)


def test_joint_torques_do_not_depend_on_the_kind_of_wrench() -> None:
    controller, sensor = (simulate(f"data.wrench={kind}").recordings for kind in ("controller", "sensor"))
    assert (columns(controller, *JOINT_CHANNELS) == columns(sensor, *JOINT_CHANNELS)).all()
