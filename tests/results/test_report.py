"""The report is a single file, and no text in it can become markup."""

from __future__ import annotations

import base64
import re
from typing import Any

import pandas as pd
import pytest

from forcepos.results.report_html import Picture, Table, report_html

EVIL = '<script>alert("x")</script>\'"&'
PNG = b"\x89PNG one"
CALM: dict[str, Any] = {
    "title": "cnn_regression, blocked",
    "facts": {"split": "blocked", "question": "how well does it do later in a visit?"},
    "scores": Table(
        "Test subset",
        pd.DataFrame({"score": ["mean", "r2"], "model": ["1.5 mm", "-"], "interval": ["1.4 to 1.6", "-"]}),
    ),
    "tables": [Table("Trials", pd.DataFrame({"trial": ["1", "2"], "activation": ["relu", "tanh"]}))],
    "notes": ["Held-out points: 15 mm."],
    "figures": [
        Picture("Learning curves", "Loss by epoch.", PNG),
        Picture("Error map", "By point.", b"\x89PNG two"),
    ],
    "config_yaml": "seed: 1\n",
    "how_to_load": "import mlflow\n",
}
EVIL_TABLE = Table(EVIL, pd.DataFrame({EVIL: [EVIL]}))


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
    assert [(base64.b64decode(data), title) for data, title in images] == [
        (picture.png, picture.title) for picture in CALM["figures"]
    ]
    assert all(picture.caption in html for picture in CALM["figures"])


def test_every_text_of_the_report_is_on_the_page() -> None:
    html = report_html(**CALM)
    texts = [CALM[name] for name in ("title", "config_yaml", "how_to_load")]
    texts += [*CALM["facts"], *CALM["facts"].values(), *CALM["notes"]]
    for table in (CALM["scores"], *CALM["tables"]):
        texts += [table.title, *table.cells.columns, *table.cells.to_numpy().flat]
    assert [text for text in texts if text not in html] == []


def test_sections_are_in_the_order_of_the_contents() -> None:
    html = report_html(**CALM)
    sections = re.findall(r'<section id="(\w+)">', html)
    assert sections == ["provenance", "scores", "figures", "tables", "config", "load"]
    assert re.findall(r'<a href="#(\w+)">', html) == sections


def test_without_figures_and_tables_the_contents_do_not_list_them() -> None:
    html = report_html(**CALM | {"figures": [], "tables": [], "notes": []})
    assert re.findall(r'<section id="(\w+)">', html) == ["provenance", "scores", "config", "load"]
    assert re.findall(r'<a href="#(\w+)">', html) == ["provenance", "scores", "config", "load"]


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (["1.5 mm", "-"], True), (["1.4 to 1.6", "-"], True), (["-0.3", "+1"], True),
        (["inf", "-inf", "nan", ""], True),
        (["mean", "r2"], False), (["infer"], False), (["relu", "3"], False), (["-", "-"], False), ([], False),
    ],
)  # fmt: skip
def test_columns_of_numbers_are_distinguished_from_columns_of_text(cells: list[str], numeric: bool) -> None:
    html = report_html(**CALM | {"tables": [Table("", pd.DataFrame({"only": cells}))]})
    assert ('<th scope="col" class="number">only</th>' in html) == numeric
    assert all((f'<td class="number">{cell}</td>' in html) == numeric for cell in cells if cell != "-")
