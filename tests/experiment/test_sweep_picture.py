"""The picture of all jobs of a sweep."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from forcepos.experiment.sweep_table import draw_jobs, job_rows
from forcepos.results.comparison import job_scores
from tests.experiment.test_sweep_table import accuracy, mm, put


def test_each_kind_of_score_has_a_panel_with_the_best_job_on_top(tmp_path: Path) -> None:
    put(tmp_path, 0, ["seed=1"], mm(5.0))
    put(tmp_path, 1, ["seed=2"], mm(4.0, second=20.0))
    put(tmp_path, 2, ["seed=3"], accuracy(0.75))
    rows = [row | {"name": f"${row['job']}"} for row in job_rows(tmp_path)]
    regressions, classifications = job_scores(rows).axes
    assert [label.get_text() for label in regressions.get_yticklabels()] == [r"\$1", r"\$0"]
    top, bottom = sorted(regressions.get_ylim())
    assert regressions.get_ylim() == (bottom, top)
    marks: dict[str, Any] = {str(line.get_label()): line.get_xdata() for line in regressions.lines}
    intervals: Any = regressions.collections[0]
    assert list(marks["its own split"]) == [4.0, 5.0]
    assert marks["second split"][0] == 20.0
    assert list(marks["best baseline"]) == [7.0, 7.0]
    assert regressions.get_xlabel() == "mean error on the test subset (mm)"
    assert classifications.get_xlabel() == "accuracy on the test subset"
    ends = [[float(end) for end, _ in segment] for segment in intervals.get_segments()]
    assert ends == [[3.0, 5.0], [4.0, 6.0]]


def test_what_cannot_be_drawn_or_compared_is_said_and_the_sweep_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    for number in (0, 1):
        put(tmp_path, number, [f"model={number}"], mm(5.0))

    def broken(_: object) -> None:
        raise ValueError("no font")

    monkeypatch.setattr("forcepos.results.comparison.job_scores", broken)
    assert draw_jobs(job_rows(tmp_path, ["model"]), ["model"], tmp_path) == []
    picture, comparison = caplog.records
    assert (picture.levelname, picture.message) == ("WARNING", "cannot draw the jobs: no font")
    assert comparison.levelname == "INFO"
    assert comparison.message.startswith("cannot compare the jobs: ")


def test_jobs_that_were_tested_on_the_same_rows_are_compared_on_a_page_for_each_split(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    compared: dict[str, list[str]] = {}

    def write(folders: list[Path], page: Path) -> None:
        compared[page.name] = [folder.name for folder in folders]

    monkeypatch.setattr("forcepos.results.comparison.write_comparison", write)
    choices = [("cnn", "blocked"), ("cnn", "random"), ("ffnn", "blocked"), ("ffnn", "random"), ("ffnn", "mine")]
    for number, (model, split) in enumerate(choices):
        put(tmp_path, number, [f"model={model}", f"split={split}"], mm(5.0 + number))
    keys = ["model", "split"]
    files = draw_jobs(job_rows(tmp_path, keys), keys, tmp_path)
    pages = ["ladder.html", "comparison_1.html", "comparison_2.html"]
    assert [file.name for file in files] == ["jobs.svg", "jobs.png", *pages]
    assert compared == {"comparison_1.html": ["0", "2"], "comparison_2.html": ["1", "3"]}
    assert caplog.messages == [
        "from split to split: ladder.html",
        "jobs 0, 2 compared: comparison_1.html",
        "jobs 1, 3 compared: comparison_2.html",
    ]


def test_jobs_that_differ_in_their_split_only_are_a_ladder_from_the_easiest_split_to_the_hardest(
    tmp_path: Path,
) -> None:
    put(tmp_path, 0, ["split=held_out_points"], mm(14.0) | {"verdict": "14 mm, no better than chance."})
    put(tmp_path, 1, ["split=held_out_recordings"], None)
    put(tmp_path, 2, ["split=mine"], mm(3.0))
    put(tmp_path, 3, ["split=random"], mm(2.0, second=20.0))
    assert [file.name for file in draw_jobs(job_rows(tmp_path, ["split"]), ["split"], tmp_path)][2:] == [
        "ladder.html"
    ]
    page = (tmp_path / "ladder.html").read_text()
    assert "<h2>The same network on each split</h2>" in page
    assert "<p>From the easiest split to the hardest, but for split=held_out_recordings, which failed.</p>" in page
    assert re.findall("<t[hd](?: [^>]*)?>(.*?)</t[hd]>", page) == [
        "split", "model", "mean or most frequent class", "linear model", "what may be claimed",
        "random", "2.0 [1.0, 3.0]", "16.0", "7.00", "",  # of an earlier version
        "held_out_points", "14.0 [13.0, 15.0]", "16.0", "7.00", "14 mm, no better than chance.",
        "mine", "3.0 [2.0, 4.0]", "16.0", "7.00", "",
    ]  # fmt: skip
    assert page.count("data:image/png;base64,") == 1


def test_each_seed_of_a_ladder_has_its_own_and_a_single_split_has_none(tmp_path: Path) -> None:
    keys = ["split", "seed"]
    for number, (split, seed) in enumerate([("random", 1), ("blocked", 1), ("random", 2), ("blocked", 2)]):
        put(tmp_path, number, [f"split={split}", f"seed={seed}"], mm(3.0 + number))
    put(tmp_path, 4, ["split=random", "seed=3"], mm(9.0))
    put(tmp_path, 5, ["split=blocked", "seed=3"], None)
    draw_jobs(job_rows(tmp_path, keys), keys, tmp_path)
    page = (tmp_path / "ladder.html").read_text()
    assert re.findall("<h2>(.*)</h2>", page) == ["seed=1", "seed=2"]


def test_a_single_job_is_not_drawn(tmp_path: Path) -> None:
    put(tmp_path, 0, ["seed=1"], mm(5.0))
    put(tmp_path, 1, ["seed=2"], None)
    assert draw_jobs(job_rows(tmp_path, ["seed"]), ["seed"], tmp_path) == []


def test_the_end_of_a_sweep_takes_no_tensorflow() -> None:
    used = "import forcepos.results.comparison, forcepos.results.scores, sys"  # its pages, its run's metrics
    without = "assert not {'tensorflow', 'keras', 'keras_tuner'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", f"{used}; {without}"], check=True)
