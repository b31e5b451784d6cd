"""Roles of columns, guessed from names, or from values where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forcepos.commands.inspect.roles import kind_of, triples
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
    ],
)  # fmt: skip
def test_names(name: str, kind: str) -> None:
    assert kind_of(name) == kind


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
