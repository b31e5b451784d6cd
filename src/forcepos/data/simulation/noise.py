"""Covariances of the error of simulated joint torque sensors, before and after the controller's observer.

Every component of the error is given in percent of an axis' largest torque, so the values here are the same
for all joints. msT has the sensor's error unchanged; exT has its white noise smoothed, and all of it with
the opposite sign.
"""

import numpy as np

from forcepos.config.schema import SimulatedConfig
from forcepos.data.recordings import Float64

# Covariance of msT and exT for an error of variance 1 that the observer passes unchanged.
OPPOSITE = np.array([[1.0, -1.0], [-1.0, 1.0]])


def observer_gain(config: SimulatedConfig) -> float:
    """Return the gain of the observer's low-pass: the share of a row's torque that enters its output at once."""
    return float(1 - np.exp(-1 / (config.observer_time_s * config.rate_hz)))


def settling_rows(config: SimulatedConfig) -> int:
    """Return the rows after which the observer has forgotten its start: ten time constants."""
    return int(np.ceil(10 * config.observer_time_s * config.rate_hz))


def row_covariance(config: SimulatedConfig, window: int, offset_known: bool) -> Float64:
    """Return the covariance (2 window, 2 window) in percent^2 of a window's msT, then its exT, of any one joint.

    Drift varies within the window; a sensor offset that is not known adds to all of its rows.
    """
    row = np.arange(window)
    apart_s = np.abs(np.subtract.outer(row, row)) / config.rate_hz
    slow = config.drift_percent**2 * np.exp(-apart_s / config.drift_time_s)
    offset = 0.0 if offset_known else config.visit_offset_percent**2
    return np.asarray(
        config.noise_percent**2 * white_covariance(config, window) + np.kron(OPPOSITE, slow + offset)
    )


def white_covariance(config: SimulatedConfig, window: int) -> Float64:
    """Return the covariance (2 window, 2 window) of a window's msT, then its exT, from white noise of variance 1.

    With gain g the observer weights a row's noise k rows later by a_k = g (1 - g)^k, and
    two of its rows k apart share the variance sum_i a_i a_(i+k) = g / (2 - g) (1 - g)^k.
    """
    gain = observer_gain(config)
    later = np.subtract.outer(np.arange(window), np.arange(window))  # rows from the column's to the row's
    kept = (1 - gain) ** np.abs(later)
    entered = np.where(later >= 0, -gain * kept, 0.0)  # the column's noise in the row's exT
    return np.block([[np.eye(window), entered.T], [entered, gain / (2 - gain) * kept]])
