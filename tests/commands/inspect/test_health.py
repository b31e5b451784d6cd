"""Health of channels: drift, offsets between visits, what follows the position, and stretches of one value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from forcepos.commands.inspect.health import health
from forcepos.data.readers.times import measure, steps_of
from forcepos.data.recordings import Recordings
from tests.commands.inspect.made import facts


def visits(count: int = 18, rows: int = 200) -> Recordings:
    """Nine points, each touched twice, with noise of 1 in three channels."""
    rng = np.random.default_rng(1)
    recording = np.repeat(np.arange(count, dtype=np.int32), rows)
    point = (recording % 9).astype(np.int32)
    places = np.column_stack([40.0 * (point % 3), 40.0 * (point // 3), 0 * point]).astype(np.float32)
    return Recordings(
        rng.normal(size=(len(point), 3)).astype(np.float32), places, recording, point, ("Fx", "Fy", "Fz"),
        tuple(f"rec_{number}" for number in range(count)), 100.0,
    )  # fmt: skip


def test_nothing_is_said_of_sound_channels() -> None:
    lines, measures = health(visits())
    assert lines == []
    assert all(one["drift"] < 1 and one["offset"] < 1 and one["bias"] < 0.8 for one in measures.values())


def test_drift_within_a_recording_names_channel_recording_and_change() -> None:
    recordings = visits()
    recordings.signals[400:600, 1] += np.linspace(0, 8, 200)
    (line,), measures = health(recordings)
    assert line.startswith("drift in recordings at rest, in standard deviations of noise: Fy 8.0 (")
    assert " in rec_2); data.tare=time lessens it" in line
    assert 7 < measures["Fy"]["drift"] < 9


def test_a_moving_arm_is_no_drift() -> None:
    recordings = visits()
    recordings.signals[400:600, 1] += np.linspace(0, 8, 200)
    recordings.positions[400:600, 0] += np.linspace(0, 20, 200)
    assert health(recordings)[0] == []


def test_an_offset_between_visits_names_the_worst_channels_first() -> None:
    recordings = visits()
    recordings.signals[1800:, 0] += 6
    recordings.signals[1800:, 2] += 9
    (line,), measures = health(recordings)
    assert line.startswith("offsets between recordings of the same point, in standard deviations of noise: Fz 6.")
    assert ", Fx 4." in line
    assert "data.session" in line
    assert measures["Fy"]["offset"] < 1


def test_a_channel_that_follows_the_position_is_measured_but_no_fault() -> None:
    recordings = visits()
    recordings.signals[:, 2] += recordings.positions[:, 0]
    lines, measures = health(recordings)
    assert lines == []
    assert measures["Fz"]["bias"] > 0.99


def test_dead_and_saturated_stretches_name_their_rows() -> None:
    recordings = visits()
    recordings.signals[250:350, 0] = 0.125
    recordings.signals[500:560, 1] = 50
    dead, saturated = health(recordings)[0]
    assert dead.startswith("dead: Fx is exactly 0.125 in rows 50 to 149 of rec_1;")
    assert saturated.startswith("saturated: Fy is exactly 50 in rows 100 to 159 of rec_2;")


def test_a_clock_that_jitters_less_than_training_warns_of_names_the_worst_recording() -> None:
    recordings = visits(2)
    time_s = np.tile(np.arange(200) / 100, 2)
    time_s[200::2] += 0.004  # every other row of the second one is late: steps of 6, its median, and 14 ms
    times = measure(steps_of(time_s, recordings.recording), recordings.recording, recordings.names)
    assert health(replace(recordings, times=times))[0] == [
        f"clock jitter: the middle 90 % of steps of time differ by 1.3 steps in {recordings.names[1]}; "
        "the sensor's own clock is better"
    ]


def test_inspect_tells_it_and_draws_it(tmp_path: Path) -> None:
    recordings = visits()
    recordings.signals[1800:, 0] += 6
    frame = pd.DataFrame(recordings.signals, columns=["Fx", "Fy", "Fz"]).assign(key=recordings.point)
    frame[["x", "y"]] = recordings.positions[:, :2]
    frame.assign(time=np.arange(len(frame)) / 100).to_parquet(tmp_path / "a.parquet")
    found = facts(tmp_path, "a.parquet")["health"]
    assert [line.partition(":")[0] for line in found["findings"]] == [
        "offsets between recordings of the same point, in standard deviations of noise"
    ]
    assert set(found["channels"]) == {"Fx", "Fy", "Fz"}
