"""The list of runs as MLflow's user interface shows it, opened by our command and read with a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import Smoke, runs
from tests.running import environment_with
from tests.system.browser import MARKS, browser
from tests.system.ports import free_port

__all__ = ["browser"]  # a fixture
pytestmark = MARKS
_UP_S = 120.0


@pytest.fixture(scope="module")
def shown(smoke: Smoke) -> Iterator[tuple[Path, str]]:
    """The folder of a finished run and the link that `forcepos ui` prints there, while it serves."""
    folder, port = smoke("ffnn_regression")[1], free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "forcepos", "ui", "--port", str(port)],
        cwd=folder, env=environment_with(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        link = process.stdout.readline().strip()
        _wait_for(f"http://127.0.0.1:{port}/health")
        yield folder, link
        os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches all processes of a terminal
        assert "Traceback" not in process.communicate(timeout=60)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for(url: str) -> None:
    until = time.monotonic() + _UP_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def _opened(browser: Browser, link: str) -> tuple[Page, list[str]]:
    """A page at this link, and what it requests."""
    page = browser.new_page(viewport={"width": 2200, "height": 1400})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    # The assistant opens itself the first time, over the list.
    page.add_init_script("localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')")
    page.goto(link)
    return page, asked


def _header(page: Page, metric: str) -> Locator:
    return page.locator(f'.ag-header-cell[col-id="metrics.`{metric}`"]')


def _cell(page: Page, column: str) -> str:
    """What the first row of the list has in a column."""
    text = page.locator(f'.ag-center-cols-container [row-index="0"] [col-id="{column}"]').first.inner_text()
    return text.strip()


def test_the_printed_link_opens_a_list_in_which_the_score_can_be_read(
    shown: tuple[Path, str], browser: Browser
) -> None:
    folder, link = shown
    (job,) = (run for run in runs(folder) if "search" in run.data.tags)
    page, asked = _opened(browser, link)
    expect(page.get_by_text("1 matching run")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Jobs by test score")).to_be_visible()
    for name in ("test/euclidean_mean_mm", "held_out_points/euclidean_mean_mm"):
        expect(_header(page, name)).to_be_visible()
        assert float(_cell(page, f"metrics.`{name}`")) == pytest.approx(job.data.metrics[name])
    expect(page.get_by_role("link", name=str(job.info.run_name))).to_be_visible()
    expect(_header(page, "test/accuracy")).to_have_count(0)
    assert [url for url in asked if not re.match(r"http://127\.0\.0\.1:|data:|blob:", url)] == []
    page.close()


def test_in_the_charts_scores_and_learning_curves_come_first(shown: tuple[Path, str], browser: Browser) -> None:
    page, _ = _opened(browser, f"{shown[1]}&compareRunsMode=CHART")
    headers = page.get_by_role("figure").filter(has_text="Add chart")
    expect(headers.first).to_be_visible(timeout=60_000)
    assert [text.split()[0] for text in headers.all_inner_texts()[:3]] == ["scores", "validation", "train"]
    page.close()


def test_no_telemetry_is_sent(shown: tuple[Path, str]) -> None:
    server = shown[1].partition("/#/")[0]
    with urllib.request.urlopen(f"{server}/ajax-api/3.0/mlflow/ui-telemetry", timeout=30) as response:
        assert json.load(response)["disable_ui_telemetry"] is True


def test_a_view_of_its_own_lists_the_trials(shown: tuple[Path, str], browser: Browser) -> None:
    folder, link = shown
    page, _ = _opened(browser, link)
    page.get_by_role("button", name="Jobs by test score").click(timeout=60_000)
    page.get_by_role("menuitem", name="Trials of a search").click()
    trials = [run for run in runs(folder) if "objective" in run.data.metrics]
    expect(page.get_by_text(f"{len(trials)} matching runs")).to_be_visible()
    best = min(trials, key=lambda run: float(run.data.metrics["objective"]))
    assert float(_cell(page, "metrics.`objective`")) == pytest.approx(best.data.metrics["objective"])
    assert float(_cell(page, "params.`lr`")) == pytest.approx(float(best.data.params["lr"]))
    page.close()
