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
from forcepos.results.figures import style
from forcepos.results.findings import cards, question, verdict
from forcepos.results.run_report import write_model_card
from forcepos.results.scores import write_score_files
from tests.conftest import checked_config

EVIL = '<script>alert("x")</script>\'"&'
PNG = "MQ=="
LOAD = {
    "tracking_uri": "'sqlite:///mlruns'", "model_uri": "'models:/m-1'", "file": "'a/model.keras'",
    "windows": (1, 10, 20), "rows": (10, 20),
}  # fmt: skip
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
    "load": LOAD,
    "seconds": {"search": 88.9},
    "tables": {"trials": pd.DataFrame({"trial": ["1", "2"], "activation": ["relu", "tanh"]})},
    "config_yaml": "seed: 1\n",
    "facts": {"split": "blocked", "question": "how well does it do later in a visit?"},
}
EVIL_TABLE = pd.DataFrame({EVIL: [EVIL]})
report_html = partial(style.page, "report.html.jinja")
BLOCKED = checked_config("split=blocked").split
SECTIONS = ["scores", "data", "checks", "figures", "model", "times", "tables", "config", "provenance"]


def of_test(value: float, low: float, high: float, measure: str = "euclidean_mean_mm") -> dict[str, Any]:
    return {"test": {measure: value}, "intervals": {measure: [low, high]}}


def against(
    name: str, value: float, difference: list[float], measure: str = "euclidean_mean_mm"
) -> dict[str, Any]:
    """The best baseline of a result, and low and high of the difference from its score."""
    constant = 0.1 if measure == "accuracy" else 16.0
    return {"baseline": {measure: constant}, name: {measure: value}, "differences": {name: {measure: difference}}}


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
        {"load": LOAD | {"file": EVIL}},
        {"load": LOAD | {"tracking_uri": EVIL}},
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
    shown = {"load": LOAD | {"tracking_uri": uri}, "config_yaml": f"uri: {uri}\n", "facts": {"uri": uri}}
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


def test_the_picture_of_the_gap_stands_above_the_scores_and_only_there() -> None:
    html = report_html(**CALM | {"figures": {"gap": "Mw==", "error_map": PNG}})
    assert re.findall(r'alt="([^"]+)"', html) == ["From split to split", "Errors on the plate"]
    assert html.index('class="verdict"') < html.index('alt="From split to split"') < html.index('id="scores"')


def test_every_text_of_the_report_is_on_the_page() -> None:
    html = report_html(**CALM)
    texts = [CALM[name] for name in ("title", "question", "verdict", "config_yaml")]
    texts += [*CALM["cards"][0], *CALM["notes"], "import keras", "Coverage is off.</strong> Calibrate on more."]
    for pairs in (CALM["facts"], CALM["hyperparameters"], CALM["seconds"]):
        texts += [*pairs, *map(str, pairs.values())]
    for table in (CALM["scores"], CALM["data"], CALM["layers"], *CALM["tables"].values()):
        texts += [*table.columns, *table.to_numpy().flat]
    assert [text for text in texts if text not in html] == []


def test_the_model_is_loaded_from_mlflow_where_it_is_there_and_from_its_file() -> None:
    lines = {
        "mlflow.set_tracking_uri(&#39;sqlite:///mlruns&#39;)\n": 1,
        "model = mlflow.pyfunc.load_model(&#39;models:/m-1&#39;)\n": 1,
        "rows = pd.DataFrame(np.zeros((10, 20)), columns=columns)": 1,
        "model = keras.models.load_model(&#39;a/model.keras&#39;)\nwindows = np.zeros((1, 10, 20), np.float32)": 2,
    }
    pages = [report_html(**CALM | {"load": load}) for load in (LOAD, LOAD | {"model_uri": None})]
    assert {line: sum(line in page for page in pages) for line in lines} == lines


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
    ("reference", "difference", "compared"),
    [
        (5.244, [-4.2, -3.8], "better than the linear model (5.24 mm)"),
        (1.3, [-0.1, 0.02], "perhaps better than the linear model (1.30 mm)"),
        (1.258, [0, 0], "no better than the linear model (1.26 mm)"),
        (1.2, [-0.01, 0.13], "no better than the linear model (1.20 mm)"),
        (0.05, [1.1, 1.3], "worse than the linear model (0.050 mm)"),
    ],
)
def test_the_verdict_compares_with_the_best_baseline_on_the_same_samples(
    reference: float, difference: list[float], compared: str
) -> None:
    result = of_test(1.258, 1.118, 1.424) | against("linear", reference, difference) | {"also": None}
    assert verdict(result, BLOCKED) == f"1.26 mm [1.12, 1.42] later in a recording that it knows, {compared}."
    assert [f"({number})" for _, number, _ in cards(result)[1:]] == [compared.partition("model ")[2]]


def test_the_verdict_says_what_may_be_claimed_on_either_split() -> None:
    own = of_test(1.258, 1.118, 1.424) | against("boosted_trees", 5.24, [-4.2, -3.8])
    second = of_test(13.6, 11.1, 16.2) | against("linear", 10.7, [-0.3, 6.1]) | {"split": "held_out_points"}
    assert verdict(own | {"also": second}, BLOCKED) == (
        "1.26 mm [1.12, 1.42] later in a recording that it knows, better than the boosted trees (5.24 mm); "
        "13.6 mm [11.1, 16.2] at points that it has never touched, no better than the linear model (10.7 mm)."
    )


def test_the_verdict_on_classes_is_in_percent_of_which_more_is_better() -> None:
    own = of_test(0.988, 0.979, 0.995, "accuracy") | against("baseline", 0.25, [0.71, 0.76], "accuracy")
    second = of_test(0.46, 0.44, 0.48, "accuracy") | against("linear", 0.7, [-0.3, -0.2], "accuracy")
    split = checked_config("split=held_out_points").split
    assert verdict(own | {"also": second | {"split": "held_out_recordings"}}, split) == (
        "98.8 % [97.9, 99.5] at points that it has never touched, better than the constant baseline (25.0 %); "
        "46.0 % [44.0, 48.0] in a new recording of points that it knows, worse than the linear model (70.0 %)."
    )


SCORES = of_test(1.258, 1.118, 1.424) | {
    "baseline": {"euclidean_mean_mm": 16.76},
    "also": of_test(5.962, 4.932, 6.97)
    | {
        "split": "held_out_points",
        "baseline": {"euclidean_mean_mm": 18.24},
        "linear": {"euclidean_mean_mm": 12.2},
    },
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
| mean or most frequent class, held_out_points | 18.2 |
| linear model, held_out_points | 12.2 |
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
mean or most frequent class, held\_out\_points & 18.2 \\
linear model, held\_out\_points & 12.2 \\
\hline
\end{tabular}
"""
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.md", "results.tex"]


def test_the_model_card_says_what_it_was_trained_on_how_good_it_is_and_where_its_limits_are(
    tmp_path: Path,
) -> None:
    result = SCORES | {
        "data": {"name": "table", "fingerprint": "abc", "recordings": 12, "subsets": {"train": 9, "test": 3}},
        "run_id": None, "outputs": "outputs/runs/a", "verdict": "1.26 mm, better than the linear model.",
        "checks": [{"found": "test values of F|x\n leave the range", "advice": "tare"}],
        "resampled": "recordings", "confidence": 0.95, "also": None,
    }  # fmt: skip
    channels = [
        {"name": "F|x", "unit": "N", "least": -1.23456, "greatest": 1e5},
        {"name": "T`", "unit": None, "least": 0.0, "greatest": 1.0},
    ]
    facts = {
        "config": {"model": {"name": "cnn"}, "split": {"name": "blocked"}}, "channels": channels, "rows": 10,
        "rate_hz": 100.0, "axes": ["x", "y"], "labels": [], "targets": {"frame": "the plate's"}, "tared": ["F|x"],
    }  # fmt: skip
    assert write_model_card(result, facts, tmp_path / "card.md").read_text() == (
        r"""# cnn

1.26 mm, better than the linear model.

| | |
| --- | --- |
| answers | x, y in mm, the plate's |
| sees | 10 x 2 values, rows by channels at 100 Hz |
| data | table, fingerprint abc: 12 recordings |
| split | blocked: 9 train, 3 test samples |
| tared in training | F\|x |
| run | outputs/runs/a |

## Scores

| test subset | mean error (mm) |
| --- | --- |
| model | 1.26 [1.12, 1.42] |
| mean or most frequent class | 16.8 |

[low, high]: 95 % intervals from a bootstrap over recordings of the test subset

## Limits

- test values of F\|x\x0a leave the range: tare

## Signals

| channel | unit | least in training | greatest |
| --- | --- | --- | --- |
| `F\|x` | N | -1.235 | 1e+05 |
| `` T` `` |  | 0 | 1 |
"""
    )
