"""A run's report, looked at with a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

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
    assert told == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.close()
