"""The simulated arm: right statics, the noise that the config names, the same for the same seed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from forcepos.config.schema import SimulatedConfig
from forcepos.data.checks.check import check
from forcepos.data.recordings import Recordings
from forcepos.data.simulation.arm import MAX_TORQUE_NM, Arm
from forcepos.data.simulation.simulation import CHANNELS, JOINT_CHANNELS, Simulation
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config

QUIET = (
    "data.noise_percent=1e-9", "data.drift_percent=0", "data.visit_offset_percent=0",
    "data.force_spread_n=0", "data.repeatability_mm=0", "data.wrench_bias_n=0", "data.wrench_step_n=1e-6",
)  # fmt: skip
EXACT_WRENCH = ("data.wrench_filter_s=0", "data.wrench_bias_n=0", "data.wrench_step_n=1e-9")  # of earlier versions
WRENCH = ("Fx", "Fy", "Fz", "Tx", "Ty", "Tz")
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
    wrench = columns(recordings, *WRENCH)
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


def test_without_filter_bias_and_steps_external_torques_and_posture_give_the_wrench() -> None:
    alone = "data.grid=[1,1]", "data.visits=1", "data.repeatability_mm=0"
    recordings = simulate(*alone, *EXACT_WRENCH).recordings
    external, wrench = columns(recordings, *JOINT_CHANNELS[7:]), columns(recordings, *WRENCH)
    assert np.allclose(wrench, external @ Arm().posture(CENTRE_M).wrench.T, atol=1e-5)


def test_the_controllers_wrench_has_a_filter_of_its_own() -> None:
    """A row's noise enters the wrench of later rows with the weights of two low-passes, one after the other."""
    simulation = simulate(
        "data.grid=[1,1]", "data.visits=1000", "data.rows=20", "data.drift_percent=0",
        "data.visit_offset_percent=0", "data.force_spread_n=0", "data.repeatability_mm=0",
        "data.wrench_filter_s=0.03", "data.wrench_step_n=1e-9",
    )  # fmt: skip
    once, filtered = (gain * (1 - gain) ** np.arange(200) for gain in 1 - np.exp([-1 / 2, -1 / 3]))
    noise_nm = MAX_TORQUE_NM * 0.03 / 100 * np.linalg.norm(np.convolve(once, filtered))
    expected = np.sqrt((Arm().posture(CENTRE_M).wrench ** 2) @ noise_nm**2)
    wrench = columns(simulation.recordings, *WRENCH).reshape(1000, 20, 6)
    for row in (0, -1):  # it has settled before the first row
        assert np.allclose(wrench[:, row].std(axis=0), expected, rtol=0.08)


def test_the_controllers_wrench_has_a_bias_that_changes_smoothly_with_the_posture() -> None:
    def wrench(*more: str) -> np.ndarray:
        along_y = "data.grid=[1,9]", "data.spacing_mm=25", "data.visits=1", "data.rows=1"
        return columns(simulate(*along_y, *QUIET, *more).recordings, *WRENCH)

    bias, exact = wrench("data.wrench_bias_n=1.4") - wrench(), wrench()
    assert np.linalg.norm(bias[:, :3], axis=1).mean() == pytest.approx(1.4, rel=1e-5)
    assert np.linalg.norm(bias[0] - bias[-1]) > 0.3  # N, over 200 mm
    changes = np.diff(bias, axis=0)
    assert np.linalg.norm(np.diff(changes, axis=0), axis=1).max() < 0.3 * np.linalg.norm(changes, axis=1).mean()
    other = wrench("data.wrench_bias_n=2.8", "data.seed=2") - exact
    assert np.linalg.norm(other[:, :3], axis=1).mean() == pytest.approx(2.8, rel=1e-5)
    assert not np.allclose(other, 2 * bias, atol=0.1)  # other masses


@pytest.mark.parametrize("wrench", ["controller", "sensor"])
def test_the_wrench_comes_in_steps(wrench: str) -> None:
    recordings = simulate("data.grid=[1,1]", f"data.wrench={wrench}", "data.wrench_step_n=0.05").recordings
    steps = columns(recordings, *WRENCH) / ([0.05] * 3 + [0.0025] * 3)
    assert np.allclose(steps, np.round(steps), atol=1e-3)
    assert len(np.unique(np.round(steps[:, 0]))) > 2


def test_a_sensor_at_the_flange_has_noise_and_drift_of_its_own_and_no_bias() -> None:
    recordings = simulate(
        "data.wrench=sensor", "data.grid=[1,1]", "data.visits=400", "data.force_spread_n=0",
        "data.sensor_noise_n=0.04", "data.sensor_drift_n=0.1", "data.wrench_step_n=1e-6",
    ).recordings  # fmt: skip
    errors = columns(recordings, *WRENCH).reshape(400, 100, 6) - [0, 0, -15, 0, 0, 0]
    assert np.allclose(errors.std(axis=1).mean(axis=0), [0.04] * 3 + [0.002] * 3, rtol=0.02)
    assert np.allclose(errors.mean(axis=1).std(axis=0), [0.1] * 3 + [0.005] * 3, rtol=0.1)
    assert np.allclose(errors.mean(axis=(0, 1)), 0, atol=[0.015] * 3 + [0.00075] * 3)


def test_joint_torques_do_not_depend_on_the_wrench() -> None:
    kinds = ["data.wrench=controller"], ["data.wrench=sensor"], EXACT_WRENCH
    controller, *others = (columns(simulate(*kind).recordings, *JOINT_CHANNELS) for kind in kinds)
    assert all((controller == other).all() for other in others)


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
