"""Touched points that no column names: clusters of the positions at which recordings rest."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forcepos.data.points import find_points, number_points
from forcepos.data.recordings import Float32, Int32
from tests.data.tables import read, write


def grid(spacing_mm: float, across: int = 5, along: int = 5) -> np.ndarray:
    """Points (across x along, 3), as far from the origin as half their spacing: on the borders of cells."""
    return np.array(
        [((i + 0.5) * spacing_mm, (j + 0.5) * spacing_mm, 0) for i in range(across) for j in range(along)]
    )


def visited(
    points: np.ndarray, visits: int, spread_mm: float, axes: int = 2, rows: int = 40
) -> tuple[Float32, Int32]:
    """Positions of visits with a noise of 0.02 mm, and the recording of each row."""
    rng = np.random.default_rng(1)
    places = np.tile(points, (visits, 1))
    places = np.repeat(places + rng.normal(0, spread_mm, places.shape), rows, axis=0)
    places += rng.normal(0, 0.02, places.shape)
    places[:, axes:] = 0
    return places.astype(np.float32), (np.arange(len(places)) // rows).astype(np.int32)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("visits", [1, 2, 10])
@pytest.mark.parametrize(("spacing_mm", "spread_mm"), [(1, 0.05), (4, 0.05), (4, 0.3), (20, 0.5), (50, 0.5)])
def test_visits_of_a_point_are_one_point(spacing_mm: float, spread_mm: float, visits: int, axes: int) -> None:
    points = grid(spacing_mm, 25, 1) if axes == 1 else grid(spacing_mm)
    positions, recording = visited(points, visits, spread_mm, axes)
    wanted = recording % 25
    assert np.array_equal(number_points(positions, recording, None), wanted)


def test_points_may_be_spaced_unequally() -> None:
    points = np.array([(x, y, 0) for x in (0, 4, 9, 30, 80) for y in (0, 6, 50)], float)
    positions, recording = visited(points, 2, 0.1)
    assert np.array_equal(number_points(positions, recording, None), recording % 15)


def test_a_table_of_points_on_the_borders_of_cells_has_as_many_as_were_touched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    positions, recording = visited(grid(10), 4, 0.05, rows=12)
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {"t": np.arange(len(recording)) / 100, "Fx": rng.normal(size=len(recording)), "n": recording.astype(str),
         "x": positions[:, 0], "y": positions[:, 1]}
    )  # fmt: skip
    path = write(table, tmp_path / "visits.parquet")
    keys = ("data.features=[Fx]", "data.targets=[x,y]", "data.time=t", "data.recording=n")
    assert len(set(read(path, *keys).point.tolist())) == 25
    assert "25 points found by clustering 100 resting positions: spread 0.0" in caplog.text
    assert len(set(read(path, *keys, "data.point_grid_mm=10").point.tolist())) > 25


def test_one_recording_of_several_visits_rests_several_times() -> None:
    positions, recording = visited(grid(20), 2, 0.05, rows=60)
    found = find_points(positions, np.zeros_like(recording))
    assert found is not None
    assert (found.count, found.rests) == (25, 50)
    assert np.mean(found.number == recording % 25) > 0.95


def test_rows_on_the_way_belong_to_the_nearer_rest() -> None:
    way = np.concatenate([np.zeros(200), np.linspace(0, 20, 100), np.full(200, 20)])
    positions = np.column_stack([way, 0 * way, 0 * way]).astype(np.float32)
    number = number_points(positions, np.zeros(500, np.int32), None)
    assert np.array_equal(number, np.arange(500) >= np.argmax(number))
    assert 240 <= np.argmax(number) <= 260


def test_recordings_that_never_rest_are_cut_into_cells_and_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    angle = np.arange(20_000) / 1000
    wiped = np.column_stack([60 * np.sin(angle), 2 * angle, 0 * angle]).astype(np.float32)
    recording = np.zeros(len(wiped), np.int32)
    assert np.array_equal(number_points(wiped, recording, None), number_points(wiped, recording, 10))
    assert caplog.messages == [
        "most recordings never rest: cells of a grid of 10 mm count as points; set data.point, or "
        "data.point_grid_mm for other cells"
    ]


def test_clusters_that_touch_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(1)
    places = np.concatenate([rng.normal((x, 0, 0), 0.8, (40, 3)) for x in (0, 3)])
    number_points(places.astype(np.float32), np.arange(80, dtype=np.int32), None)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "name their column in data.point, or set data.point_grid_mm" in caplog.text


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 3e38])
def test_a_constant_position_is_one_point(value: float, caplog: pytest.LogCaptureFixture) -> None:
    recording = np.repeat(np.arange(5, dtype=np.int32), 10)
    assert not number_points(np.full((50, 3), value, np.float32), recording, None).any()
    assert caplog.messages == []


def test_missing_values_do_not_hide_where_a_recording_rests() -> None:
    positions, recording = visited(grid(10), 2, 0.05)
    positions[::7] = np.nan
    assert np.array_equal(number_points(positions, recording, None), recording % 25)


def test_a_million_rows_take_no_more_than_seconds() -> None:
    positions, recording = visited(grid(10), 40, 0.05, rows=1000)
    begun = time.process_time()
    found = find_points(positions, recording)
    assert found is not None
    assert found.count == 25
    assert time.process_time() - begun < 4
