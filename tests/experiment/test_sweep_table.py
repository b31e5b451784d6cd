"""The table of a sweep's jobs, and what it shows."""

from __future__ import annotations

import csv
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from forcepos.experiment.sweep_table import (
    job_cells,
    job_rows,
    markdown,
    same_networks,
    seed_cells,
    show_jobs,
    sweep_story,
    write_csv,
)
from forcepos.results.finished_runs import unfinished
from forcepos.runtime.files import write_json
from tests.conftest import a_result

OTHERS = {"baseline": {"euclidean_mean_mm": 16.0}, "linear": {"euclidean_mean_mm": 7.0}}


def put(folder: Path, number: int, overrides: list[str], result: dict[str, Any] | None) -> Path:
    """Leave what a job leaves in the folder of its sweep."""
    job = folder / str(number)
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra" / "overrides.yaml").write_text("".join(f"- {override}\n" for override in overrides))
    if result is not None:
        write_json(job / "result.json", a_result(job) | result)
    return job


def mm(value: float, second: float | None = None) -> dict[str, Any]:
    """Make the result of a regression."""
    score = "euclidean_mean_mm"
    also = (
        {
            "split": "held_out_points",
            "coverage": None,
            "test": {score: second},
            "intervals": {score: [second - 3, second + 4]},
        }
        if second
        else None
    )
    seconds = {"search": 5.25, "final training": 2.0}
    return {
        "test": {score: value},
        "intervals": {score: [value - 1, value + 1]},
        "also": also,
        "seconds": seconds,
        **OTHERS,
    }


def accuracy(value: float) -> dict[str, Any]:
    scores = {"accuracy": 0.2}
    return {"test": {"accuracy": value}, "intervals": {"accuracy": [0.5, 1.0]}, "baseline": scores}


def test_a_job_that_was_killed_after_its_result_was_written_has_failed(tmp_path: Path) -> None:
    scores = {"accuracy": 0.5}
    for number, killed in ((0, False), (1, True)):
        job = tmp_path / str(number)
        job.mkdir()
        with suppress(KeyboardInterrupt), unfinished(job):
            write_json(job / "result.json", a_result(job) | {"test": scores, "baseline": scores})
            if killed:
                raise KeyboardInterrupt  # while it draws its figures
    assert [(row["job"], row["status"]) for row in job_rows(tmp_path)] == [(0, "FINISHED"), (1, "FAILED")]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"test": {}}'])
def test_a_result_that_cannot_be_read_costs_its_job_only(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, 0, ["seed=1"], mm(5.0))
    (put(tmp_path, 1, ["seed=2"], None) / "result.json").write_text(content)
    (tmp_path / "0" / ".hydra" / "overrides.yaml").write_text("[")
    rows = job_rows(tmp_path, ["seed"])
    assert [(row["job"], row["status"], row["sweep.seed"]) for row in rows] == [
        (0, "FINISHED", ""),
        (1, "FAILED", "2"),
    ]
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path}/1/result.json cannot be read, so that the job counts as failed: ")


def test_the_file_has_a_column_for_each_number_and_each_key_that_the_sweep_varies(tmp_path: Path) -> None:
    put(tmp_path, 0, ["debug=smoke", "+model=a", "seed=1"], mm(5.12355, second=26.0))
    put(
        tmp_path,
        1,
        ["debug=smoke", "+model=b", "seed=1"],
        {"test": {"accuracy": 0.5}, "baseline": {"accuracy": 0.25}},
    )
    rows = job_rows(tmp_path, ["model"])
    write_csv(rows, ["model"], tmp_path / "sweep.csv")
    with (tmp_path / "sweep.csv").open() as file:
        first, second = csv.DictReader(file)
    assert first == {
        "job": "0", "overrides": "debug=smoke +model=a seed=1", "status": "FINISHED",
        "euclidean_mean_mm": "5.1235", "accuracy": "", "baseline": "16.0", "also": "26.0", "run_id": "",
        "low": "4.1235", "high": "6.1235", "also_low": "23.0", "also_high": "30.0", "best_baseline": "7.0",
        "seconds": "7.25", "sweep.model": "a",
    }  # fmt: skip
    known = {name: value for name, value in second.items() if value}
    assert known == {  # all that earlier versions knew of a job
        "job": "1", "overrides": "debug=smoke +model=b seed=1", "status": "FINISHED", "accuracy": "0.5",
        "baseline": "0.25", "best_baseline": "0.25", "sweep.model": "b",
    }  # fmt: skip


def test_people_see_what_jobs_differ_in_and_no_empty_columns(tmp_path: Path) -> None:
    put(tmp_path, 0, ["debug=smoke", "seed=1"], mm(5.12355))
    put(tmp_path, 1, ["debug=smoke", "seed=2"], mm(4.0))
    assert job_cells(job_rows(tmp_path, ["seed"]), ["seed"]) == [
        {"job": "1", "seed": "2", "mean error (mm)": "4.0 [3.0, 5.0]", "best\nbaseline": "7.00"},
        {"job": "0", "seed": "1", "mean error (mm)": "5.1 [4.1, 6.1]", "best\nbaseline": "7.00"},
    ]
    put(tmp_path, 2, ["debug=smoke", "seed=3"], None)
    assert [row["status"] for row in job_cells(job_rows(tmp_path, ["seed"]), ["seed"])] == ["", "", "failed"]


def test_regressions_and_classifications_stand_in_one_table_that_fits_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    put(tmp_path, 0, ["model=cnn_classification", "seed=1"], accuracy(0.97123))
    put(tmp_path, 1, ["model=ffnn_regression", "seed=1"], mm(9.91, second=26.6))
    keys = ["model", "seed"]
    show_jobs(job_rows(tmp_path, keys), keys, tmp_path / "sweep.csv")
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 80
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines if "cation" in line or "ffnn" in line]
    assert cells == [
        ["1", "ffnn_regression", "1", "9.9 [8.9, 10.9]", "26.6", "7.00"],
        ["0", "cnn_classification", "1", "0.97 [0.50, 1.00]", "0.200"],  # no second split
    ]


def test_jobs_that_differ_in_their_seed_only_are_folded_into_mean_and_spread(tmp_path: Path) -> None:
    for number, (model, seed, score) in enumerate([("a", 1, 4.0), ("a", 2, 6.0), ("b", 1, 3.0)]):
        put(tmp_path, number, [f"model={model}", f"seed={seed}"], mm(score, second=10 + score))
    assert seed_cells(job_rows(tmp_path, ["model", "seed"]), ["model", "seed"]) == [
        {"model": "b", "seeds": "1", "mean error (mm)": "3.00", "second\nsplit": "13.0"},
        {"model": "a", "seeds": "2", "mean error (mm)": "5 ± 1.4", "second\nsplit": "15 ± 1.4"},
    ]


def test_other_data_are_not_another_seed(tmp_path: Path) -> None:
    for number in (0, 1):
        put(tmp_path, number, ["seed=1", f"data.seed={number}"], mm(5.0 + number))
    assert seed_cells(job_rows(tmp_path, ["data.seed"]), ["data.seed"]) == []


def test_jobs_with_the_same_predictions_trained_the_same_network(tmp_path: Path) -> None:
    contents = {3: b"one", 1: b"one", 0: b"two", 2: None, 4: None, 10: b"one"}
    for number, content in contents.items():
        job = put(tmp_path, number, [f"model.window={number}"], accuracy(1.0))
        if content:
            (job / "predictions.parquet").write_bytes(content)
    assert same_networks(job_rows(tmp_path)) == ["jobs 1, 3 and 10 trained the same network"]


def test_jobs_that_took_their_result_from_the_same_run_trained_the_same_network(tmp_path: Path) -> None:
    for number in (0, 1):  # by an earlier version, which wrote no predictions
        put(tmp_path, number, ["seed=1"], accuracy(1.0) | {"outputs": "/earlier/run"})
    assert same_networks(job_rows(tmp_path)) == ["jobs 0 and 1 trained the same network"]


def test_the_best_regression_and_the_best_classification_lend_the_sweep_their_scores(tmp_path: Path) -> None:
    put(tmp_path, 0, [], mm(6.0))
    put(tmp_path, 1, [], mm(5.0, second=20.0))
    put(tmp_path, 2, [], accuracy(0.75))
    put(tmp_path, 3, [], None)
    assert sweep_story(job_rows(tmp_path), [], "…", []).metrics == {
        "test/euclidean_mean_mm": 5.0, "test_low/euclidean_mean_mm": 4.0, "test_high/euclidean_mean_mm": 6.0,
        "best_baseline/euclidean_mean_mm": 7.0, "held_out_points/euclidean_mean_mm": 20.0,
        "held_out_points_low/euclidean_mean_mm": 17.0, "held_out_points_high/euclidean_mean_mm": 24.0,
        "test/accuracy": 0.75, "test_low/accuracy": 0.5, "test_high/accuracy": 1.0, "best_baseline/accuracy": 0.2,
    }  # fmt: skip


def test_a_description_is_a_table_in_markdown_and_the_command_to_repeat_it(tmp_path: Path) -> None:
    put(tmp_path, 0, ["'data.path=a|b*.csv'"], mm(5.0))
    put(tmp_path, 1, ["data.path=c"], None)
    command = "python -m forcepos -m data.path=a|b*.csv,c"
    assert sweep_story(job_rows(tmp_path, ["data.path"]), ["data.path"], command, []).description == (
        "1 of 2 jobs finished\n\n"
        "| job | data.path | status | mean error \\(mm\\) | best baseline |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| 0 | a\\|b\\*.csv |  | 5.0 \\[4.0, 6.0\\] | 7.00 |\n"
        "| 1 | c | failed |  |  |\n\n"
        f"    {command}"
    )


def test_a_long_table_ends_with_how_many_jobs_are_left_out() -> None:
    lines = markdown([{"job": str(number)} for number in range(35)]).splitlines()
    assert lines[-3:] == ["| 29 |", "", "… and 5 more in sweep.csv"]
