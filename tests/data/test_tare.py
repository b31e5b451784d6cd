"""Tare: signals less their mean over rows without contact, which are then no samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forcepos.config.schema import TableConfig
from forcepos.data.loading import load_recordings
from forcepos.data.recordings import Recordings, all_samples, force_places
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.data.tables import write

WANTED = ["data.features=[Fx,Fy,Fz,q1]", "data.targets=[x]", "data.time=t", "model.axes=[x]"]


def touch(offset: float, rows: int = 50) -> pd.DataFrame:
    """100 rows a second; from row 20 on, and not in rows 40 to 44, Fz is 10 N more than an offset."""
    row = np.arange(rows)
    pressed = (row >= 20) & ~((row >= 40) & (row < 45))
    forces = {"Fx": 0.1, "Fy": -0.1, "Fz": np.where(pressed, 10.0, 0.0) + offset}
    return pd.DataFrame({"t": row * 0.01, **forces, "q1": 30.0 + row, "x": row * 1.0, "grip": row // 20})


def load(path: Path, *overrides: str, window: int = 1) -> Recordings:
    config = checked_config("data=table", f"data.path={path}", *WANTED, *overrides).data
    assert isinstance(config, TableConfig)
    return load_recordings(config, window).recordings


def error_of(path: Path, *overrides: str) -> str:
    with pytest.raises(InputError) as error:
        load(path, *overrides)
    return str(error.value)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    for name, offset in (("a", 0.5), ("b", -0.25)):
        write(touch(offset), tmp_path / f"{name}.csv")
    return tmp_path


def test_the_first_milliseconds_are_subtracted_and_dropped(two: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    recordings = load(two, "data.tare=time", "data.tare_features=[Fx,Fy,Fz]")
    assert caplog.messages[-1] == (
        "data.tare=time: subtracted the mean of each recording's rows from 0 to 200 ms (data.tare_ms); they are "
        "dropped, 40 of 100 rows in 2 recordings"
    )
    assert recordings.bounds.tolist() == [[0, 30], [30, 60]]
    assert not recordings.breaks.size
    pressed = np.where((np.arange(20, 50) >= 40) & (np.arange(20, 50) < 45), 0.0, 10.0)
    assert np.allclose(recordings.signals[:, 2], np.tile(pressed, 2), atol=1e-6)
    assert np.allclose(recordings.signals[:, :2], 0, atol=1e-6)
    assert recordings.signals[:30, 3].tolist() == list(range(50, 80))
    assert recordings.positions[:30, 0].tolist() == list(range(20, 50))


def test_all_features_are_tared_with_a_warning_of_joint_angles(
    two: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recordings = load(two, "data.tare=time")
    assert caplog.messages == ["data.tare takes the mean from joint angles, too (q1): set data.tare_features"]
    assert recordings.signals[0, 3] == 50 - np.arange(30, 50).mean()


def test_an_interval_in_the_middle_is_dropped_and_no_window_crosses_it(two: Path) -> None:
    recordings = load(two, "data.tare=time", "data.tare_ms=[50,150]", "data.tare_features=[Fz]")
    assert recordings.bounds.tolist() == [[0, 40], [40, 80]]
    assert recordings.breaks.tolist() == [5, 45]
    assert recordings.runs.tolist() == [[0, 5], [5, 40], [40, 45], [45, 80]]
    starts = all_samples(recordings, 3).starts
    assert not {3, 4} & {*starts.tolist()}


def test_rows_with_little_force_are_subtracted_and_dropped(two: Path) -> None:
    recordings = load(two, "data.tare=force", "data.tare_features=[Fz]")
    assert np.allclose(recordings.signals[:, 2], 10, atol=1e-6)
    assert recordings.bounds.tolist() == [[0, 25], [25, 50]]
    assert recordings.breaks.tolist() == [20, 45]


def test_columns_of_any_name_may_hold_the_force(two: Path) -> None:
    for path in two.iterdir():
        path.write_text(path.read_text().replace("Fz", "load"))
    wanted = "data.features=[Fx,Fy,load]", "data.tare_force=[load]"
    assert np.allclose(load(two, "data.tare=force", *wanted).signals[:, 2], 10, atol=1e-6)
    with pytest.raises(InputError, match=r"^data.tare_force names Fz, which data.features does not$"):
        load(two, "data.tare=force", *wanted[:1], "data.tare_force=[Fz]")


def test_recordings_too_short_for_a_window_are_dropped_after_their_free_rows(
    two: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(touch(0.0, rows=24), two / "c.csv")
    recordings = load(two, "data.tare=time", "data.tare_features=[Fz]", window=10)
    assert recordings.names == ("a", "b")
    assert "shorter than one window of 10 rows: c" in caplog.messages[-1]


def test_a_recording_without_contact_is_dropped_by_name(two: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(touch(0.0, rows=15), two / "c.csv")
    recordings = load(two, "data.tare=time", "data.tare_features=[Fz]")
    assert recordings.names == ("a", "b")
    assert recordings.recording.max() == 1
    assert caplog.messages == ["data.tare: no row with contact is left of 1 recordings: c"]


def test_classes_sessions_and_kept_columns_lose_the_same_rows(two: Path) -> None:
    wanted = ["data.label=grip", 'data.session_from="{}.csv"', "data.keep=[x]", "data.tare_features=[Fz]"]
    recordings = load(two, "data.tare=time", *wanted)
    assert recordings.label_names == ("1", "2")
    assert recordings.labels is not None
    assert recordings.labels[[0, 19, 20, 30]].tolist() == [0, 0, 1, 0]
    assert recordings.session is not None
    assert recordings.session[[29, 30]].tolist() == [0, 1]
    assert recordings.kept["x"].tolist() == recordings.positions[:, 0].tolist()
    message = error_of(two, "data.label=grip", "data.tare=time", "data.tare_ms=[0,400]")
    assert message == "data.label=grip has only one class, 2: nothing to classify"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.tare=force", "data.tare_below_n=0.3"],
         "data.tare=force: 1 of 2 recordings have no row with a force below 0.3 N (data.tare_below_n): a"),
        (["data.tare=time", "data.tare_ms=[500,900]"],
         "data.tare=time: 2 of 2 recordings have no row from 500 to 900 ms (data.tare_ms): a, b"),
        (["data.tare=time", "data.tare_ms=[0,500]"], "data.tare=time leaves no rows"),
        (["data.tare=force", "data.features=[Fx,Fy]"],
         "data.tare=force needs Fx, Fy and Fz among data.features (Fx, Fy): name them in data.tare_force"),
        (["data.tare_ms=[200,200]"], "data.tare_ms=[200,200] must be an interval: its beginning, then its end"),
        (["data.tare_ms=[200]"], "data.tare_ms=[200.0] must have 2 entries"),
        (["data.tare_features=[Tx]"], "data.tare_features names Tx, which data.features does not"),
    ],
)  # fmt: skip
def test_a_tare_that_cannot_be_taken_is_refused(two: Path, overrides: list[str], message: str) -> None:
    assert error_of(two, *overrides) == message


def test_without_tare_nothing_changes(two: Path) -> None:
    assert load(two).signals.shape == (100, 4)
    assert load(two).signals[0, 2] == 0.5


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (["Fx", "Fy", "Fz"], [0, 1, 2]),
        (["q", "wrench.f_z", "wrench.f_x", "wrench.f_y"], [1, 2, 3]),
        (["Fx (N)", "Fy [N]", "Fz[N]"], [0, 1, 2]),
        (["/ft.wrench.force.x", "/ft.wrench.force.y", "/ft.wrench.force.z", "/ft.wrench.torque.x"], [0, 1, 2]),
        (["panda_wrench_force_x", "panda_wrench_force_y", "panda_wrench_force_z"], [0, 1, 2]),
        (["Fx", "Fy", "Tz"], []),
        (["Fx", "Fx1", "Fy", "Fz", "fx"], []),
    ],
)
def test_the_force_is_found_by_its_columns_names(names: list[str], places: list[int]) -> None:
    assert force_places(names) == places
