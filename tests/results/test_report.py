"""The report is a single file, and no text in it can become markup."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest

from forcepos.results.report_html import Picture, Report, Table, report_html

EVIL = '<script>alert("x")</script>\'"&'
PNG = b"\x89PNG one"
CALM = Report(
    title="cnn_regression, blocked",
    facts={"split": "blocked", "question": "how well does it do later in a visit?"},
    scores=Table(
        "Test subset", ["score", "model", "interval"], [["mean", "1.5 mm", "1.4 to 1.6"], ["r2", "-", "-"]]
    ),
    tables=[Table("Trials", ["trial", "activation"], [["1", "relu"], ["2", "tanh"]])],
    notes=["Held-out points: 15 mm."],
    figures=[Picture("Learning curves", "Loss by epoch.", PNG), Picture("Error map", "By point.", b"\x89PNG two")],
    config_yaml="seed: 1\n",
    how_to_load="import mlflow\n",
)
EVIL_TABLE = Table(EVIL, [EVIL], [[EVIL]])


@pytest.mark.parametrize(
    "contents",
    [
        {"title": EVIL},
        {"facts": {EVIL: EVIL}},
        {"scores": EVIL_TABLE},
        {"tables": [EVIL_TABLE]},
        {"notes": [EVIL]},
        {"figures": [Picture(EVIL, EVIL, PNG)]},
        {"config_yaml": EVIL},
        {"how_to_load": EVIL},
    ],
    ids=lambda contents: str(*contents),
)
def test_every_text_is_escaped(contents: dict[str, object]) -> None:
    html = report_html(replace(CALM, **contents))  # type: ignore[arg-type]
    assert "<script" not in html
    assert 'alert("x")' not in html
    assert "&lt;script&gt;alert(&#34;x&#34;)" in html
    tags = re.compile(r"<[a-z/!][^>]*>")
    assert {tag for tag in tags.findall(html) if "&lt;script" not in tag} <= set(tags.findall(report_html(CALM)))


def test_nothing_is_fetched_from_anywhere() -> None:
    html = report_html(CALM)
    assert not re.search(r"https?://|url\(|@import|<script|<iframe|<object", html)
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', html))
    assert all(target.startswith(("#", "data:")) for target in re.findall(r'href="([^"]*)"', html))


def test_every_image_is_shown_with_title_and_caption() -> None:
    html = report_html(CALM)
    images = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">', html)
    assert [(base64.b64decode(data), title) for data, title in images] == [
        (picture.png, picture.title) for picture in CALM.figures
    ]
    assert all(picture.caption in html for picture in CALM.figures)


def test_every_text_of_the_report_is_on_the_page() -> None:
    html = report_html(CALM)
    texts = [CALM.title, *CALM.facts, *CALM.facts.values(), *CALM.notes, CALM.config_yaml, CALM.how_to_load]
    for table in (CALM.scores, *CALM.tables):
        texts += [table.title, *table.columns, *(cell for row in table.rows for cell in row)]
    assert [text for text in texts if text not in html] == []


def test_sections_are_in_the_order_of_the_contents() -> None:
    html = report_html(CALM)
    sections = re.findall(r'<section id="(\w+)">', html)
    assert sections == ["provenance", "scores", "figures", "tables", "config", "load"]
    assert re.findall(r'<a href="#(\w+)">', html) == sections


def test_without_figures_and_tables_the_contents_do_not_list_them() -> None:
    html = report_html(replace(CALM, figures=[], tables=[], notes=[]))
    assert re.findall(r'<section id="(\w+)">', html) == ["provenance", "scores", "config", "load"]
    assert re.findall(r'<a href="#(\w+)">', html) == ["provenance", "scores", "config", "load"]


def test_columns_of_numbers_are_distinguished_from_columns_of_text() -> None:
    assert CALM.scores.numeric == [False, True, True]
    assert Table("", ["a", "b", "c"], [["-0.3", "relu", "-"], ["+1", "3", "-"]]).numeric == [True, False, False]
    assert Table(
        "",
        ["a"],
        [
            ["inf"],
            ["-inf"],
            ["nan"],
            [
                "",
            ],
        ],
    ).numeric == [True]
    assert Table("", ["a", "b"], [["infer", "-"]]).numeric == [False, False]
    assert Table("", ["a"], []).numeric == [False]
