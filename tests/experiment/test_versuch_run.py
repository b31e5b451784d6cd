"""The main job on files in the notebook's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forcepos.config.schema import SimulatedConfig
from forcepos.data.simulation.arm import JOINTS
from forcepos.data.simulation.simulation import Simulation
from tests.conftest import PLATE, checked_config
from tests.running import PLAIN
from tests.warm import forcepos


def notebook_file(path: Path, rows: int) -> Path:
    """A file in the notebook's format with 121 points, from the simulated arm with another seed."""
    config = checked_config("data.seed=77", "data.visits=1", f"data.rows={rows}", "data.rate_hz=500").data
    assert isinstance(config, SimulatedConfig)
    recordings = Simulation(config).recordings
    table: dict[str, Any] = dict(zip(recordings.channels, recordings.signals.T.astype(float), strict=True))
    time_ns = np.tile(np.arange(rows) * 2_000_000, 121)
    table |= {"t_Sec": time_ns // 10**9, "t_nSec": time_ns % 10**9}
    table |= {f"{name}1": table[name] for name in ("Fx", "Fy", "Fz", "Tx", "Ty", "Tz")}
    for joint in range(1, JOINTS + 1):
        table |= {f"cur_A{joint}": np.zeros(len(time_ns)), f"comd_A{joint}": np.zeros(len(time_ns))}
    for column, offset in enumerate(config.offset_mm):
        position = recordings.positions[:, column].astype(float) - offset
        table |= {f"curCart_{'xyz'[column]}": position, f"comdCart_{'xyz'[column]}": position}
    table["key"] = [f"{point // 11},{point % 11}" for point in recordings.point]
    import pandas as pd

    pd.DataFrame(table).to_feather(path)
    return path


@pytest.fixture(scope="session")
def plate_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return notebook_file(tmp_path_factory.mktemp("plate") / "versuch_x_100_1.feather", rows=100)


@pytest.mark.parametrize(
    "model", ["ffnn_classification", pytest.param("cnn_regression", marks=pytest.mark.system)]
)
def test_a_file_in_the_notebooks_format_trains(model: str, plate_file: Path, tmp_path: Path) -> None:
    budget = ["tuner.max_trials=1", "training.epochs=1", "training.final_epochs=3", "model.space.num_layers.max=1"]
    finished = forcepos(["data=versuch", f"data.path={plate_file}", f"model={model}", *budget, *PLAIN], tmp_path)
    assert finished.code == 0, finished.err
    assert "121 recordings of 121 points, 12100 rows" in finished.err
    measure, better = ("accuracy", max) if "classification" in model else ("mae_mm", min)
    ours, trivial = finished.result["test"][measure], finished.result["baseline"][measure]
    assert better(ours, trivial) == ours
    assert "oracle_points" not in finished.result


def test_a_recording_too_short_ends_the_run_before_anything_is_trained(tmp_path: Path) -> None:
    finished = forcepos(["data=versuch", f"data.path={PLATE}", "model.window=43"], tmp_path)
    assert finished.code == 1
    assert finished.out == ""
    assert finished.err.splitlines()[1:] == [
        "error: the recordings cannot be used:",
        "  recording 2,0: 42 rows, too short for one window of 43",
        "  recording 2,1: 42 rows, too short for one window of 43",
        "  recording 2,2: 42 rows, too short for one window of 43",
    ]
    assert not (tmp_path / "mlruns").exists()
