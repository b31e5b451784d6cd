"""A Feather file in the notebook's format at full size, made of the simulated arm's recordings."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from forcepos import compose
from forcepos.config.schema import SimulatedConfig
from forcepos.data.simulation.simulation import Simulation

POINTS, ROWS_A_POINT = 121, 4643
_JOINTS = range(1, 8)


def columns() -> list[str]:
    """The 48 columns of numbers, in the notebook's order."""
    wrench = [name for axis in ("Fx", "Fy", "Fz", "Tx", "Ty", "Tz") for name in (axis, f"{axis}1")]
    joints = [f"{kind}_A{joint}" for kind in ("cur", "comd") for joint in _JOINTS]
    places = [f"{kind}Cart_{axis}" for kind in ("cur", "comd") for axis in "xyz"]
    torques = [f"{kind}_A{joint}" for kind in ("exT", "msT") for joint in _JOINTS]
    return ["t_Sec", "t_nSec", *torques, *wrench, *joints, *places]


def write(path: Path, config: SimulatedConfig) -> None:
    """Every column is float64, as the notebook's are; those that nobody reads are noise."""
    recordings = Simulation(config).recordings
    rows = len(recordings.signals)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({name: rng.normal(size=rows) for name in columns()})
    for place, name in enumerate(recordings.channels):
        frame[name] = recordings.signals[:, place].astype(np.float64)
    for place, axis in enumerate("xyz"):
        frame[f"curCart_{axis}"] = recordings.positions[:, place].astype(np.float64) - config.offset_mm[place]
    time_s = np.arange(rows) / config.rate_hz
    frame["t_Sec"] = np.floor(time_s)
    frame["t_nSec"] = np.round(1e9 * (time_s - np.floor(time_s)))
    side = config.grid[1]
    frame["key"] = [f"{point // side},{point % side}" for point in recordings.point.tolist()]
    frame.to_feather(path)


def full_size(folder: Path, rows_a_point: int = ROWS_A_POINT) -> Path:
    """A file of 121 recordings in `folder`, made once."""
    path = folder / f"versuch_{rows_a_point}_1.feather"
    if not path.exists():
        config = compose("data.visits=1", f"data.rows={rows_a_point}", "data.rate_hz=1000").data
        if not isinstance(config, SimulatedConfig):
            raise TypeError("the default data is simulated")
        write(path, config)
    return path


if __name__ == "__main__":
    print(full_size(Path(sys.argv[1])))
