"""The report is a single file, and no text in it can become markup."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from forcepos.data.recordings import Samples
from forcepos.data.splits.split import Split
from forcepos.results.figures.style import page_html
from forcepos.results.findings import cards, question, verdict
from forcepos.results.scores import write_score_files
from tests.conftest import checked_config

EVIL = '<script>alert("x")</script>\'"&'
PNG = "MQ=="
CALM: dict[str, Any] = {
    "title": "cnn_regression, blocked",
    "question": "How far off is it later in a recording that it knows?",
    "cards": [("Score", "1.5 mm [1.4, 1.6]", "mean error on the test subset")],
    "verdict": "1.5 mm [1.4, 1.6], better than the boosted trees with 5.24 mm.",
    "scores": pd.DataFrame({"score": ["mean", "r2"], "model": ["1.5 mm", "-"], "interval": ["1.4 to 1.6", "-"]}),
    "notes": ["Held-out points: 15 mm."],
    "data": pd.DataFrame({"split": ["recordings"], "blocked": ["242"]}),
    "checks": [{"found": "Coverage is off", "advice": "Calibrate on more"}],
    "figures": {"learning_curves": PNG, "error_map": "Mg=="},
    "hyperparameters": {"units_0": 64},
    "layers": pd.DataFrame({"layer": ["dense"], "weights": ["420"]}),
    "load": ["import keras"],
    "seconds": {"search": 88.9},
    "tables": {"trials": pd.DataFrame({"trial": ["1", "2"], "activation": ["relu", "tanh"]})},
    "config_yaml": "seed: 1\n",
    "facts": {"split": "blocked", "question": "how well does it do later in a visit?"},
}
EVIL_TABLE = pd.DataFrame({EVIL: [EVIL]})
report_html = partial(page_html, "report.html.jinja")
SECTIONS = ["scores", "data", "checks", "figures", "model", "times", "tables", "config", "provenance"]


def of_test(value: float, low: float, high: float, measure: str = "euclidean_mean_mm") -> dict[str, Any]:
    return {"test": {measure: value}, "intervals": {measure: [low, high]}}


@pytest.mark.parametrize(
    "contents",
    [
        {"title": EVIL},
        {"question": EVIL},
        {"cards": [(EVIL, EVIL, EVIL)]},
        {"verdict": EVIL},
        {"scores": EVIL_TABLE},
        {"notes": [EVIL]},
        {"data": EVIL_TABLE},
        {"checks": [{"found": EVIL, "advice": EVIL}]},
        {"hyperparameters": {EVIL: EVIL}},
        {"layers": EVIL_TABLE},
        {"load": [EVIL]},
        {"seconds": {EVIL: EVIL}},
        {"tables": {EVIL: EVIL_TABLE}},
        {"config_yaml": EVIL},
        {"facts": {EVIL: EVIL}},
    ],
    ids=lambda contents: str(*contents),
)
def test_every_text_is_escaped(contents: dict[str, object]) -> None:
    html = report_html(**CALM | contents)
    assert "<script" not in html
    assert 'alert("x")' not in html
    assert "&lt;script&gt;alert(&#34;x&#34;)" in html
    tags = re.compile(r"<[a-z/!][^>]*>")
    assert {tag for tag in tags.findall(html) if "&lt;script" not in tag} <= set(tags.findall(report_html(**CALM)))


def test_nothing_is_fetched_from_anywhere() -> None:
    html = report_html(**CALM)
    assert not re.search(r"https?://|url\(|@import|<script|<iframe|<object", html)
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', html))
    assert all(target.startswith(("#", "data:")) for target in re.findall(r'href="([^"]*)"', html))


def test_no_password_of_a_server_is_shown() -> None:
    uri = "http://me:sec@ret@host:5000"
    shown = {"load": [f"set_tracking_uri('{uri}')"], "config_yaml": f"uri: {uri}\n", "facts": {"uri": uri}}
    html = report_html(**CALM | shown)
    assert html.count("http://host:5000") == 3
    assert "me:sec" not in html
    assert "ret@" not in html


def test_every_image_is_shown_with_title_and_caption() -> None:
    html = report_html(**CALM)
    images = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">', html)
    assert [(title, data) for data, title in images] == [
        ("Final training", PNG), ("Errors on the plate", "Mg==")
    ]  # fmt: skip
    for caption in ("Training and validation subsets after each epoch, and", "to its mean predicted position."):
        assert caption in html


def test_every_text_of_the_report_is_on_the_page() -> None:
    html = report_html(**CALM)
    texts = [CALM[name] for name in ("title", "question", "verdict", "config_yaml")]
    texts += [*CALM["cards"][0], *CALM["notes"], *CALM["load"], "Coverage is off.</strong> Calibrate on more."]
    for pairs in (CALM["facts"], CALM["hyperparameters"], CALM["seconds"]):
        texts += [*pairs, *map(str, pairs.values())]
    for table in (CALM["scores"], CALM["data"], CALM["layers"], *CALM["tables"].values()):
        texts += [*table.columns, *table.to_numpy().flat]
    assert [text for text in texts if text not in html] == []


def test_sections_are_in_the_order_of_the_contents() -> None:
    html = report_html(**CALM)
    assert re.findall(r'<section id="(\w+)">', html) == SECTIONS
    assert re.findall(r'<a href="#(\w+)">', html) == SECTIONS


def test_without_checks_the_contents_do_not_list_them() -> None:
    html = report_html(**CALM | {"checks": []})
    left = [name for name in SECTIONS if name != "checks"]
    assert re.findall(r'<section id="(\w+)">', html) == left
    assert re.findall(r'<a href="#(\w+)">', html) == left


def test_of_a_long_table_the_first_rows_are_shown_with_three_digits() -> None:
    table = pd.DataFrame({"name": [f"r{number}" for number in range(13)], "mm": [1.23456, 1000.0, *range(11)]})
    html = report_html(**CALM | {"tables": {"errors_by_recording": table}})
    assert "<caption>Errors by recording, the first 12 of 13</caption>" in html
    assert "<td>1.23</td>" in html
    assert "<td>1000</td>" in html
    assert "<td>r11</td>" in html
    assert "<td>r12</td>" not in html


@pytest.mark.parametrize(
    ("split", "asked"),
    [
        ("blocked", "How far off is it later in a recording that it knows?"),
        ("held_out_recordings", "How far off is it in a new recording of points that it knows?"),
        ("held_out_points", "How far off is it at points that it has never touched?"),
        ("held_out_sessions", "How far off is it in a session that it has never seen, such as another day?"),
        ("random", "How far off is it between samples that it was trained on?"),
        ("cross_validation", "How far off is it on points that were left out of its training?"),
    ],
)
def test_the_report_asks_what_its_split_answers(split: str, asked: str) -> None:
    assert question(checked_config(f"split={split}").split, regression=True) == asked


def test_a_split_of_ones_own_asks_what_its_docstring_says() -> None:
    class BySurface(Split):
        """Test the model on a surface that it has never touched.

        More of it.
        """

        def divide(self, samples: Samples, seed: int) -> Any: ...

    @dataclass
    class Undocumented(BySurface): ...

    given: dict[str, Any] = {"name": "by_surface", "plugin": "", "validation_ratio": 0.2, "calibration_ratio": 0.1}
    assert question(BySurface(**given), regression=True) == (
        "Test the model on a surface that it has never touched."
    )
    assert question(Undocumented(**given), regression=True) == "split=by_surface"


@pytest.mark.parametrize(
    ("reference", "compared"),
    [
        (5.244, "better than the linear model with 5.24 mm"),
        (1.3, "perhaps better than the linear model with 1.30 mm"),
        (0.05, "no better than the linear model with 0.050 mm"),
    ],
)
def test_the_verdict_compares_with_the_best_baseline(reference: float, compared: str) -> None:
    baselines = {name: {"euclidean_mean_mm": value} for name, value in (("baseline", 16), ("linear", reference))}
    result = of_test(1.258, 1.118, 1.424) | baselines | {"also": None}
    assert verdict(result) == f"1.26 mm [1.12, 1.42], {compared}."
    assert [number for _, number, _ in cards(result)] == ["1.26 mm [1.12, 1.42]", compared.split("with ")[1]]


@pytest.mark.parametrize(
    ("low", "rest"),
    [
        (0.46, ": part of what it has learned are the points of its recordings, not places in general."),
        (0.99, ", which is no clear loss."),
    ],
)
def test_the_verdict_compares_the_splits(low: float, rest: str) -> None:
    own = of_test(0.988, 0.979, 0.995, "accuracy") | {"baseline": {"accuracy": 0.25}}
    second = of_test(low, low - 0.01, low + 0.01, "accuracy") | {"split": "held_out_points"}
    assert verdict(own | {"also": second}) == (
        "98.8 % [97.9, 99.5], better than the constant baseline with 25.0 %; "
        f"at points that it has never touched {100 * low:.1f} % [{100 * low - 1:.1f}, {100 * low + 1:.1f}]{rest}"
    )


SCORES = of_test(1.258, 1.118, 1.424) | {
    "baseline": {"euclidean_mean_mm": 16.76},
    "also": of_test(5.962, 4.932, 6.97) | {"split": "held_out_points"},
}


def test_the_scores_can_be_pasted_into_a_text(tmp_path: Path) -> None:
    markdown, latex = (path.read_text() for path in write_score_files(SCORES, tmp_path))
    assert (
        markdown
        == """\
| test subset | mean error (mm) |
| --- | ---: |
| model | 1.26 [1.12, 1.42] |
| mean or most frequent class | 16.8 |
| model, held_out_points | 6.0 [4.9, 7.0] |
"""
    )
    assert (
        latex
        == r"""\begin{tabular}{lr}
\hline
test subset & mean error (mm) \\
\hline
model & 1.26 [1.12, 1.42] \\
mean or most frequent class & 16.8 \\
model, held\_out\_points & 6.0 [4.9, 7.0] \\
\hline
\end{tabular}
"""
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.md", "results.tex"]
