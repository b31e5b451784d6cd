"""The limits that a simulation's noise sets: an ideal observer's lookup, and the Cramér-Rao bound.

docs/simulation.md has the formulas, whose symbols are used here: m and x are the torques of a window without the
errors of its rows, N is the covariance of what remains of these errors, and A are the levers of the force.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from forcepos.config.schema import SimulatedConfig
from forcepos.data.recordings import Float32, Float64, Int32, Recordings
from forcepos.data.simulation.arm import MAX_TORQUE_NM
from forcepos.data.simulation.simulation import JOINT_CHANNELS, Candidates, Simulation, row_covariance
from forcepos.models.problem import AXES

# Without drift a row's exT follows from those before: as much variance as float32 adds keeps covariances regular.
_ROUNDING = 1e-10
_LEAST_INFORMATION = 1e-6  # per mm^2: a deviation of more than a metre is beyond the arm's reach, unobservable
_LEAST_SHARE = 1e-9  # slopes are accurate to 1e-8: a direction 3e-5 times as observable as another may be rounding
_LEAST_PROJECTION = 1e-9  # squared component of an axis along a direction that counts as more than rounding


def cramer_rao_scores(
    outputs: Sequence[str], point: Int32, simulation: Simulation, window: int, offsets_known: bool
) -> dict[str, float]:
    """Bound the errors of unbiased estimators from below, in mm; infinite where the torques carry no information.

    The bounds hold at the nominal position and force of each sample's `point` (n,). With `offsets_known` the
    estimator knows the sensors' offset in each visit, which no model can know for a visit that it has not seen.
    They are `rmse_mm` over all outputs, `euclidean_rms_mm`, and one `rmse_…_mm` for each output; of x and y also
    `rmse_radial_mm` and `rmse_tangential_mm`: along the line from the base's axis to the point, and across it.
    """
    information = _of_outputs(_information(simulation, window, offsets_known), outputs, simulation.config)
    directions = _directions(outputs, simulation.nominal_tips_mm)
    variances = _variances(information, np.stack(list(directions.values()), axis=1))[point].mean(axis=0)
    total, each = variances[: len(outputs)].sum(), zip(directions, variances, strict=True)
    bounds = {"rmse_mm": float(np.sqrt(total / len(outputs))), "euclidean_rms_mm": float(np.sqrt(total))}
    return bounds | {f"rmse_{name}_mm": float(np.sqrt(value)) for name, value in each}


def _information(simulation: Simulation, window: int, offsets_known: bool) -> Float64:
    """Return (points, 3, 3) Fisher information of a window's torques about x, y and z, per mm^2."""
    config, slopes = simulation.config, simulation.nominal_slopes / 1000  # per mm
    white = _whitening(config, window, offsets_known)
    contact = np.array([posture.contact for posture in simulation.nominal_postures])
    gravity_slope, contact_slope = slopes[..., 0], slopes[..., 1:]  # (points, 3, 7), (points, 3, 7, 3)
    pushed_slope = contact_slope @ np.array([0, 0, config.force_n])
    mean_slope = np.concatenate([gravity_slope - pushed_slope, pushed_slope], axis=-1) @ white.T
    spread = config.force_spread_n * white
    lever, bent = (spread @ np.concatenate([-each, each], axis=-2) for each in (contact, contact_slope))
    half = bent @ lever[:, None].swapaxes(-1, -2)
    # The inverse of 1 + lever lever^T, accurate however large the levers are.
    basis, size, _ = np.linalg.svd(lever, full_matrices=False)
    share = size**2 / (1 + size**2)
    precision = np.eye(lever.shape[1]) - (basis * share[:, None]) @ basis.swapaxes(-1, -2)
    change = precision[:, None] @ (half + half.swapaxes(-1, -2))
    of_means = mean_slope @ precision @ mean_slope.swapaxes(-1, -2)
    return np.asarray(of_means + 0.5 * np.einsum("paij,pbji->pab", change, change))


def _whitening(config: SimulatedConfig, window: int, offsets_known: bool) -> Float64:
    """Return (14, 14) that turns condensed m (7,) and x (7,) in Nm into values with white errors, variance 1.

    With the rows' covariance R R^T and their design matrix D: the triangle of R^-1 D's QR decomposition, which
    stays accurate where the inverse of D^T (R R^T)^-1 D would not.
    """
    covariance = row_covariance(config, window, offsets_known)
    covariance += _ROUNDING * covariance.max() * np.eye(2 * window)
    design = np.kron(np.eye(2), np.ones((window, 1)))
    whitened = solve_triangular(cholesky(covariance, lower=True), design, lower=True)
    return np.kron(np.linalg.qr(whitened, mode="r"), np.diag(100 / MAX_TORQUE_NM))


def _of_outputs(information: Float64, outputs: Sequence[str], config: SimulatedConfig) -> Float64:
    """Return (points, outputs, outputs) information about the outputs, the rest being nuisance parameters."""
    estimated = [AXES.index(name) for name in outputs]
    rest = [place for place in range(len(AXES)) if place not in estimated]
    own = information[:, estimated][:, :, estimated]
    if not rest or config.repeatability_mm == 0:
        return own
    shared = information[:, rest][:, :, estimated]
    others = information[:, rest][:, :, rest] + np.eye(len(rest)) / config.repeatability_mm**2
    return own - shared.swapaxes(-1, -2) @ np.linalg.solve(others, shared)


def _directions(outputs: Sequence[str], tips_mm: Float64) -> dict[str, Float64]:
    """Return (points, outputs) unit vectors by name: the outputs, and radial and tangential ones in the plane."""
    each = np.broadcast_to(np.eye(len(outputs))[:, None], (len(outputs), len(tips_mm), len(outputs)))
    along = dict(zip(outputs, each, strict=True))
    if {"x", "y"} <= set(outputs):
        away = tips_mm[:, :2] / np.maximum(np.linalg.norm(tips_mm[:, :2], axis=1, keepdims=True), 1e-9)
        along["radial"] = away[:, :1] * along["x"] + away[:, 1:] * along["y"]
        along["tangential"] = away[:, :1] * along["y"] - away[:, 1:] * along["x"]
    return along


def _variances(information: Float64, directions: Float64) -> Float64:
    """Return (points, directions) error variances in mm^2 along (points, directions, outputs) unit vectors."""
    amount, eigenvectors = np.linalg.eigh(information)
    projection = (directions @ eigenvectors) ** 2
    projection[projection < _LEAST_PROJECTION] = 0
    observable = amount >= np.maximum(_LEAST_INFORMATION, _LEAST_SHARE * amount[:, -1:])
    variance = np.where(observable, 1 / np.where(observable, amount, 1), np.inf)[:, None]
    parts = np.multiply(projection, variance, out=np.zeros_like(projection), where=projection > 0)
    return np.asarray(parts.sum(axis=-1))


def locate(recordings: Recordings, starts: Int32, window: int, candidates: Candidates) -> Float32:
    """Return (n, 3) mm, the position of the candidate under which the mean of each window is most likely.

    Windows begin at rows `starts` (n,) of recordings that have all of JOINT_CHANNELS. Noise is Gaussian: for each
    candidate with mean m and covariance C, log p(x) = -1/2 (x - m)^T C^-1 (x - m) - 1/2 log det C + const.
    """
    signals = recordings.select(JOINT_CHANNELS).signals
    sums = np.pad(signals, ((1, 0), (0, 0))).cumsum(axis=0, dtype=np.float64)
    means = (sums[starts + window] - sums[starts]) / window
    best = np.full(len(means), -np.inf)
    choice = np.zeros(len(means), np.int32)
    for number, (expected, covariance) in enumerate(zip(candidates.means, candidates.covariances, strict=True)):
        root = np.linalg.cholesky(covariance)
        whitened = np.linalg.solve(root, (means - expected).T)
        likelihood = -0.5 * (whitened**2).sum(axis=0) - np.log(np.diag(root)).sum()
        better = likelihood > best
        best[better], choice[better] = likelihood[better], number
    return candidates.positions[choice].astype(np.float32)
