"""Simulated recordings: an iiwa 14 presses on a plate, point by point, several visits per point.

The drives hold the arm against gravity g(q) and the contact force f on the tool's tip, J(q) maps f to
joint torques. With the sensors' error e, which is white noise, one offset per visit and slow drift:

    msT = g(q) - J(q)^T f + e              measured by the joint torque sensors
    exT = lowpass(g(q) - msT)              estimated by the controller's observer
    F, T = W(q) lowpass(exT) + bias(q)     in steps; W is the least-squares inverse of J_flange(q)^T

A contact pushes the arm back, so exT is the torque that the contact exerts, F and T the wrench that it
exerts at the flange, in flange axes. The observer is a first-order low-pass (De Luca, Albu-Schaeffer,
Haddadin and Hirzinger, IROS 2006) that knows the arm's gravity exactly and nothing of the sensors' error.
The bias is what links of other masses than the controller believes would add; exT is spared it, so that its
limits are known. With data.wrench=sensor F and T are the contact's, with a flange sensor's noise and drift.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.signal import lfilter

from forcepos.config.schema import SimulatedConfig
from forcepos.data.recordings import Float64, Recordings
from forcepos.data.simulation.arm import JOINTS, MAX_TORQUE_NM, Arm, Posture

_EXTERNAL = [f"exT_A{joint + 1}" for joint in range(JOINTS)]
_MEASURED = [f"msT_A{joint + 1}" for joint in range(JOINTS)]
CHANNELS = (*_EXTERNAL, *_MEASURED, "Fx", "Fy", "Fz", "Tx", "Ty", "Tz")
JOINT_CHANNELS = (*_MEASURED, *_EXTERNAL)
_WRENCH_UNITS = np.repeat([1.0, 0.05], 3)  # N and Nm: errors and steps of an ATI Gamma's forces and torques


@dataclass(frozen=True)
class Candidates:
    """Knowledge of an ideal observer: the expected signals at each position, and their covariance."""

    positions: Float64  # (k, 3) mm, plate frame
    means: Float64  # (k, 14) expected JOINT_CHANNELS in Nm
    covariances: Float64  # (k, 14, 14) of a window's mean around them


class Simulation:
    """The simulated plate, deterministic for `config.seed`."""

    def __init__(self, config: SimulatedConfig) -> None:
        """Draw of each visit its place (visits, 3), plate frame, force, and the sensors' offsets (visits, 7)."""
        self.config = config
        self.point = np.repeat(np.arange(np.prod(config.grid), dtype=np.int32), config.visits)
        rng = np.random.default_rng([config.seed, 0])
        places, forces, offsets = np.split(rng.normal(0, 1, (len(self.point), 3 + 3 + JOINTS)), [3, 6], axis=1)
        self.positions_mm = grid_mm(config)[self.point] + config.repeatability_mm * places
        self._forces_n = np.array([0, 0, config.force_n]) + config.force_spread_n * forces
        self.offsets_nm = offsets * self._torque(config.visit_offset_percent)
        self._postures = self._solve(self.positions_mm)

    def _solve(self, positions_mm: Float64) -> list[Posture]:
        """Solve for the posture at each position (n, 3), from the one before."""
        arm, postures = Arm(), list[Posture]()
        for position_mm in positions_mm - np.asarray(self.config.offset_mm):
            postures.append(arm.posture(position_mm / 1000, postures[-1].angles if postures else None))
        return postures

    @cached_property
    def recordings(self) -> Recordings:
        """The rows of all visits: `visits` recordings of `rows` rows for each point of the grid."""
        config = self.config
        # Apart, so that torques are the same whatever F and T come from.
        noise, sensor_noise = (np.random.default_rng([config.seed, stream]) for stream in (1, 2))
        signals = np.empty((len(self.point), config.rows, len(CHANNELS)), np.float32)
        for visit in range(len(self.point)):
            signals[visit] = self._signals(visit, noise, sensor_noise)
        places = np.column_stack(np.divmod(self.point, config.grid[1])).tolist()
        return Recordings(
            signals=signals.reshape(-1, len(CHANNELS)),
            positions=np.repeat(self.positions_mm.astype(np.float32), config.rows, axis=0),
            recording=np.repeat(np.arange(len(self.point), dtype=np.int32), config.rows),
            point=np.repeat(self.point, config.rows),
            channels=CHANNELS,
            names=tuple(f"{i},{j} visit {visit % config.visits + 1}" for visit, (i, j) in enumerate(places)),
            rate_hz=config.rate_hz,
        )

    def _torque(self, percent: float) -> Float64:
        """(7,) Nm: a share of each axis' largest torque."""
        return MAX_TORQUE_NM * percent / 100

    def _signals(self, visit: int, noise: np.random.Generator, sensor_noise: np.random.Generator) -> Float64:
        """(rows, 20) in the order of CHANNELS."""
        config, posture = self.config, self._postures[visit]
        measured, external = self._torques(visit, noise)
        if config.wrench == "sensor":
            drift, white = sensor_noise.normal(0, 1, 6), sensor_noise.normal(0, 1, (config.rows, 6))
            errors = config.sensor_drift_n * drift + config.sensor_noise_n * white  # drift since it was tared
            wrench = posture.wrench @ posture.contact @ self._forces_n[visit] + _WRENCH_UNITS * errors
        else:
            filtered = external[0] + _lowpass(external - external[0], config.wrench_filter_s * config.rate_hz)
            wrench = filtered[-config.rows :] @ posture.wrench.T + self._wrench_bias[visit]
        step = config.wrench_step_n * _WRENCH_UNITS
        return np.hstack([external[-config.rows :], measured, np.round(wrench / step) * step])

    def _torques(self, visit: int, noise: np.random.Generator) -> tuple[Float64, Float64]:
        """(rows, 7) msT and (more, 7) exT, which begins earlier; drift is a stationary Gauss-Markov process."""
        config, posture = self.config, self._postures[visit]
        # After ten time constants the observer has forgotten its start.
        settling = int(np.ceil(10 * config.observer_time_s * config.rate_hz))
        white = noise.normal(0, 1, (config.rows + settling, JOINTS)) * self._torque(config.noise_percent)
        keep = np.exp(-1 / (config.drift_time_s * config.rate_hz))
        steps = noise.normal(0, np.sqrt(1 - keep**2), (config.rows, JOINTS))
        wander, _ = lfilter([1], [1, -keep], steps, axis=0, zi=keep * noise.normal(0, 1, (1, JOINTS)))
        # Offset and drift pass the observer unchanged: they are slow compared with it.
        slow = self.offsets_nm[visit] + wander * self._torque(config.drift_percent)
        contact_torque = posture.contact @ self._forces_n[visit]
        measured = posture.gravity - contact_torque + slow + white[settling:]
        # Before the first row drift stands still: the wrench's filter starts from there.
        earlier = np.pad(slow, ((settling, 0), (0, 0)), mode="edge")
        return measured, contact_torque - earlier - _lowpass(white, config.observer_time_s * config.rate_hz)

    @cached_property
    def _wrench_bias(self) -> Float64:
        """(visits, 6) N and Nm of gravity that a controller which believes other masses takes for a contact."""
        real = Arm(np.random.default_rng([self.config.seed, 3]).normal(1, 0.01, JOINTS).tolist())
        bias = np.array([one.wrench @ (one.gravity - real.gravity(one.angles)) for one in self._postures])
        # Gravity is linear in the masses: for a bias of any size there are such errors.
        return np.asarray(bias * (self.config.wrench_bias_n / np.linalg.norm(bias[:, :3], axis=1).mean()))

    def known_visits(self, window: int) -> Candidates:
        """Return every visit's noise-free torques, its sensor offset included."""
        visits = zip(self._postures, self._forces_n, self.offsets_nm, strict=True)
        contact_torque = np.array([posture.contact @ force - offset for posture, force, offset in visits])
        gravity = np.array([posture.gravity for posture in self._postures])
        means = np.hstack([gravity - contact_torque, contact_torque])
        covariances = np.repeat(self._covariance(window, offsets_known=True)[None], len(means), axis=0)
        return Candidates(self.positions_mm, means, covariances)

    def known_points(self, window: int, offsets_known: bool = False) -> Candidates:
        """Return every grid point's noise-free torques; a visit's force and unknown offset count as noise."""
        config = self.config
        postures = self.nominal_postures
        gravity = np.array([posture.gravity for posture in postures])
        lever = np.array([posture.contact for posture in postures])
        contact_torque = lever @ np.array([0, 0, config.force_n])
        both = np.concatenate([-lever, lever], axis=1)
        forces = config.force_spread_n**2 * both @ both.transpose(0, 2, 1)
        means = np.hstack([gravity - contact_torque, contact_torque])
        return Candidates(grid_mm(config), means, self._covariance(window, offsets_known) + forces)

    def without_offsets(self) -> Recordings:
        """Return the recordings' JOINT_CHANNELS as sensors without an offset would have measured them."""
        recordings = self.recordings.select(JOINT_CHANNELS)
        offsets = np.hstack([self.offsets_nm, -self.offsets_nm]).astype(np.float32)[recordings.recording]
        return replace(recordings, signals=recordings.signals - offsets)

    @cached_property
    def nominal_postures(self) -> list[Posture]:
        """The posture on each grid point."""
        return self._solve(grid_mm(self.config))

    def _covariance(self, window: int, offsets_known: bool) -> Float64:
        """(14, 14) of a window's mean msT and exT."""
        rows = row_covariance(self.config, window, offsets_known).reshape(2, window, 2, window)
        return np.kron(rows.mean(axis=(1, 3)), np.diag(self._torque(1) ** 2))


def grid_mm(config: SimulatedConfig) -> Float64:
    """Return the nominal positions (points, 3) in the plate's frame, centred on its origin."""
    x, y = (config.spacing_mm * (np.arange(count) - (count - 1) / 2) for count in config.grid)
    return np.array([(a, b, 0.0) for a in x for b in y])


def _gain(rows: float) -> float:
    """Return the share of a row that enters a low-pass' output at once, given its time constant in rows."""
    return float(1 - np.exp(-1 / rows)) if rows else 1.0


def _lowpass(values: Float64, rows: float) -> Float64:
    """First-order and from rest: (rows, …) as `values`."""
    gain = _gain(rows)
    return np.asarray(lfilter([gain], [1, gain - 1], values, axis=0))


def row_covariance(config: SimulatedConfig, window: int, offset_known: bool) -> Float64:
    """Return the covariance (2 window, 2 window) in percent^2 of a window's msT, then its exT, of any one joint.

    Drift varies within the window; a sensor offset that is not known adds to all of its rows. With gain g the
    observer weights a row's white noise k rows later by a_k = g (1 - g)^k, and two of its rows k apart share the
    variance sum_i a_i a_(i+k) = g / (2 - g) (1 - g)^k.
    """
    later = np.subtract.outer(np.arange(window), np.arange(window))  # rows from the column's to the row's
    gain = _gain(config.observer_time_s * config.rate_hz)
    kept = (1 - gain) ** np.abs(later)
    entered = np.where(later >= 0, -gain * kept, 0.0)  # the column's noise in the row's exT
    white = np.block([[np.eye(window), entered.T], [entered, gain / (2 - gain) * kept]])
    drift = config.drift_percent**2 * np.exp(-np.abs(later) / config.rate_hz / config.drift_time_s)
    offset = 0.0 if offset_known else config.visit_offset_percent**2
    # The observer passes what is slow unchanged: exT has it with the opposite sign.
    return np.asarray(config.noise_percent**2 * white + np.kron([[1, -1], [-1, 1]], drift + offset))
