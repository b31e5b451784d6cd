"""A run's report, looked at with a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from forcepos.results.scores import score
from tests.conftest import Smoke
from tests.system.browser import MARKS, browser

__all__ = ["browser"]  # a fixture
pytestmark = MARKS


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("model", ["ffnn_regression", "cnn_classification"])
def test_a_report_shows_all_it_has_on_any_screen(smoke: Smoke, browser: Browser, model: str, width: int) -> None:
    finished, _ = smoke(model)
    assert finished.code == 0, finished.err
    report = Path(finished.result["outputs"], "report.html")
    page = browser.new_page(viewport={"width": width, "height": 900})
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri(), wait_until="load")
    shown = page.evaluate("Array.from(document.images, image => image.naturalWidth)")
    assert shown, "there are pictures"
    assert min(shown) > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_text("All values of this run").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 25, 30)"
    assert told == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.close()


def test_the_first_screen_has_question_score_honest_figure_baseline_and_verdict(
    smoke: Smoke, browser: Browser
) -> None:
    finished, _ = smoke("ffnn_regression")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(Path(finished.result["outputs"], "report.html").as_uri(), wait_until="load")
    for text in ("How far off is it later in a recording that it knows?", "Honest figure", "Best baseline"):
        assert page.get_by_text(text).is_visible()
    box = page.locator(".verdict").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 800
    assert page.get_by_text(score(finished.result), exact=True).is_visible()
    page.close()


def test_the_model_is_loaded_from_any_folder_as_the_report_says(smoke: Smoke, tmp_path: Path) -> None:
    finished, _ = smoke("cnn_classification")
    report = Path(finished.result["outputs"], "report.html").read_text()
    ways = [unescape(code) for code in re.findall(r'<pre tabindex="0">(import .*?)</pre>', report, re.DOTALL)]
    assert [code.split("\n")[0] for code in ways] == ["import mlflow", "import keras"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "PYTHONPATH"))}
    for code, expected in zip(ways, ("(10, 17)", "{'probabilities': (1, 8), 'sectors': (1, 8)}"), strict=True):
        of_each = "{name: values.shape for name, values in predictions.items()}"
        show = f"print(predictions.shape if 'rows' in vars() else {of_each})"
        command = [sys.executable, "-c", f"{code}\n{show}"]
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == expected
