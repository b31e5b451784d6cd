"""Roles of columns, guessed from names, or from values where there are none."""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forcepos.commands.inspect.columns import read_name, triples
from forcepos.commands.inspect.report import inspect
from tests.commands.inspect.made import WRENCH, facts, inspected, recording


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("t_nSec", "nanoseconds"), ("time_ms", "time"), ("stamp", "time"),
        ("curCart_x", "position"), ("X", "position"),
        ("tcp_pos.y", "position"), ("comdCart_z", "commanded position"), ("Fx", "force"), ("Fx1", "second force"),
        ("force_z", "force"), ("cartTorque1_TauX", "torque"),
        ("exT_A3", "joint torque"), ("tau_2", "joint torque"),
        ("axisQMsr_LBR_iiwa_14_R820_1[0]", "joint angle"), ("q3", "joint angle"), ("key", "point"),
        ("label", "label"), ("temperature", ""), ("acc_x", ""),
        ("q1 (deg)", "joint angle"), ("c1 (A)", "current"), ("motor_current_3", "current"), ("I_A1", "current"),
        ("Fx [N]", "force"), ("F_x(N)", "force"), ("tcp_pose.x [m]", "position"), ("Time [sec]", "time"),
        ("roll", "orientation"), ("tool_rx", "orientation"), ("qw", "orientation"), ("Rx (deg)", "orientation"),
        ("pose.orientation.w", "orientation"), ("actual_TCP_pose_2", "position"),
        ("actual_TCP_pose_3", "orientation"), ("target_q_3", "commanded value"), ("q_d", "commanded angle"),
        ("cmd_x", "commanded position"), ("setpoint", "commanded value"), ("reference", "commanded value"),
        ("reflex", ""), ("sensor_d", ""), ("seq", "row number"), ("frame_index", "row number"),
        ("episode_index", "recording"), ("session", "session"), ("subject_id", "session"),
    ],
)  # fmt: skip
def test_names(name: str, kind: str) -> None:
    assert read_name(name).kind == kind


def guessed(frame: pd.DataFrame, place: Path) -> tuple[dict[str, Any], str]:
    """Return the facts, and the draft."""
    frame.to_parquet(place / "a.parquet")
    asked = {"write": None, "no_figures": True, "time": None, "positions": (), "point": None, "label": None}
    found = inspect(Namespace(files=[str(place / "a.parquet")], **asked), Path(tempfile.mkdtemp(dir=place)))
    return json.loads(json.dumps(found)), Path(found["config"]).read_text()


@pytest.mark.parametrize(
    ("name", "first", "step", "unit"),
    [
        ("Time [sec]", 1.6e12, 10.0, "ms"), ("clock", 1.6e9, 0.01, "s"), ("stamp (us)", 1.6e15, 1e4, "us"),
        ("t", 1.6e18, 1e7, "ns"), ("uptime_ms", 1e9, 10.0, "ms"), ("t_us", 0.0, 1e4, "us"),
        ("time", 0.0, 10.0, "ms"),
    ],
)  # fmt: skip
def test_the_size_of_a_time_tells_its_unit_before_the_name_does(
    name: str, first: float, step: float, unit: str, tmp_path: Path
) -> None:
    frame = recording().rename(columns={"time": name})
    frame[name] = first + step * np.arange(300)
    found, draft = guessed(frame, tmp_path)
    assert found["guesses"]["time"] == [name]
    assert found["rate_hz"] == pytest.approx(100, rel=0.01)
    assert f"time_unit: {unit}\n" in draft


@pytest.mark.parametrize("first", [0, 1, 5000, 7.0])
def test_a_counter_is_no_time(first: float, tmp_path: Path) -> None:
    for name in ("seq", "number"):
        frame = recording().drop(columns="time").assign(**{name: first + np.arange(300)})
        found, draft = guessed(frame, tmp_path)
        assert found["guesses"]["time"] == []
        assert found["guesses"]["features"] == WRENCH
        assert "rate_hz: ???" in draft
        assert found["command"].partition("  # ")[0].endswith(" data.rate_hz=ROWS_PER_SECOND")


def test_a_year_beyond_2100_is_no_time(tmp_path: Path) -> None:
    late = pd.date_range("2150-01-01", periods=300, freq="10ms")
    assert guessed(recording().assign(time=late), tmp_path)[0]["guesses"]["time"] == []
    assert guessed(recording().assign(time=5e18 + 1e7 * np.arange(300)), tmp_path)[0]["guesses"]["time"] == []


def test_seconds_and_nanoseconds_are_drafted_as_such(tmp_path: Path) -> None:
    ns = 1_700_000_000_000_000_000 + 10_000_000 * np.arange(300)
    stamps = {"header.stamp.sec": ns // 10**9, "header.stamp.nanosec": ns % 10**9}
    found, draft = guessed(recording().drop(columns="time").assign(**stamps), tmp_path)
    assert "time: header.stamp.sec  # a guess" in draft
    assert "nanoseconds: header.stamp.nanosec\n" in draft
    assert found["rate_hz"] == pytest.approx(100, rel=1e-5)
    assert found["guesses"]["label"] is None
    assert found["balance"] == {}


def test_whole_seconds_are_no_label(tmp_path: Path) -> None:
    frame = recording().assign(second=1_700_000_000 + np.arange(300) // 100)
    assert guessed(frame, tmp_path)[0]["balance"] == {}


def test_large_whole_numbers_stay_apart(tmp_path: Path) -> None:
    days = np.repeat([20240501, 20240502, 2**53 + 1], 100)
    found, _ = guessed(recording().assign(label=days), tmp_path)
    assert found["balance"] == {"label": {"20240501": 100, "20240502": 100, "9007199254740993": 100}}


def test_a_session_has_a_role_of_its_own(tmp_path: Path) -> None:
    frame = recording().assign(day=np.repeat(["mon", "tue"], 150), trial=np.repeat([0, 1, 2], 100))
    found, draft = guessed(frame, tmp_path)
    assert (found["guesses"]["session"], found["guesses"]["recording"]) == ("day", "trial")
    assert "session: day  # a guess, by its name" in draft
    assert "gap_s" not in draft


def test_three_columns_make_a_position() -> None:
    assert triples(["X", "Y", "Z", "pos_x", "pos_y"]) == [("X", "Y", "Z"), ("pos_x", "pos_y")]


def test_columns_without_names_are_guessed_by_their_values(tmp_path: Path) -> None:
    """As a controller logs: time in ms, pose, wrench, one angle, and a flag; the last line is cut short."""
    frame = recording(3000, rate_hz=25)
    rng = np.random.default_rng(1)
    wrench = rng.normal(0, 5, (3000, 6))
    turn = np.linspace(-3, 3, 3000)
    columns = [1_467_403_708_801 + 40 * np.arange(3000), *frame[["x", "y", "z"]].to_numpy().T]
    columns += [turn / 4, turn / 5, turn / 6, *wrench.T, turn / 2, np.arange(3000) // 100 % 2]
    lines = [
        " ".join(f"{value:.10g}" if value % 1 else f"{value:.0f}" for value in row)
        for row in zip(*columns, strict=True)
    ]
    (tmp_path / "log.txt").write_text("\n".join([*lines, "1467403828801 4.0 3"]))
    finished = inspected(tmp_path, "--no-figures", "log.txt")
    guesses = finished.result["guesses"]
    assert guesses["time"] == ["0"]
    assert guesses["positions"] == ["1", "2", "3"]
    assert guesses["features"] == [str(number) for number in range(7, 14)]
    assert finished.result["rate_hz"] == 25
    assert finished.result["balance"] == {"14": {"0": 1500, "1": 1500}}
    cut_line = "log.txt: the last line is cut short (3 of 15 fields) and was dropped"
    assert cut_line in finished.result["remarks"]
    assert finished.err.count("cut short") == 1
    assert "it increases from row to row; in ms, since it then counts from 1970" in finished.err


def test_metres_and_decimal_commas(tmp_path: Path) -> None:
    frame = recording()
    frame[["x", "y", "z"]] /= 1000
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";", decimal=",")
    finished = inspected(tmp_path, "--no-figures", "a.csv")
    assert "in m, since no value exceeds 0.45" in finished.err
    assert finished.result["ranges"]["x"] == pytest.approx([0.35, 0.45], abs=1e-3)


def test_a_time_by_its_type_and_a_row_number(tmp_path: Path) -> None:
    frame = recording().assign(time=pd.date_range("2024-01-01", periods=300, freq="4ms"), number=range(300))
    frame.to_parquet(tmp_path / "a.parquet")
    seen = facts(tmp_path, "a.parquet")
    assert seen["guesses"]["time"] == ["time"]
    assert seen["rate_hz"] == pytest.approx(250, rel=1e-4)
    assert seen["guesses"]["features"] == WRENCH


def test_hints_take_precedence_over_guesses(tmp_path: Path) -> None:
    names = {"x": "alpha", "y": "beta", "z": "gamma", "time": "clock"}
    recording().rename(columns=names).to_csv(tmp_path / "a.csv", index=False)
    hints = ["--positions", "alpha", "beta", "--time", "clock"]
    guesses = facts(tmp_path, "a.csv", *hints)["guesses"]
    assert guesses["positions"] == ["alpha", "beta"]
    assert guesses["time"] == ["clock"]
