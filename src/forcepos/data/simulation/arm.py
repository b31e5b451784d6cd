"""The KUKA LBR iiwa 14 R820 as a rigid-body model: kinematics of its tool, and torques of its joints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError

JOINTS = 7

# Largest torque of each axis in Nm, A1 to A7. Source: KUKA, "LBR iiwa 7 R800, LBR iiwa 14 R820,
# Specification", axis data of the LBR iiwa 14 R820.
MAX_TORQUE_NM = np.array([320.0, 320.0, 176.0, 176.0, 110.0, 40.0, 40.0])

# A posture with bent elbow, hand pointing down: the start of every search for joint angles.
_HOME_RAD = np.array([0.0, 0.5, 0.0, -1.6, 0.0, 1.04, 0.0])
# The seventh joint is redundant; like the controller's own Cartesian motions we keep the elbow where it is.
_MOVED = np.array([0, 1, 3, 4, 5, 6])
_HAND_DOWN = np.diag([1.0, -1.0, -1.0])
_POSITION_TOLERANCE_M = 1e-8


@dataclass(frozen=True)
class Posture:
    """The torques and Jacobians of one joint configuration."""

    angles: Float64  # (7,) rad
    gravity: Float64  # (7,) torque in Nm with which the drives balance gravity
    contact: Float64  # (7, 3) joint torque in Nm per N of force on the tool's tip, force in base axes
    # (6, 7) force (N) and torque (Nm) at the flange, in flange axes, per Nm of joint torque: the least-squares
    # inverse of the flange's Jacobian, transposed
    wrench: Float64


class Arm:
    """An iiwa 14 with a rod as tool, standing on a horizontal floor at the origin of the base frame."""

    def __init__(self, mass_factors: Sequence[float] = (1.0,) * JOINTS) -> None:
        """Load the arm, with links whose masses are so many times the published ones."""
        self._model = mujoco.MjModel.from_xml_path(str(Path(__file__).with_name("iiwa14.xml")))
        self._model.body_mass[1:] *= mass_factors  # the first is the world
        mujoco.mj_setConst(self._model, mujoco.MjData(self._model))  # masses of subtrees

    def posture(self, tip_m: Float64, start: Float64 | None = None) -> Posture:
        """Solve for the posture that puts the tool's tip at `tip_m` (3,), base frame in m, hand pointing down.

        An InputError tells of a position that the arm cannot reach.
        """
        data = mujoco.MjData(self._model)
        data.qpos[:] = _HOME_RAD if start is None else start
        for _ in range(100):
            mujoco.mj_forward(self._model, data)
            rotation = data.site("tip").xmat.reshape(3, 3)
            turn = 0.5 * np.cross(rotation.T, _HAND_DOWN.T).sum(axis=0)
            error = np.concatenate([tip_m - data.site("tip").xpos, turn])
            if np.abs(error).max() < _POSITION_TOLERANCE_M:
                if np.trace(rotation.T @ _HAND_DOWN) > 0:
                    return self._describe(data)
                data.qpos[-1] += 0.5  # half a turn away the orientation error vanishes as well: leave that place
                continue
            jacobian = self._jacobian(data, "tip")[:, _MOVED]
            # Damped least squares keeps the step finite near a stretched arm.
            damped = jacobian @ jacobian.T + 1e-8 * np.eye(6)
            data.qpos[_MOVED] += np.clip(jacobian.T @ np.linalg.solve(damped, error), -0.2, 0.2)
        place = "x={:.3f} y={:.3f} z={:.3f} m".format(*tip_m)
        hint = "reduce data.grid or data.spacing_mm, or move the plate with data.offset_mm"
        raise InputError(f"the simulated arm cannot reach {place}: {hint}")

    def gravity(self, angles: Float64) -> Float64:
        """Return the torques (7,) in Nm that balance gravity at these joint angles (7,) in rad."""
        data = mujoco.MjData(self._model)
        data.qpos[:] = angles
        mujoco.mj_forward(self._model, data)
        return np.array(data.qfrc_bias)

    def _jacobian(self, data: mujoco.MjData, site: str) -> Float64:
        """(6, 7): m and rad at the site, base axes, per rad of each joint."""
        linear, angular = np.zeros((3, JOINTS)), np.zeros((3, JOINTS))
        mujoco.mj_jacSite(self._model, data, linear, angular, self._model.site(site).id)
        return np.vstack([linear, angular])

    def _describe(self, data: mujoco.MjData) -> Posture:
        axes = data.site("flange").xmat.reshape(3, 3).T
        flange = np.kron(np.eye(2), axes) @ self._jacobian(data, "flange")
        wrench = np.asarray(np.linalg.pinv(flange.T), np.float64)
        return Posture(data.qpos.copy(), data.qfrc_bias.copy(), self._jacobian(data, "tip")[:3].T, wrench)
