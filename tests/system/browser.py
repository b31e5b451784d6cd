"""A browser to look at what people look at: Chromium, headless, if there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

MARKS = [
    pytest.mark.system,
    pytest.mark.xdist_group("browser"),  # one browser, and one run of each model, for all
    pytest.mark.skipif(
        _CHROMIUM is None,
        reason="no browser: install chromium, chromium-browser or google-chrome to look at pages",
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=_QUIET)
        yield chromium
        chromium.close()
