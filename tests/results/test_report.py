"""The report is a single file, and no text in it can become markup."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from forcepos.results.report_page import report_html

EVIL = '<script>alert("x")</script>\'"&'
PNG = "MQ=="
CALM: dict[str, Any] = {
    "title": "cnn_regression, blocked",
    "facts": {"split": "blocked", "question": "how well does it do later in a visit?"},
    "scores": pd.DataFrame({"score": ["mean", "r2"], "model": ["1.5 mm", "-"], "interval": ["1.4 to 1.6", "-"]}),
    "tables": {"trials": pd.DataFrame({"trial": ["1", "2"], "activation": ["relu", "tanh"]})},
    "notes": ["Held-out points: 15 mm."],
    "figures": {"learning_curves": PNG, "error_map": "Mg=="},
    "config_yaml": "seed: 1\n",
    "model_uri": "models:/m-1",
}
EVIL_TABLE = pd.DataFrame({EVIL: [EVIL]})


@pytest.mark.parametrize(
    "contents",
    [
        {"title": EVIL},
        {"facts": {EVIL: EVIL}},
        {"scores": EVIL_TABLE},
        {"tables": {EVIL: EVIL_TABLE}},
        {"notes": [EVIL]},
        {"config_yaml": EVIL},
        {"model_uri": f"models:{EVIL}"},
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


def test_every_image_is_shown_with_title_and_caption() -> None:
    html = report_html(**CALM)
    images = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">', html)
    assert [(title, data) for data, title in images] == [
        ("Final training", PNG), ("Errors on the plate", "Mg==")
    ]  # fmt: skip
    for caption in ("Training and validation subsets after each epoch.", "to its mean predicted position."):
        assert caption in html


def test_every_text_of_the_report_is_on_the_page() -> None:
    html = report_html(**CALM)
    texts = [CALM[name] for name in ("title", "config_yaml", "model_uri")]
    texts += [*CALM["facts"], *CALM["facts"].values(), *CALM["notes"], "Model and references", "Trials"]
    for table in (CALM["scores"], *CALM["tables"].values()):
        texts += [*table.columns, *table.to_numpy().flat]
    assert [text for text in texts if text not in html] == []


def test_sections_are_in_the_order_of_the_contents() -> None:
    html = report_html(**CALM)
    sections = re.findall(r'<section id="(\w+)">', html)
    assert sections == ["provenance", "scores", "figures", "tables", "config", "load"]
    assert re.findall(r'<a href="#(\w+)">', html) == sections


def test_without_figures_and_tables_the_contents_do_not_list_them() -> None:
    html = report_html(**CALM | {"figures": {}, "tables": {}, "notes": []})
    assert re.findall(r'<section id="(\w+)">', html) == ["provenance", "scores", "config", "load"]
    assert re.findall(r'<a href="#(\w+)">', html) == ["provenance", "scores", "config", "load"]


def test_of_a_long_table_the_first_rows_are_shown_with_four_digits() -> None:
    table = pd.DataFrame({"name": [f"r{number}" for number in range(13)], "mm": [1.23456, *range(12)]})
    html = report_html(**CALM | {"tables": {"errors_by_recording": table}})
    assert "<caption>Errors by recording, the first 12 of 13</caption>" in html
    assert "<td>1.235</td>" in html
    assert "<td>r11</td>" in html
    assert "<td>r12</td>" not in html


@pytest.mark.parametrize(
    ("uri", "lines"),
    [
        ("models:/m-1", ["import mlflow", "", 'model = mlflow.pyfunc.load_model("models:/m-1")']),
        ("file:///a/model.keras", ["import keras", "", 'model = keras.models.load_model("model.keras")']),
    ],
)
def test_the_report_says_how_to_load_the_model(uri: str, lines: list[str]) -> None:
    code = re.findall(r'<pre tabindex="0">(import .*)</pre>', report_html(**CALM | {"model_uri": uri}), re.DOTALL)
    assert code == ["\n".join([*lines, "predictions = model.predict(signals)  # float32, raw signals"])]
