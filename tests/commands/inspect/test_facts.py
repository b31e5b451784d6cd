"""Findings of `inspect` in files with known faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.commands.inspect.made import WRENCH, facts, inspected, recording
from tests.conftest import PLATE


def test_rate_and_gaps(tmp_path: Path) -> None:
    frame = recording()
    frame.loc[100:, "time"] += 0.25
    frame.loc[200:, "time"] += 0.5
    frame.to_csv(tmp_path / "a.csv", index=False)
    seen = facts(tmp_path, "a.csv")
    assert seen["rate_hz"] == pytest.approx(100)
    assert seen["gaps"]["count"] == 2
    assert seen["gaps"]["longest_s"] == pytest.approx(0.51)
    (pauses,) = (line for line in seen["training"] if "pauses" in line)
    assert pauses.startswith("training would warn: time in time has 2 pauses of more than 5 steps")
    assert (seen["files"], seen["recordings"], seen["rows"]) == (1, 1, 300)


def test_missing_stuck_and_saturated_channels(tmp_path: Path) -> None:
    frame = recording()
    frame.loc[5:7, "Fx"] = np.nan
    frame.loc[9, "Fy"] = np.inf
    frame["Ty"] = 3.0
    frame["Fz"] = frame["Fz"].clip(upper=frame["Fz"].sort_values().iloc[-20])
    frame.to_parquet(tmp_path / "a.parquet")
    seen = facts(tmp_path, "a.parquet")
    assert seen["missing"] == {"Fx": 3, "Fy": 1}
    assert seen["stuck"] == {"Ty": 1}
    assert seen["saturated"] == {"Fz": [{"end": "high", "value": frame["Fz"].max(), "rows": 20}]}
    assert seen["ranges"]["Fx"] == [frame["Fx"].min(), frame["Fx"].max()]
    assert "Ty" not in seen["guesses"]["features"]
    assert "column Fx: 3 values missing or not finite" in seen["remarks"]
    assert not any("would fail" in line for line in seen["training"])  # the draft has missing: drop


def test_values_that_differ_beyond_single_precision_are_not_saturated(tmp_path: Path) -> None:
    frame = recording()
    frame["Fx"] = 0.1356 + 1e-10 * np.arange(300)
    frame["Fy"] = 0.1356 + 1e-9 * np.arange(300).clip(max=250)
    frame.to_parquet(tmp_path / "a.parquet")
    assert facts(tmp_path, "a.parquet")["saturated"] == {
        "Fy": [{"end": "high", "value": frame["Fy"].max(), "rows": 50}]
    }


def test_a_column_of_numbers_in_one_file_and_of_words_in_another_holds_texts(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    recording(90).assign(note=np.arange(90) % 3).to_csv(tmp_path / "logs" / "a.csv", index=False)
    recording(92).assign(note="done").to_csv(tmp_path / "logs" / "b.csv", index=False)
    seen = facts(tmp_path, "logs", "--label", "note")
    assert seen["balance"] == {"note": {"0": 30, "1": 30, "2": 30, "done": 92}}
    assert "note" not in seen["ranges"]


def test_numbers_written_as_texts_are_shown_with_their_faults_and_are_no_features(tmp_path: Path) -> None:
    frame = recording()
    frame["Fy"] = frame["Fy"].astype(str)
    frame.loc[3:5, "Fy"] = "err"
    frame.loc[9, "Fy"] = None
    frame.to_parquet(tmp_path / "a.parquet")
    seen = facts(tmp_path, "a.parquet")
    assert "column Fy: 3 non-numeric values, such as 'err'" in seen["remarks"]
    assert "column Fy: 1 value missing or not finite" in seen["remarks"]
    assert "Fy" in seen["ranges"]
    assert "Fy" not in seen["guesses"]["features"]


def test_truth_values_are_classes_as_training_names_them(tmp_path: Path) -> None:
    recording().assign(open=np.arange(300) % 3 == 0).to_parquet(tmp_path / "a.parquet")
    assert facts(tmp_path, "a.parquet")["balance"] == {"open": {"False": 200, "True": 100}}


def test_a_channel_stuck_in_one_recording_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in range(3):
        recording(100 + number).assign(**({"Tz": 1.0} if number == 1 else {})).to_csv(
            tmp_path / "logs" / f"rec_{number}.csv", index=False
        )
    (tmp_path / "logs" / "notes.txt").write_text("what was done\non that day\n")
    finished = inspected(tmp_path, "--no-figures", "logs")
    seen = finished.result
    assert (seen["files"], seen["recordings"], seen["rows"]) == (3, 3, 303)
    assert seen["stuck"] == {"Tz": 1}
    assert "training would warn: column Tz never changes in recording rec_1" in seen["training"]
    assert "skipped: logs/notes.txt is not a table" in finished.err
    assert "3 files, 3 recordings" in finished.err
    assert ", 303 rows, 100 rows per second" in finished.err


def test_the_balance_of_a_label_and_of_what_may_be_one(tmp_path: Path) -> None:
    frame = recording().assign(label=["left"] * 10 + ["right"] * 290, open=[0, 1, 1] * 100)
    frame.to_csv(tmp_path / "a.csv", index=False)
    seen = facts(tmp_path, "a.csv")
    assert seen["guesses"]["label"] == "label"
    assert seen["balance"] == {"label": {"left": 10, "right": 290}, "open": {"0": 100, "1": 200}}
    assert "label label: few rows of class left, 10 compared with 290" in seen["remarks"]
    assert seen["guesses"]["features"] == WRENCH
    assert facts(tmp_path, "a.csv", "--label", "open")["guesses"]["label"] == "open"


def test_pauses_cut_a_file_into_recordings(tmp_path: Path) -> None:
    frame = recording()
    frame.loc[120:, "time"] += 30
    frame.to_feather(tmp_path / "a.feather")
    seen = facts(tmp_path, "a.feather")
    assert seen["recordings"] == 2
    assert seen["gaps"]["count"] == 1


def test_a_copy_of_a_target_is_reported_as_by_training(tmp_path: Path) -> None:
    recording().assign(tau_1=lambda frame: 2 * frame["x"] + 1).to_csv(tmp_path / "a.csv", index=False)
    assert facts(tmp_path, "a.csv")["training"][0] == (
        "training would warn: feature tau_1 is likely leakage: its correlation with target x is 1.00000; "
        "remove it from data.features unless a sensor measures it"
    )


def test_the_notebooks_file_and_its_figures(tmp_path: Path) -> None:
    finished = inspected(tmp_path, str(PLATE))
    seen = finished.result
    assert (seen["recordings"], seen["points"], seen["rows"], seen["rate_hz"]) == (9, 9, 401, 500)
    assert seen["guesses"]["time"] == ["t_Sec", "t_nSec"]
    assert seen["guesses"]["positions"] == ["curCart_x", "curCart_y", "curCart_z"]
    assert seen["guesses"]["point"] == "key"
    assert len(seen["guesses"]["features"]) == 20
    assert seen["stuck"] == {f"cur_A{joint}": 9 for joint in range(1, 8)}
    assert not any("would fail" in line for line in seen["training"])
    assert [Path(path).name for path in seen["figures"]] == ["signals.png", "health.png"]
    assert all((tmp_path / path).stat().st_size > 1000 for path in seen["figures"])
    assert all(path in finished.err for path in seen["figures"])


def test_rows_are_read_in_chunks_and_statistics_hold_over_all(tmp_path: Path) -> None:
    frame = recording(150_000, rate_hz=1000)
    frame["key"] = np.repeat(["a", "b", "a"], 50_000)
    frame.loc[140_000, "Fx"] = 1e6
    frame.to_parquet(tmp_path / "a.parquet")
    finished = inspected(tmp_path, "--no-figures", "a.parquet")
    seen = finished.result
    assert (seen["rows"], seen["recordings"], seen["points"]) == (150_000, 3, 2)
    assert seen["ranges"]["Fx"][1] == 1e6
    row = next(line for line in finished.err.splitlines() if line.startswith("│ Fx "))
    mean, std = (float(cell) for cell in row.split("│")[5:7])
    assert mean == pytest.approx(frame["Fx"].mean(), rel=1e-3)
    assert std == pytest.approx(frame["Fx"].std(), rel=1e-3)


def test_a_column_without_values_in_its_first_chunk_may_turn_out_to_hold_text(tmp_path: Path) -> None:
    rows = 70_000
    frame = recording(rows).assign(note=pd.Series({rows - 1: "done"}))
    frame.to_parquet(tmp_path / "a.parquet")
    seen = facts(tmp_path, "a.parquet")
    assert (seen["rows"], seen["missing"]) == (rows, {"note": rows - 1})
    assert "note" not in seen["ranges"]


def test_many_classes_are_shown_in_part(tmp_path: Path) -> None:
    recording(600).assign(label=np.arange(600) % 50).to_csv(tmp_path / "a.csv", index=False)
    finished = inspected(tmp_path, "--no-figures", "a.csv")
    assert len(finished.result["balance"]["label"]) == 50
    classes = finished.err.partition("Classes of label, the label\n")[2].splitlines()[3:45]
    assert [line.split("│")[1].strip() for line in classes[:41]] == [*map(str, range(40)), "… and 10 more"]
    assert classes[41].startswith("└")
